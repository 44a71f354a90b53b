"""The sandbox: a program of somebody else's, run where it can reach nothing and take little.

Rules of this file:

- It runs in bubblewrap or not at all. Where that is missing or does not work, `why_not` says so and how to mend it.
- The program sees the system's read-only `/usr`, the files it is given (as copies of bytes, so that nothing changes
  under it), an empty folder in memory to write to, and its pipes. No network, no home, no environment, no host process.
- It never runs as root: a director that is root gives it a user that owns nothing.
- Every limit is set before its first instruction. When one is passed, all its processes end at once.

What there is no switch for: the network of the host. It leads to everything that listens on loopback.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Final

from mainstay.kernel.errors import Unavailable
from mainstay.net.box import Box, Ended, Limits
from mainstay.net.seccomp import closed_calls

PROGRAM: Final = "/agent"  # where the files lie that the program is given
SCRATCH: Final = "/tmp"  # an empty folder of its own
NOBODY: Final = 65_534
USUAL: Final = Limits()
_SANDBOX_USER: Final = 61_017  # in a range that systems give to nobody who stays
_PLACES: Final = "/usr/bin:/usr/local/bin:/bin"
_ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": SCRATCH, "LANG": "C.UTF-8"}
_LINKED: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_START_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ran by itself."""

    ended: Ended
    output: bytes


def run(
    command: Sequence[str],
    *,
    inputs: Mapping[str, bytes] | None = None,
    stdin: bytes = b"",
    limits: Limits = USUAL,
) -> Ran:
    """Run a command by itself. `inputs` are files by name, which lie in `PROGRAM`. Raises `Unavailable`."""
    with start(command, inputs=inputs, limits=limits) as box:
        feeding = threading.Thread(target=_feed, args=(box, stdin), daemon=True)
        feeding.start()
        output = box.rest()
        ended = box.wait()
        feeding.join()
    return Ran(ended, output)


def _feed(box: Box, data: bytes) -> None:
    with suppress(OSError, ValueError):
        assert box.process.stdin is not None
        box.process.stdin.write(data)
    box.say_no_more()


def start(
    command: Sequence[str],
    *,
    inputs: Mapping[str, bytes] | None = None,
    limits: Limits = USUAL,
) -> Box:
    """Start a command; its limits are in force before its first instruction. Raises `Unavailable`."""
    reason = why_not()
    if reason:
        raise Unavailable("programs of your own need the sandbox", why=reason, remedy=INSTALL)
    return _start(command, inputs or {}, limits)


@lru_cache(maxsize=1)
def why_not() -> str:
    """Why there is no sandbox on this machine; empty if it works. Tried once."""
    if sys.platform != "linux":
        return "there is a sandbox on Linux alone"
    if _bwrap() is None:
        return "bubblewrap (bwrap) is not installed"
    if not closed_calls():
        return f"no filter of system calls is known for {os.uname().machine}"
    try:
        with _start(["/bin/sh", "-c", ":"], {}, Limits(wall_s=5.0)) as box:
            ended = box.wait()
    except (OSError, ValueError, Unavailable) as error:
        return f"bubblewrap does not work here: {getattr(error, 'why', '') or error}"
    return "" if ended.code == 0 else f"bubblewrap does not work here: {ended.errors.strip()[:200]}"


INSTALL: Final = (
    "On Debian and Ubuntu: apt-get install bubblewrap. Where unprivileged user namespaces are switched off "
    "(kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), allow them for bwrap."
)


def _bwrap() -> str | None:
    # Never by the caller's PATH: what is started there guards everything else.
    return shutil.which("bwrap", path=_PLACES)


def _start(command: Sequence[str], inputs: Mapping[str, bytes], limits: Limits) -> Box:
    bwrap = _bwrap()
    assert bwrap is not None
    root = os.geteuid() == 0
    given = {name: _held(data) for name, data in inputs.items()}
    seccomp = _held(closed_calls())
    info, info_in = os.pipe()
    try:
        arguments = [bwrap, *_walls(given, limits)]
        arguments += ["--seccomp", str(seccomp), "--info-fd", str(info_in), "--", *_limiting(limits)]
        process = subprocess.Popen(
            [*arguments, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={},
            cwd="/",
            pass_fds=(*given.values(), seccomp, info_in),
            user=_SANDBOX_USER if root else None,
            group=_SANDBOX_USER if root else None,
            extra_groups=[] if root else None,
        )
        os.close(info_in)
        info_in = -1
        return _known(process, info, limits)
    finally:
        for one in (*given.values(), seccomp, info, info_in):
            if one >= 0:
                os.close(one)


def _known(process: subprocess.Popen[bytes], info: int, limits: Limits) -> Box:
    """The program under way, once its first process is known."""
    first = _told(info)
    try:
        if first is None:
            raise ProcessLookupError("it ended before it began")
        return Box(process, os.pidfd_open(first), first, limits)
    except OSError as error:
        process.kill()
        _, said = process.communicate()
        why = said.decode("utf-8", "replace").strip()[:300] or str(error)
        raise Unavailable("the sandbox did not start", why=why, remedy=INSTALL) from None


def _told(info: int) -> int | None:
    """The first process inside, as bubblewrap tells it; None where it ended without a word."""
    said, until = b"", monotonic() + _START_S
    with selectors.DefaultSelector() as selector:
        selector.register(info, selectors.EVENT_READ)
        while monotonic() < until:
            if not selector.select(until - monotonic()):
                return None
            part = os.read(info, 4_096)
            said += part
            with suppress(ValueError, KeyError, TypeError):
                return int(json.loads(said)["child-pid"])
            if not part:
                return None
    return None


def _limiting(limits: Limits) -> list[str]:
    """What sets the limits inside and then becomes the program: the system's shell, read-only as all of `/usr`.

    Inside, because the count of processes is that of the sandbox's own user namespace, where nobody else is; and for
    root it is not counted at all, which nobody is in there.
    """
    set_all = "; ".join(
        f"ulimit {option} {most} || exit 126"
        for option, most in (
            ("-t", limits.cpu_s),
            ("-d", limits.memory_max // 1024),
            ("-s", 8 * 1024),
            ("-f", limits.scratch_max // 512),
            ("-n", limits.files_max),
            ("-l", 0),
            ("-c", 0),
        )
    )
    most = limits.pids_max
    # Shells do not agree on the letter for processes.
    count = f"if (ulimit -u {most}) 2>/dev/null; then ulimit -u {most}; else ulimit -p {most}; fi || exit 126"
    return ["/bin/sh", "-c", f'{set_all}; {count}; exec nice -n 10 "$@"', "sandbox"]


def _walls(given: Mapping[str, int], limits: Limits) -> list[str]:
    made = ["--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    made += ["--hostname", "sandbox", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    made += ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    made += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    for place in _LINKED:
        if os.path.islink(place):
            made += ["--symlink", os.readlink(place), place]
        elif os.path.isdir(place):
            made += ["--ro-bind", place, place]
    made += ["--proc", "/proc", "--dev", "/dev", "--size", str(limits.scratch_max), "--tmpfs", SCRATCH]
    made += ["--dir", PROGRAM]
    for name, held in given.items():
        assert name == os.path.normpath(name), name
        assert not name.startswith(("/", "..")), name
        made += ["--perms", "0555", "--ro-bind-data", str(held), f"{PROGRAM}/{name}"]
    # What bubblewrap makes of its own is in memory too, and would be a place to fill up.
    made += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH]
    for name, value in _ENVIRONMENT.items():
        made += ["--setenv", name, value]
    return made


def _held(data: bytes) -> int:
    """The bytes as a descriptor that bubblewrap reads from its beginning: a copy that nobody can change any more."""
    held = os.memfd_create("given", os.MFD_CLOEXEC)
    with open(held, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(held, 0, os.SEEK_SET)
    return held
