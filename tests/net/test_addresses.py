"""Which addresses are the public internet's, in every spelling."""

import pytest

from mainstay.net.addresses import is_own, nature, spelled

CLOSED = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "2130706433": "loopback",  # decimal
    "0x7f000001": "loopback",
    "017700000001": "loopback",
    "0x7f.1": "loopback",
    "0177.0.0.1": "loopback",
    "127.1": "loopback",
    "127.0.0.1.": "loopback",
    "::1": "loopback",
    "[::1]": "loopback",
    "::ffff:127.0.0.1": "loopback",  # mapped
    "::127.0.0.1": "loopback",  # compatible
    "::ffff:0:127.0.0.1": "loopback",  # translated
    "64:ff9b::127.0.0.1": "loopback",  # NAT64
    "2002:7f00:1::": "loopback",  # 6to4
    "2001:0:7f00:1::": "loopback",  # Teredo, its server
    "2001:0:808:808:0:0:80ff:fffe": "loopback",  # Teredo, its client
    "2001:4860::5efe:7f00:1": "loopback",  # ISATAP
    "0": "unspecified",
    "0.0.0.0": "unspecified",
    "::": "unspecified",
    "10.0.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "::ffff:192.168.1.1": "private",
    "64:ff9b::10.0.0.1": "private",
    "fd00::1": "private",
    "100.64.0.1": "shared",
    "100.127.255.255": "shared",
    "169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "2002:a9fe:a9fe::": "link-local",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "ff02::1": "multicast",
    "0.1.2.3": "reserved",
    "192.0.0.8": "reserved",
    "192.0.2.1": "reserved",
    "198.18.0.1": "reserved",
    "255.255.255.255": "reserved",
    "64:ff9b:1::1": "reserved",
    "2001:db8::1": "reserved",
    "100::1": "reserved",
    "fec0::1": "reserved",
}
OPEN = (
    *("1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700::1111"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::"),
)
NAMES = (
    "example.org",
    "localhost",
    "face.example",
    "1.2.3.4.example.org",
    "0x",
    "1.2.3.4.5",
    "",
    "299.1.1.1",
)


@pytest.mark.parametrize(("text", "expected"), CLOSED.items())
def test_an_address_that_is_not_public_is_told_by_its_nature(text: str, expected: str) -> None:
    address = spelled(text)
    assert address is not None
    assert nature(address) == expected


@pytest.mark.parametrize("text", OPEN)
def test_a_public_address_is_open(text: str) -> None:
    address = spelled(text)
    assert address is not None
    assert nature(address) == ""


@pytest.mark.parametrize("text", NAMES)
def test_a_name_spells_no_address(text: str) -> None:
    assert spelled(text) is None


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.1.5", True),
        ("fd00::1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", False),  # belongs to the network, not to its user
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("64:ff9b::127.0.0.1", False),  # nobody names a machine of theirs so
        ("8.8.8.8", False),
    ],
)
def test_what_may_be_a_machine_of_the_operators_own(text: str, own: bool) -> None:
    address = spelled(text)
    assert address is not None
    assert is_own(address) is own
