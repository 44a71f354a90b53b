"""A broken promise, and the one word that finds it."""

from __future__ import annotations


class Violation(BaseException):
    """A promise was broken; `rule` names which. No `Exception`: the process under test may not swallow it."""

    def __init__(self, rule: str, text: str = "") -> None:
        super().__init__(f"{rule}: {text}" if text else rule)
        self.rule = rule


def demand(holds: bool, rule: str, text: str = "") -> None:
    """Raise `Violation` unless the rule holds."""
    if not holds:
        raise Violation(rule, text)
