"""`mainstay`: every command by its name, and what happens when one fails.

Each command is a thin call of the SDK; see `mainstay.cli` for where they live.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer

from mainstay.cli.options import new_typer
from mainstay.kernel.errors import MainstayError

TRACEBACK = "MAINSTAY_TRACEBACK"
INTERRUPTED = 130
USAGE = 2
FAULT = 70

_ABOUT = "The workspace a one-person company runs on: agents propose, you approve, a ledger remembers."
# The modules of commands, in the order in which `--help` names what they add.
_PARTS = (
    *("operate", "answers", "triage", "autonomy", "doubts", "steering"),
    *("runs", "inspect", "ask", "inbox", "dead_letters", "held_back"),
    *("memory", "lessons", "forget", "policy", "report"),
    *("costs", "slo", "models", "agents", "secrets", "workflows", "simulate"),
    *("admin", "audit", "ledger", "logs", "service", "heartbeat", "upgrade", "connect"),
    *("doctor", "observe", "demo"),
    *("console", "tokens", "mcp", "propose", "evaluate", "specialist"),
)
# Typed all day, and answered at once: of these only their own module is loaded.
_QUICK = {
    **dict.fromkeys(("approvals", "approval", "status"), "inspect"),
    **dict.fromkeys(("approve", "reject", "edit", "snooze", "undo"), "answers"),
    "mcp": "mcp",  # clients wait for it when they start
}


def _version(wanted: bool) -> None:
    if wanted:
        from mainstay import __version__

        sys.stdout.write(f"mainstay {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The workspace a one-person company runs on: agents propose, you approve, a ledger remembers."""


@cache
def whole() -> typer.Typer:
    """The command line with every command."""
    app = _empty()
    for name in _PARTS:
        import_module(f"mainstay.cli.{name}").add_to(app)
    return app


def _quick(arguments: list[str]) -> typer.Typer:
    """The command line with as much of it as these arguments need."""
    name = _QUICK.get(arguments[0]) if arguments else None
    if name is None:
        return whole()
    app = _empty()
    import_module(f"mainstay.cli.{name}").add_to(app)
    return app


def _empty() -> typer.Typer:
    app = new_typer(_ABOUT)
    app.callback()(_root)
    return app


def __getattr__(name: str) -> Any:
    if name == "app":
        return whole()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter must not stop a command
    if given and given[0] in _QUICK:
        gc.disable()  # the process ends before there is garbage worth looking for
    code = run(given)
    gc.freeze()  # nor at the end: what is left goes with the process
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    as_json = "--json" in arguments
    try:
        result: Any = _quick(arguments)(arguments, standalone_mode=False, prog_name="mainstay")
        if result == INTERRUPTED:  # the parser catches Ctrl-C itself, and says nothing
            sys.stderr.write("\nStopped.\n")
        return result if isinstance(result, int) else 0
    except MainstayError as error:
        _tell(error, as_json)
        return error.exit_code
    except typer.Abort:
        sys.stderr.write("Nothing was done.\n")
        return 1
    except SystemExit as error:  # the parser's own way when the reader of the output has left
        return error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 0
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            return _usage(error, as_json)
        return _fault(error, as_json)


def _tell(error: MainstayError, as_json: bool) -> None:
    from mainstay.cli.render import emit, error_text, error_value

    if as_json:
        emit(_kept_back(error_value(error)))
    else:
        sys.stderr.write(_kept_back(error_text(error)) + "\n")
    _traceback()


def _usage(error: Any, as_json: bool) -> int:
    """What the parser refused. Its classes differ from release to release, their methods do not."""
    from mainstay.cli.render import emit

    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(error.format_message() + "\n")
        return USAGE
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "mainstay"
    remedy = f"See `{path} --help`."
    commands = getattr(context.command, "commands", {}) if context is not None else {}
    if "show" in commands and error.format_message().startswith("No such command"):
        remedy = f"To look at one: `{path} show ...`. {remedy}"  # a name was given where a command stands
    if as_json:
        emit(
            {
                "error": "Usage",
                "what": error.format_message(),
                "why": "",
                "remedy": remedy,
                "exit_code": USAGE,
            }
        )
    else:
        sys.stderr.write(f"Error: {error.format_message()}\n  Do:  {remedy}\n")
    return USAGE


def _fault(error: Exception, as_json: bool) -> int:
    """A fault of ours, or a machine that fails in a way that nobody foresaw."""
    from mainstay.cli.render import emit
    from mainstay.cli.safe_text import safe_line

    what = _kept_back(f"{type(error).__name__}: {safe_line(str(error), 300)}")
    if as_json:
        remedy = f"{TRACEBACK}=1 shows where."
        emit({"error": "Fault", "what": what, "why": "", "remedy": remedy, "exit_code": FAULT})
    else:
        sys.stderr.write(
            f"Error: This should not have happened: {what}\n"
            "  Why: A fault in Mainstay, or a failing machine. What was acknowledged is in the ledger.\n"
            f"  Do:  Run it again with {TRACEBACK}=1 to see where, and `mainstay doctor` to see what is wrong here.\n"
        )
    _traceback()
    return FAULT


def _traceback() -> None:
    if os.environ.get(TRACEBACK):
        import traceback

        sys.stderr.write(_kept_back(traceback.format_exc()))


def _kept_back(value: Any) -> Any:
    """Without the secrets that this process was given: a library may quote one in what it raises."""
    from mainstay.net.withheld import all_without_secrets

    return all_without_secrets(value)


def _drop_output() -> None:
    """Whoever read the output has left: say nothing more, and do not fail at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
