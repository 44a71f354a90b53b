"""HTML from outside, of a mail or a document: what a person sees, laid out in lines, quotations marked with `>`.

What a person does not see (hidden elements, letters of no size, white on white, comments) is dropped and
reported, since that is where instructions to machines are put. Where a link leads is reported beside its text,
since the two may differ. Nothing is fetched and no script is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

HTML_MAX = 2_000_000  # characters read of one part
TAG_MAX = 20_000  # the parser takes quadratic time on tags that nest without end: half a second for so many
NODE_MAX = 50_000
LINK_MAX = 50
LINK_CHAR_MAX = 500

_SILENT = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "title",
        "object",
        "svg",
        "iframe",
        "textarea",
        "select",
    }
)
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "footer",
    }
    | {
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
    }
    | {"table", "tbody", "td", "th", "thead", "tr", "ul"}
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PARAGRAPHS = frozenset({"p", *_HEADINGS, "ul", "ol", "table", "blockquote"})
_TARGET = re.compile(r"^\s*(?:https?:|mailto:|tel:|//|www\.)", re.IGNORECASE)
_HIDES = re.compile(
    r"(?:^|[;{\s])(?:display:none|visibility:(?:hidden|collapse)|font-size:0+(?:\.0+)?(?:px|pt|em|rem|%)?(?![\d.])"
    r"|font-size:0?\.\d+(?:px|pt)|font-size:1px|opacity:0(?:\.0\d*)?(?![\d.])|max-height:0(?:px)?(?![\d.])"
    r"|(?:left|top|text-indent|margin-left):-\d{3,}|mso-hide:all)"
)
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_COLOUR = re.compile(r"(?:^|;)color:([^;]+)")
_BACKGROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;]+)")
_WHITE = re.compile(
    r"^(?:white|#f[a-f]f[a-f]f[a-f]|#fff|rgba?\(25\d,25\d,25\d(?:,1)?\)|transparent"
    r"|rgba\(.*,0(?:\.0+)?\))(?:!important)?$"
)
_RULES = re.compile(r"([^{}@]{1,200})\{([^{}]{1,2000})\}")
_SELECTOR = re.compile(r"^(?:[a-z]+)?[.#][\w-]+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link: what it shows, and where it leads."""

    text: str
    target: str


@dataclass(frozen=True, slots=True)
class Line:
    """A visible line; `level` from 1 to 6 where it is a heading, 0 otherwise."""

    text: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Hypertext:
    """What a person sees of some HTML."""

    lines: tuple[Line, ...]
    links: tuple[Link, ...] = ()  # those that lead out, each once; bounded
    hidden: bool = False  # there was text that a person would not see; it is not in `lines`
    title: str = ""
    cut: bool = False  # it was too large to be read whole

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(line.text for line in self.lines).strip()


def read_html(html: str, *, char_max: int = HTML_MAX, tag_max: int = TAG_MAX) -> Hypertext:
    """The visible part of `html`. Total: any text gives an answer."""
    given = html[:char_max].replace("\x00", "")
    bounded = _bounded(given, tag_max)
    tree = LexborHTMLParser(bounded)
    root = tree.body or tree.root
    if root is None:
        return Hypertext(())
    walk = _Walk(hidden_ids=_hidden_by_rules(tree), node_max=max(NODE_MAX, 3 * tag_max))
    walk.node(root)
    title = tree.css_first("title")
    return Hypertext(
        lines=tuple(_squeezed(walk.lines)),
        links=tuple(dict.fromkeys(walk.links))[:LINK_MAX],
        hidden=walk.hidden,
        title=_SPACE.sub(" ", title.text(deep=True)).strip()[:200] if title else "",
        cut=walk.cut or len(html) > char_max or len(bounded) < len(given),
    )


def html_text(html: str) -> tuple[str, bool]:
    """`(text, hidden)`: the visible text, and whether there was text that a person would not see."""
    read = read_html(html)
    return read.text, read.hidden


def _bounded(html: str, tag_max: int) -> str:
    if html.count("<") <= tag_max:
        return html
    end = 0
    for _ in range(tag_max):
        end = html.index("<", end) + 1
    return html[: end - 1]


def _hidden_by_rules(tree: LexborHTMLParser) -> frozenset[int]:
    """Elements that a plain rule of a style sheet hides. Rules for other screens (`@media`) do not count."""
    hidden: set[int] = set()
    for style in tree.css("style"):
        sheet = _without_at_rules(style.text(deep=True)[:100_000])
        for selectors, declarations in _RULES.findall(sheet):
            if not _HIDES.search(_tight(declarations)):
                continue
            for selector in selectors.split(",")[:20]:
                if _SELECTOR.match(selector.strip()):
                    hidden.update(node.mem_id for node in tree.css(selector.strip()))
    return frozenset(hidden)


def _without_at_rules(sheet: str) -> str:
    out: list[str] = []
    depth, at = 0, False
    for char in sheet:
        if char == "@" and depth == 0:
            at = True
        if char == "{":
            depth += 1
        if not at:
            out.append(char)
        if char == "}":
            depth = max(0, depth - 1)
        if at and depth == 0 and char in "};":
            at = False
    return "".join(out)


def _tight(style: str) -> str:
    """A style without spaces, in lower case and without comments, so that it can be searched."""
    return _SPACE.sub("", _COMMENT.sub("", style)).lower() if style else ""


class _Walk:
    """Goes through the tree with a stack of its own: hostile mails nest deeper than Python does."""

    def __init__(self, hidden_ids: frozenset[int], node_max: int) -> None:
        self._hidden_ids = hidden_ids
        self._node_max = node_max
        self._line: list[str] = []
        self._quotes = 0
        self._level = 0
        self._anchors: list[tuple[str, list[str]]] = []
        self.lines: list[Line] = []
        self.links: list[Link] = []
        self.hidden = False
        self.cut = False

    def node(self, root: LexborNode) -> None:
        # Each entry: a node, whether its children are done, and whether the ground behind it is white.
        stack: list[tuple[LexborNode, bool, bool]] = [(root, False, True)]
        seen = 0
        while stack:
            node, leaving, white = stack.pop()
            tag = node.tag or ""
            if leaving:
                self._leave(tag)
                continue
            seen += 1
            if seen > self._node_max:
                self.cut = True
                break
            if tag == "-text":
                self._say(node.text_content or "")
                continue
            if tag.startswith(("-", "_", "!")) or tag in _SILENT:
                continue
            style, ground = self._style(node, white)
            if self._unseen(node, style, ground):
                self.hidden = self.hidden or bool(node.text(deep=True).strip())
                continue
            self._enter(node, tag)
            stack.append((node, True, ground))
            children = list(node.iter(include_text=True))
            stack.extend((child, False, ground) for child in reversed(children))
        self._end_line()

    def _style(self, node: LexborNode, white: bool) -> tuple[str, bool]:
        style = _tight(node.attributes.get("style") or "")
        background = _BACKGROUND.search(style)
        colour = background.group(1) if background else _tight(node.attributes.get("bgcolor") or "")
        if not colour:
            return style, white
        see_through = colour.startswith("transparent")
        return style, white if see_through else _WHITE.match(colour) is not None

    def _unseen(self, node: LexborNode, style: str, ground: bool) -> bool:
        attributes = node.attributes
        if "hidden" in attributes or node.mem_id in self._hidden_ids or _HIDES.search(style):
            return True
        found = _COLOUR.search(style)
        colour = found.group(1) if found else _tight(attributes.get("color") or "")
        return bool(colour) and ground and _WHITE.match(colour) is not None

    def _say(self, text: str) -> None:
        self._line.append(text)
        if self._anchors:
            self._anchors[-1][1].append(text)

    def _enter(self, node: LexborNode, tag: str) -> None:
        if tag == "br":
            self._end_line()
        elif tag in ("td", "th"):
            self._line.append(" ")
        elif tag in _BLOCKS:
            self._soft_end(tag in _PARAGRAPHS)
        if tag == "li":
            self._line.append("- ")
        elif tag == "img":
            self._say(node.attributes.get("alt") or "")
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "a":
            self._anchors.append((node.attributes.get("href") or "", []))
        self._level = _HEADINGS.get(tag, self._level)

    def _leave(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._line.append(" ")
        elif tag in _BLOCKS:
            self._soft_end(tag in _PARAGRAPHS)
        if tag == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif tag == "a" and self._anchors:
            target, said = self._anchors.pop()
            if _TARGET.match(target) and len(self.links) < 10 * LINK_MAX:
                text = _SPACE.sub(" ", "".join(said)).strip()
                self.links.append(Link(text[:LINK_CHAR_MAX], _SPACE.sub("", target)[:LINK_CHAR_MAX]))
        elif tag in _HEADINGS:
            self._level = 0

    def _soft_end(self, paragraph: bool) -> None:
        """End the line if there is something in it; a paragraph leaves one empty line."""
        if _SPACE.sub("", "".join(self._line)):
            self._end_line()
        else:
            self._line = []
        if paragraph and self.lines and self.lines[-1].text.strip("> "):
            self.lines.append(Line(self._mark()))

    def _end_line(self) -> None:
        text = _SPACE.sub(" ", "".join(self._line)).strip()
        self._line = []
        quoted = (self._mark() + " " + text).strip() if self._quotes else text
        self.lines.append(Line(quoted, self._level if text else 0))

    def _mark(self) -> str:
        return ">" * min(self._quotes, 10)


def _squeezed(lines: Iterable[Line]) -> Iterable[Line]:
    """At most one empty line in a row."""
    before = ""
    for line in lines:
        if line.text or before:
            yield line
        before = line.text
