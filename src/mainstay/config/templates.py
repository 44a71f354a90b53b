"""Template files: `templates/*.md`. What a template may say is the business of `mainstay.agents.template`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mainstay.agents.template import PLACEHOLDERS, Template, parse_template
from mainstay.kernel.errors import TemplateError
from mainstay.workflows.document import NAME, NAME_RULE, Problems, read_text


def read_templates(
    files: Iterable[tuple[str, bytes]], allowed: tuple[str, ...] = PLACEHOLDERS
) -> Mapping[str, Template]:
    """Templates by name (the file's, without its ending). Raises `TemplateError` and its `also`."""
    problems, found = Problems(), dict[str, Template]()
    for file, raw in sorted(files):
        name = file.rpartition("/")[2].removesuffix(".md")
        with problems.caught():
            if NAME.fullmatch(name) is None:
                raise TemplateError(f"{name!r} is not a name for a template", file=file, why=NAME_RULE)
            text = read_text(raw, file, TemplateError)
            found[name] = parse_template(text, name=name, file=file, allowed=allowed)
    problems.raise_any()
    return found
