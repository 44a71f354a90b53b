"""Programs that try to leave the sandbox, or to take more than they were given.

Each probe runs as a program would, and reports what it got. Skipped out loud where bubblewrap is missing.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import Unavailable
from mainstay.net import sandbox
from mainstay.net.box import MB, Box, Limits
from mainstay.net.sandbox import run
from mainstay.net.seccomp import closed_calls
from tests.security.attacks import attack

pytestmark = pytest.mark.binary("bwrap")
PYTHON = "/usr/bin/python3"
NO_FILTER = ("mainstay.net.sandbox", "closed_calls", lambda: b"")
LONG = 60.0  # seconds that nobody waits for: what ends here ends by the limit that it passes

_walls: Callable[[Mapping[str, int], Limits], list[str]] = sandbox._walls


def without(*gone: str) -> tuple[str, str, Any]:
    """The sandbox without some of its walls."""
    return (
        "mainstay.net.sandbox",
        "_walls",
        lambda given, limits: [one for one in _walls(given, limits) if one not in gone],
    )


def with_(*more: str) -> tuple[str, str, Any]:
    """The sandbox with a hole."""
    return ("mainstay.net.sandbox", "_walls", lambda given, limits: [*_walls(given, limits), *more])


def _exposed(given: Mapping[str, int], limits: Limits) -> list[str]:
    """The sandbox among the processes of the host."""
    walls = " ".join(_walls(given, limits)).replace("--unshare-all", "--unshare-uts --unshare-net")
    return walls.replace("--proc /proc", "--dev-bind /proc /proc").split(" ")


def _writable(given: Mapping[str, int], limits: Limits) -> list[str]:
    return ["--bind-data" if one == "--ro-bind-data" else one for one in _walls(given, limits)]


_starting = subprocess.Popen


def _with_our_environment(*command: Any, **options: Any) -> Any:
    return _starting(*command, **{**options, "env": dict(os.environ)})


def probed(code: str, *values: object, limits: Limits = sandbox.USUAL, **options: Any) -> Any:
    """What a probe in Python reports with `say(...)`; None if it came to say nothing."""
    head = "import json, os, sys, socket, ctypes\nargs = json.loads(sys.argv[1])\n"
    head += "def say(one): print(json.dumps(one), flush=True)\n"
    head += "def tried(what):\n    try: return what() or 'done'\n"
    head += "    except BaseException as e: return type(e).__name__\n"
    ran = run([PYTHON, "-I", "-c", head + code, json.dumps(values)], limits=limits, **options)
    lines = ran.output.decode().splitlines()
    assert lines or ran.ended.how != "exited", ran.ended.errors
    return json.loads(lines[-1]) if lines else None


@pytest.fixture(autouse=True, scope="module")
def tried_as_it_stands() -> None:
    """Whether there is a sandbox is found out once, and before a weakness is planted."""
    sandbox.why_not()


@pytest.fixture
def listener() -> Iterator[int]:
    """A server on the loopback of the host."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


# --- what it could read --------------------------------------------------------------------------------------------


@attack(with_("--ro-bind", "/", "/host", "--symlink", "/host/root", "/root"), with_("--ro-bind", "/", "/"))
def test_it_reads_no_file_of_the_host(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    key.write_text("the master key")
    places = [
        *(str(key), str(tmp_path), str(Path.home()), "/etc/passwd", "/etc/shadow", "/etc/hostname", "/root"),
        *("/home", "/var", "/run", "/opt", "/srv", "/mnt", "/sys", "/work", os.getcwd()),
    ]
    got = probed(
        "say([p for p in args[0] if tried(lambda: os.stat(p)) not in ('FileNotFoundError',)])", places
    )
    assert got == []
    links = probed("os.symlink(args[0], '/tmp/link'); say(tried(lambda: open('/tmp/link').read()))", str(key))
    assert links == "FileNotFoundError"


@attack(without("--unshare-all", "--unshare-user"), with_("--dev-bind", "/proc", "/proc"))
def test_it_sees_no_process_of_the_host() -> None:
    host = os.getpid()
    seen = probed(
        "say({p: open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()})",
    )
    assert len(seen) <= 3
    assert not any("pytest" in one for one in seen.values())
    got = probed("say(tried(lambda: open(f'/proc/{args[0]}/environ').read()))", host)
    assert got in ("FileNotFoundError", "PermissionError")


@attack(("mainstay.net.sandbox", "subprocess.Popen", _with_our_environment))
def test_it_has_no_environment_and_no_descriptor_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    read, write = os.pipe()
    os.set_inheritable(read, True)
    try:
        got = probed("say([dict(os.environ), sorted(os.listdir('/proc/self/fd'))])")
    finally:
        os.close(read)
        os.close(write)
    environment, descriptors = got
    assert set(environment) <= {"PATH", "HOME", "LANG", "PWD", "LC_CTYPE", "SHLVL", "OLDPWD", "_"}
    assert descriptors == ["0", "1", "2", "3"]  # the last is the listing itself


# --- whom it could reach -------------------------------------------------------------------------------------------


@attack(with_("--share-net"))
def test_it_reaches_no_network_and_no_server_on_loopback(listener: int) -> None:
    code = (
        "say([tried(lambda: socket.create_connection(('127.0.0.1', args[0]), 1).close()),"
        " tried(lambda: socket.create_connection(('192.0.2.1', 80), 0.2).close()),"
        " tried(lambda: socket.getaddrinfo('example.org', 80))])"
    )
    loopback, outside, name = probed(code, listener)
    assert loopback == "ConnectionRefusedError"
    assert outside in ("OSError", "ConnectionRefusedError")
    assert name == "gaierror"


@attack(with_("--share-net"))
def test_it_reaches_no_abstract_socket() -> None:
    name = f"mainstay-probe-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0" + name)
        listening.listen()
        code = "s = socket.socket(socket.AF_UNIX); say(tried(lambda: s.connect(chr(0) + args[0])))"
        assert probed(code, name) == "ConnectionRefusedError"


@attack(("mainstay.net.sandbox", "_walls", _exposed))
def test_it_kills_and_traces_nobody() -> None:
    got = probed(
        "import signal\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "attached = libc.ptrace(16, args[0], 0, 0)\n"
        "say([tried(lambda: os.kill(args[0], 0)), attached, tried(lambda: os.kill(os.getppid(), 9))])",
        os.getpid(),
    )
    assert got is None or got[:2] == [
        "ProcessLookupError",
        -1,
    ]  # None: it ended its own sandbox, and nothing else
    os.kill(os.getpid(), 0)


# --- what it could become ------------------------------------------------------------------------------------------


@attack(NO_FILTER, ("mainstay.net.sandbox", "why_not", lambda: ""))
def test_the_calls_that_were_a_way_out_before_are_closed() -> None:
    if not shutil.which("bwrap"):
        pytest.skip("bwrap is missing")
    code = (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(number, *a):\n"
        "    ctypes.set_errno(0); libc.syscall(number, *a); return ctypes.get_errno()\n"
        "import platform\n"
        "n = {'x86_64': (272, 101, 321, 425, 319, 250), 'aarch64': (97, 117, 280, 425, 279, 219)}[platform.machine()]\n"
        "user = call(n[0], 0x10000000)\n"
        "say([user, *[call(one, 0, 0, 0) for one in n[1:]]])"
    )
    assert probed(code) == [1] * 6


@attack(with_("--uid", "0", "--gid", "0"))
def test_it_stays_nobody() -> None:
    got = probed(
        "say([os.getuid(), tried(lambda: os.setuid(0)), tried(lambda: os.chmod('/tmp', 0o4777)),"
        " open('/proc/self/status').read()])"
    )
    uid, became, _, status = got
    assert uid == sandbox.NOBODY
    assert became == "PermissionError" or became == "OSError"
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert fields["NoNewPrivs"].strip() == "1"
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["Seccomp"].strip() == "2"


@attack(("mainstay.net.sandbox", "_SANDBOX_USER", 0))
def test_it_is_never_root_outside_either() -> None:
    if os.geteuid() != 0:
        pytest.skip("this director is not root")
    with sandbox.start(["/bin/sh", "-c", "read line"]) as box:
        status = Path(f"/proc/{box.first}/status").read_text()
    owner = next(line for line in status.splitlines() if line.startswith("Uid:"))
    assert "0" not in owner.split()[1:]


@attack(without("--new-session"))
def test_it_types_into_nobodys_terminal() -> None:
    got = probed(
        "import fcntl\nsay([tried(lambda: os.open('/dev/tty', os.O_RDWR)), tried(lambda: fcntl.ioctl(0, 0x5412, b'x')),"
        " os.getsid(0)])"
    )
    assert got[0] == "OSError"  # it has no terminal
    assert got[1] in ("PermissionError", "OSError")
    assert got[2] != 0, "its session is one of the host's"


# --- what it could take --------------------------------------------------------------------------------------------


@attack(
    ("mainstay.net.sandbox", "_limiting", lambda limits: []),
    ("mainstay.net.sandbox", "why_not", lambda: ""),
)
def test_a_fork_bomb_stops_at_the_number_of_processes() -> None:
    code = (
        "n = 0\n"
        "try:\n"
        "    while n < 60:\n"
        "        if os.fork() == 0:\n"
        "            import time; time.sleep(30); os._exit(0)\n"
        "        n += 1\n"
        "except OSError: pass\n"
        "say(n)\n"
    )
    assert probed(code, limits=Limits(pids_max=10, wall_s=LONG)) < 10


@attack(("mainstay.net.box", "_memory", lambda first: 0))
def test_memory_of_many_processes_is_counted_together() -> None:
    code = (
        "import time\n"
        "for i in range(6):\n"
        "    if os.fork() == 0:\n"
        "        x = bytearray(20_000_000); time.sleep(args[0]); os._exit(0)\n"
        "time.sleep(args[0])\n"
    )
    # Long enough to be found out, short enough not to wait for in vain.
    ran = run(
        [PYTHON, "-I", "-c", f"import sys, os; args = [0.5]\n{code}"],
        limits=Limits(memory_max=60 * MB, wall_s=LONG),
    )
    assert ran.ended.how == "memory"


@attack(
    ("mainstay.net.sandbox", "_limiting", lambda limits: []),
    ("mainstay.net.sandbox", "why_not", lambda: ""),
)
def test_one_process_gets_no_more_memory_than_all() -> None:
    code = "x = []\ntry:\n    while True: x.append(bytearray(5_000_000))\nexcept MemoryError: say(len(x))"
    got = probed(code, limits=Limits(memory_max=60 * MB, wall_s=LONG))
    assert got is not None, "it was ended from outside, after it had taken more"
    assert got < 12


@attack(without("--size", str(64 * MB), str(2 * MB)), ("mainstay.net.sandbox", "why_not", lambda: ""))
def test_it_fills_no_disk() -> None:
    code = (
        "n = 0\n"
        "def fill(place):\n"
        "    global n\n"
        "    for i in range(8):\n"
        "        try:\n"
        "            with open(f'{place}/{i}', 'wb') as f: n += f.write(b'x' * 1_000_000)\n"
        "        except OSError: pass\n"
        "for place in ('/tmp', '/dev/shm', '/', '/agent', '/usr', '/dev', '/run'): fill(place)\n"
        "say(n)"
    )
    assert probed(code, limits=Limits(scratch_max=2 * MB)) <= 2 * MB


@attack(("mainstay.net.sandbox", "_walls", _writable))
def test_what_it_was_given_stays_as_it_is() -> None:
    given = {"data.txt": b"as it was"}
    code = (
        "say([tried(lambda: open('/agent/data.txt', 'w')), tried(lambda: os.remove('/agent/data.txt')),"
        " tried(lambda: os.chmod('/agent/data.txt', 0o777)), tried(lambda: open('/usr/x', 'w')),"
        " tried(lambda: os.mkdir('/x')), open('/agent/data.txt').read()])"
    )
    *refused, content = probed(code, inputs=given)
    assert content == "as it was"
    assert all(one in ("PermissionError", "OSError") for one in refused), refused


@attack(("mainstay.net.box", "Box._counted", lambda self, part: True))
def test_what_it_says_without_end_is_cut() -> None:
    ran = run(["/bin/sh", "-c", "yes | head -c 3000000"], limits=Limits(output_max=MB, wall_s=LONG))
    assert ran.ended.how == "output"


@attack(("mainstay.net.box", "Box._watching", lambda self: None))
def test_all_its_processes_end_at_the_deadline() -> None:
    code = "import time\nif os.fork() == 0: os.setsid()\nsay(os.getpid())\ntime.sleep(3)"
    head = "import os, json\ndef say(x): print(x, flush=True)\n"
    with sandbox.start([PYTHON, "-I", "-c", head + code], limits=Limits(wall_s=0.3)) as box:
        below = sandbox_processes(box)
        assert box.line() is not None
        assert box.rest() is not None
        ended = box.wait()
    assert ended.how == "time"
    assert not any(Path(f"/proc/{one}").exists() for one in below)


def sandbox_processes(box: Box) -> list[int]:
    """The processes of a sandbox, as the host numbers them."""
    children = Path(f"/proc/{box.first}/task/{box.first}/children")
    return [box.first, *map(int, children.read_text().split())]


# --- where there is none -------------------------------------------------------------------------------------------


@pytest.fixture
def untried() -> Iterator[None]:
    sandbox.why_not.cache_clear()
    yield
    sandbox.why_not.cache_clear()


@pytest.mark.usefixtures("untried")
def test_without_bubblewrap_nothing_runs_and_it_is_said_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_PLACES", "/nonexistent")
    with pytest.raises(Unavailable) as caught:
        run(["/bin/true"])
    assert "install bubblewrap" in caught.value.remedy


@pytest.mark.usefixtures("untried")
def test_on_another_system_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="Linux alone"):
        run(["/bin/true"])


@attack(("mainstay.net.sandbox", "_bwrap", lambda: shutil.which("bwrap")))
def test_a_bwrap_of_the_callers_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    false = tmp_path / "bwrap"
    false.write_text("#!/bin/sh\necho escaped\n")
    false.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        assert run(["/bin/sh", "-c", "echo inside"]).output == b"inside\n"
    except (Unavailable, OSError):  # as root its folder is closed to the one who starts it
        pytest.fail("what the caller names was started")


def test_a_machine_whose_calls_are_not_known_has_no_filter() -> None:
    assert closed_calls("riscv64") == b""
    assert len(closed_calls("aarch64")) % 8 == 0
