"""The invariants, checked after every step: an audit that reads only what is durable, and books by noun beside it."""

from mainstay.testing.checkers.audit import Audit
from mainstay.testing.checkers.books import Card, Rules, Started
from mainstay.testing.checkers.promise import Violation, demand

__all__ = ["Audit", "Card", "Rules", "Started", "Violation", "demand"]
