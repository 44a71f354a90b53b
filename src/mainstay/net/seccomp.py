"""Which system calls are closed to a program in the sandbox, as the filter that the kernel takes.

Namespaces and dropped capabilities do the work; this closes what they leave: looking into and taking over other
processes, new namespaces inside the sandbox, kernel interfaces that have been a way out before, typing into somebody's
terminal, and memory that no limit counts. All else is allowed: a list of what is needed would be another one for every
interpreter.

The filter is a few dozen instructions of the kernel's classic packet filter. The library that writes such filters is a
C library whose Python part is in no package index, so they are written here.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Mapping
from typing import Final

_EPERM, _ENOSYS = 1, 38
_CLONE_NEWUSER: Final = 0x1000_0000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_X32: Final = 0x4000_0000

# fmt: off
_X86_64: Final[Mapping[str, int]] = {
    "shmget": 29, "clone": 56, "msgget": 68, "ptrace": 101, "syslog": 103, "personality": 135,
    "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "pivot_root": 155, "chroot": 161,
    "init_module": 175, "delete_module": 176, "add_key": 248, "request_key": 249, "keyctl": 250,
    "unshare": 272, "move_pages": 279, "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
    "memfd_create": 319, "kexec_load": 246, "bpf": 321, "userfaultfd": 323, "ioctl": 16,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435,
    "pidfd_getfd": 438, "mount_setattr": 442, "memfd_secret": 447, "acct": 163, "quotactl": 179,
}
_AARCH64: Final[Mapping[str, int]] = {
    "shmget": 194, "clone": 220, "msgget": 186, "ptrace": 117, "syslog": 116, "personality": 92,
    "mount": 40, "umount2": 39, "swapon": 224, "reboot": 142, "pivot_root": 41, "chroot": 51,
    "init_module": 105, "delete_module": 106, "add_key": 217, "request_key": 218, "keyctl": 219,
    "unshare": 97, "move_pages": 239, "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273,
    "memfd_create": 279, "kexec_load": 104, "bpf": 280, "userfaultfd": 282, "ioctl": 29,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435,
    "pidfd_getfd": 438, "mount_setattr": 442, "memfd_secret": 447, "acct": 89, "quotactl": 60,
}
# fmt: on
_MACHINES: Final = {  # the kernel's number of the architecture, and its numbers of the calls
    "x86_64": (0xC000_003E, _X86_64),
    "aarch64": (0xC000_00B7, _AARCH64),
}
_ARGUED: Final = ("clone", "clone3", "ioctl")  # these are closed for some arguments, or in a way of their own

# Instructions: load a word, compare and jump, mask, give an answer.
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24  # where they lie in what the filter is given


def closed_calls(machine: str = "") -> bytes:
    """The filter for this machine; empty where its calls are not known here."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return b""
    audit, numbers = known
    lines = [
        _line(_LOAD, _ARCH),
        _line(_EQUAL, audit, 1, 0),
        _line(_RETURN, _KILL),  # calls of another architecture have other numbers
        _line(_LOAD, _NUMBER),
    ]
    if audit == _MACHINES["x86_64"][0]:
        lines += [_line(_AT_LEAST, _X32, 0, 1), _line(_RETURN, _KILL)]
    for name, number in numbers.items():
        if name not in _ARGUED:
            lines += [_line(_EQUAL, number, 0, 1), _line(_RETURN, _ERROR | _EPERM)]
    # Its arguments lie in memory, where no filter looks; the libraries fall back to `clone`.
    lines += [_line(_EQUAL, numbers["clone3"], 0, 1), _line(_RETURN, _ERROR | _ENOSYS)]
    lines += [
        _line(_EQUAL, numbers["clone"], 0, 4),
        _line(_LOAD, _FIRST),
        _line(_AND, _CLONE_NEWUSER),
        _line(_EQUAL, 0, 1, 0),
        _line(_RETURN, _ERROR | _EPERM),
        _line(_LOAD, _NUMBER),
        _line(_EQUAL, numbers["ioctl"], 0, 4),
        _line(_LOAD, _SECOND),
        _line(_EQUAL, _TIOCSTI, 1, 0),
        _line(_EQUAL, _TIOCLINUX, 0, 1),
        _line(_RETURN, _ERROR | _EPERM),
        _line(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
