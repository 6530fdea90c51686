"""Markdown of strangers as HTML that can stand on our pages.

CommonMark with tables and task lists, HTML included, is rendered, sanitised, rewritten (headings below
the page's own, ids with a prefix, images of other hosts as links) and sanitised again: whatever the
rewriting did, the last word is the sanitiser's.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from mdit_py_plugins.tasklists import tasklists_plugin

from registry.catalog.manifests import check_path

RENDER_MAX_CHARACTERS = 120_000
"""The longest real card has 60,000; the worst text of this length takes two seconds."""
HTML_DEPTH_MAX_LEVELS = 100
ID_PREFIX = "card-"
LINK_REL = "nofollow noopener ugc"
SUMMARY_MAX_CHARACTERS = 240

_SCHEMES = {"http", "https", "mailto"}
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt"),
    *("em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins"),
    *("kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary"),
    *("sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var"),
}
_DROPPED_WITH_CONTENT = {
    *("applet", "audio", "canvas", "embed", "frame", "frameset", "iframe", "link", "math", "meta", "noembed"),
    *("noframes", "noscript", "object", "script", "select", "style", "svg", "template", "textarea", "title"),
    *("video", "xmp", "plaintext"),
}
_GIVEN_ATTRIBUTES = {
    "*": {"id", "lang", "dir", "title"},
    "a": {"href", "name"},
    "img": {"src", "alt"},
    "input": {"type", "checked"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
}
_OWN_ATTRIBUTES = {
    **_GIVEN_ATTRIBUTES,
    "a": {"href", "class"},
    "img": {"src", "alt", "loading"},
    "div": {"class", "role", "tabindex", "aria-label"},
    "pre": {"tabindex"},
    "span": {"class"},
}
_VOID = frozenset({"br", "hr", "img", "input"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_HUB_PREFIX = re.compile(r"(?:blob|resolve|raw|tree)/[^/]+/")
_NOT_IN_IDS = re.compile(r"[^\w\- ]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a card's own files are: each function returns an address on this registry, or None."""

    file: Callable[[str], str | None] = lambda _path: None
    image: Callable[[str], str | None] = lambda _path: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """HTML that is safe on a page, and whether the text went on beyond the limit."""

    html: str
    cut: bool


def render(text: str, *, links: Links | None = None, top_level: int = 2) -> Rendered:
    """Return `text` as safe HTML whose highest heading is `<h{top_level}>`."""
    shown = text[:RENDER_MAX_CHARACTERS]
    html = _parser().render(shown)
    if _is_too_deep(html):
        html = f"<pre>{escape(shown)}</pre>"
    first = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_GIVEN_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    rewriter = _Rewriter(links or Links(), top_level)
    rewriter.feed(first)
    rewriter.close()
    final = nh3.clean(
        rewriter.result(),
        tags=_TAGS - {"input"},
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_OWN_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=LINK_REL,
    )
    return Rendered(html=final, cut=len(text) > RENDER_MAX_CHARACTERS)


def summarise(text: str) -> str:
    """Return the first plain paragraph of a card, on one line; empty where there is none."""
    shown = text[:20_000]
    tokens = _parser().parse(shown)
    for index, token in enumerate(tokens):
        if token.type != "inline" or tokens[index - 1].type != "paragraph_open" or token.level != 1:
            continue
        parts = [
            child.content if child.type in ("text", "code_inline") else " "
            for child in token.children or ()
            if child.type in ("text", "code_inline", "softbreak", "hardbreak")
        ]
        plain = " ".join("".join(parts).split())
        if len(plain) >= 20:
            return plain if len(plain) <= SUMMARY_MAX_CHARACTERS else _shorten(plain)
    return ""


def _shorten(text: str) -> str:
    return text[: SUMMARY_MAX_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.use(tasklists_plugin)


def _is_too_deep(html: str) -> bool:
    """Whether elements are nested so deeply that building the tree costs more than the text is worth."""
    depth = 0
    for match in _TAG.finditer(html):
        if match.group(2).lower() in _VOID:
            continue
        depth += -1 if match.group(1) else 1
        depth = max(depth, 0)
        if depth > HTML_DEPTH_MAX_LEVELS:
            return True
    return False


_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")


@dataclass(slots=True)
class _Heading:
    at: int
    """Index in the output of the start tag, which is written when the heading's text is known."""
    level: int
    given_id: str | None
    text: list[str] = field(default_factory=list)


class _Rewriter(HTMLParser):
    """Rewrites sanitised HTML; everything it writes is escaped, and sanitised again by the caller."""

    def __init__(self, links: Links, top_level: int) -> None:
        super().__init__(convert_charrefs=False)
        self._links = links
        self._top_level = top_level
        self._out: list[str] = []
        self._ids: dict[str, int] = {}
        self._outline: list[int] = []
        self._heading: _Heading | None = None
        self._anchors: list[bool] = []
        self._tables = 0

    def result(self) -> str:
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        own_id = given.pop("id", None) or (given.pop("name", None) if tag == "a" else None)
        if tag in _HEADINGS:
            self._open_heading(int(tag[1]), own_id)
            return
        if own_id is not None:
            given["id"] = self._unique_id(own_id)
        if tag == "a":
            self._open_anchor(given)
        elif tag == "img":
            self._image(given)
        elif tag == "input":
            if given.get("type") == "checkbox":
                self._out.append("☑ " if "checked" in given else "☐ ")
        elif tag == "table":
            # Landmarks of one page have names of their own (WAI-ARIA 1.2, region).
            self._tables += 1
            label = f"Table {self._tables}"
            self._out.append(f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">')
            self._write(tag, given)
        else:
            if tag == "pre":
                given["tabindex"] = "0"
            self._write(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if tag in _HEADINGS:
            self._close_heading()
        elif tag == "a":
            if self._anchors and self._anchors.pop():
                self._out.append("</a>")
        else:
            self._out.append(f"</{tag}>")
            if tag == "table":
                self._out.append("</div>")

    def handle_data(self, data: str) -> None:
        self._out.append(escape(data, quote=False))
        if self._heading is not None:
            self._heading.text.append(data)

    def handle_entityref(self, name: str) -> None:
        self._out.append(f"&{name};")
        if self._heading is not None:
            self._heading.text.append(unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.handle_entityref(f"#{name}")

    def _write(self, tag: str, attributes: dict[str, str]) -> None:
        written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
        self._out.append(f"<{tag}{written}>")

    def _open_heading(self, level: int, given_id: str | None) -> None:
        while self._outline and self._outline[-1] >= level:
            self._outline.pop()
        self._outline.append(level)
        shown = min(self._top_level + len(self._outline) - 1, 6)
        self._heading = _Heading(at=len(self._out), level=shown, given_id=given_id)
        self._out.append("")

    def _close_heading(self) -> None:
        heading, self._heading = self._heading, None
        if heading is None:
            return
        name = self._unique_id(heading.given_id or "".join(heading.text))
        self._out[heading.at] = f'<h{heading.level} id="{escape(name)}">'
        self._out.append(f"</h{heading.level}>")

    def _unique_id(self, text: str) -> str:
        base = name = ID_PREFIX + (slugify(text) or "part")
        while name in self._ids:
            self._ids[base] += 1
            name = f"{base}-{self._ids[base]}"
        self._ids[name] = 0
        return name

    def _open_anchor(self, given: dict[str, str]) -> None:
        href = self._resolve(given.get("href", ""), self._links.file)
        attributes = {name: given[name] for name in ("id", "title", "lang", "dir") if name in given}
        if href is None:
            # A link that leads nowhere stays as text; its id stays as a place to link to.
            if "id" in attributes:
                self._out.append(f'<span id="{escape(attributes["id"])}"></span>')
            self._anchors.append(False)
            return
        self._write("a", {"href": href} | attributes)
        self._anchors.append(True)

    def _image(self, given: dict[str, str]) -> None:
        source = given.get("src", "")
        alternative = " ".join(given.get("alt", "").split())
        if self._heading is not None:
            self._heading.text.append(alternative)
        address = urlsplit(source) if source else None
        if address is None or not (address.scheme or address.netloc):
            own = self._resolve(source, self._links.image) if source else None
            if own is not None:
                self._write("img", {"src": own, "alt": alternative, "loading": "lazy"})
                return
        label = escape(f"Image: {alternative}" if alternative else "Image", quote=False)
        target = self._resolve(source, self._links.file) if source else None
        if target is None or any(self._anchors):
            self._out.append(f'<span class="image">{label}</span>')
            return
        host = f" ({escape(address.netloc, quote=False)})" if address and address.netloc else ""
        self._out.append(f'<a class="image" href="{escape(target)}">{label}{host}</a>')

    def _resolve(self, address: str, own: Callable[[str], str | None]) -> str | None:
        """Return where `address` leads: a place in the card, a file of the release, or an outside page."""
        address = address.strip()
        if address.startswith("#"):
            return f"#{ID_PREFIX}{slugify(unquote(address[1:]))}"
        try:
            parts = urlsplit(address)
        except ValueError:
            return None
        if parts.scheme:
            complete = parts.scheme == "mailto" or bool(parts.netloc)
            return address if parts.scheme in _SCHEMES and complete else None
        if not parts.path or parts.netloc or address[0] in "/\\":
            return None
        path = _HUB_PREFIX.sub("", unquote(parts.path).removeprefix("./"), count=1)
        return own(path) if check_path(path) is None else None


def slugify(text: str) -> str:
    """Return `text` as GitHub makes anchors of headings: lower-case words joined by dashes."""
    plain = unicodedata.normalize("NFC", text).strip().lower()
    return _NOT_IN_IDS.sub("", plain).replace(" ", "-")[:100]
