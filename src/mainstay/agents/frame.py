"""Greeting and signature of a template, and what stands between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mainstay.agents.filling import Values
from mainstay.agents.template import Template, render


def framed_by(template: Template, values: Mapping[str, str]) -> tuple[str, str] | None:
    """Greeting and signature; None where the template has none of their own."""
    parts = template.body.split("\n\n")
    if len(parts) < 3 or "message.sender_name" not in parts[0] or "operator.signature" not in parts[-1]:
        return None
    greeting, signature = (render(_part(template, part), values) for part in (parts[0], parts[-1]))
    return greeting, signature


def between(framed: tuple[str, str], text: str) -> str:
    """A text between greeting and signature."""
    return f"{framed[0]}\n\n{text}\n\n{framed[1]}"


def middle_of(template: Template, values: Values) -> str:
    """The template between greeting and signature, as a model is shown it: with no value that came from outside."""
    body = "\n\n".join(template.body.split("\n\n")[1:-1])
    ours = {name: f"[{name}]" if name.startswith("message.") else one or "" for name, one in values.items()}
    return render(_part(template, body), ours) if body else ""


def _part(template: Template, body: str) -> Template:
    return replace(
        template, body=body, placeholders=tuple(name for name in template.placeholders if name in body)
    )
