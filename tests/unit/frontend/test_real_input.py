"""Real license texts and model cards on the pages: structure holds whatever people wrote."""

import re
from html import unescape
from pathlib import Path

import pytest
from frontend_samples import CASES, every_page
from frontend_samples.acceptances import FORM
from frontend_samples.catalog import head
from frontend_samples.licenses import FULL
from frontend_samples.markup import Document
from frontend_samples.shared import MEMBER
from markupsafe import Markup

from registry.catalog import cards, markdown
from registry.licenses import reading
from registry.licenses.domain import Policy

pytestmark = pytest.mark.shared


def _headings(document: Document) -> list[int]:
    return [int(element.tag[1]) for element in document.find("h1", "h2", "h3", "h4", "h5", "h6")]


def _assert_sound(html: str, name: str) -> None:
    document = Document(html)
    ids = [element.get("id") for element in document.elements if element.get("id")]
    assert len(ids) == len(set(ids)), (name, sorted({each for each in ids if ids.count(each) > 1}))
    levels = _headings(document)
    assert levels.count(1) == 1, name
    for element in document.find("a"):
        href = element.get("href") or ""
        if href.startswith("#") and len(href) > 1 and not href.startswith("#card-"):
            assert href[1:] in ids, (name, href)
    assert not document.find("style", "iframe", "object", "embed")
    assert not [element for element in document.elements if "style" in element.attributes]


def test_every_real_license_text_is_whole_on_the_page_that_accepts_it(shared: Path) -> None:
    pages = every_page()
    texts = sorted((shared / "licenses").glob("*.txt")) + sorted((shared / "licenses").glob("*.md"))
    assert len(texts) >= 30
    for path in texts:
        text = reading.policy_text(Policy(title=path.stem, text=path.read_bytes()))
        assert text is not None
        policies = [{"title": path.stem, "url": None, "sha256": text.sha256, "text": text}]
        form = FORM | {"texts": [FORM["texts"][0] | {"text": text, "policies": policies}]}
        html = pages.render("acceptances/accept.html", page=MEMBER, view=form)
        _assert_sound(html, path.name)
        version = FULL | {"text": text, "policies": policies, "terms": None, "restrictions": []}
        _assert_sound(pages.render("licenses/version.html", page=MEMBER, view=version), path.name)
        shown = set(re.findall(r"\w+", unescape(re.sub(r"<[^>]*>", " ", html))))
        said = set(re.findall(r"\w+", path.read_bytes().decode("utf-8", "replace")))
        assert not said - shown, (path.name, sorted(said - shown)[:20])


def test_every_real_card_fits_into_its_page(shared: Path) -> None:
    pages = every_page()
    view = next(case.view for case in CASES if case.name == "model-granted")
    found = sorted((shared / "model-cards").glob("*.md"))
    assert found
    for path in found:
        card = cards.parse_card(path.read_bytes())
        html = markdown.render(card.body).html
        shown = {"html": Markup(html), "language": None, "direction": "auto"}
        page = pages.render("catalog/model.html", page=MEMBER, view=view | {"head": head(), "card": shown})
        _assert_sound(page, path.name)
