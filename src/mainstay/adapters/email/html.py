"""Text of an HTML mail: what a person sees, laid out in lines, quotations marked with `>`.

What a person does not see (hidden elements, letters of no size, white on white, comments) is dropped and
reported, since that is where instructions to machines are put. Nothing is fetched and no script is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selectolax.lexbor import LexborHTMLParser, LexborNode

HTML_MAX = 2_000_000  # characters read of one part
TAG_MAX = 20_000  # the parser takes quadratic time on tags that nest without end: half a second for so many
NODE_MAX = 50_000

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
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote"})
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


def html_text(html: str) -> tuple[str, bool]:
    """`(text, hidden)`: the visible text, and whether there was text that a person would not see."""
    tree = LexborHTMLParser(_bounded(html[:HTML_MAX]))
    root = tree.body or tree.root
    if root is None:
        return "", False
    walk = _Walk(hidden_ids=_hidden_by_rules(tree))
    walk.node(root)
    return walk.text(), walk.hidden


def _bounded(html: str) -> str:
    html = html.replace("\x00", "")
    if html.count("<") <= TAG_MAX:
        return html
    end = 0
    for _ in range(TAG_MAX):
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

    def __init__(self, hidden_ids: frozenset[int]) -> None:
        self._hidden_ids = hidden_ids
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self.hidden = False

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
            if seen > NODE_MAX:
                break
            if tag == "-text":
                self._line.append(node.text_content or "")
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
            self._line.append(node.attributes.get("alt") or "")
        elif tag == "blockquote":
            self._quotes += 1

    def _leave(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._line.append(" ")
        elif tag in _BLOCKS:
            self._soft_end(tag in _PARAGRAPHS)
        if tag == "blockquote":
            self._quotes = max(0, self._quotes - 1)

    def _soft_end(self, paragraph: bool) -> None:
        """End the line if there is something in it; a paragraph leaves one empty line."""
        if _SPACE.sub("", "".join(self._line)):
            self._end_line()
        else:
            self._line = []
        if paragraph and self._lines and self._lines[-1].strip("> "):
            self._lines.append(self._mark())

    def _end_line(self) -> None:
        text = _SPACE.sub(" ", "".join(self._line)).strip()
        self._line = []
        self._lines.append((self._mark() + " " + text).strip() if self._quotes else text)

    def _mark(self) -> str:
        return ">" * min(self._quotes, 10)

    def text(self) -> str:
        return "\n".join(_squeezed(self._lines)).strip()


def _squeezed(lines: Iterable[str]) -> Iterable[str]:
    """At most one empty line in a row."""
    before = ""
    for line in lines:
        if line or before:
            yield line
        before = line
