"""Every template, rendered with every sample: whole, accessible in its structure, and self-contained."""

import re
from pathlib import Path

import jinja2
import pytest
from frontend_samples import CASES, Case, every_page
from frontend_samples.markup import Document
from frontend_samples.shared import REPOSITORY
from jinja2 import nodes

TEMPLATES = REPOSITORY / "frontend" / "templates"
STATIC = REPOSITORY / "frontend" / "static"
PAGE_TEMPLATES = sorted(
    str(path.relative_to(TEMPLATES))
    for path in TEMPLATES.rglob("*.html")
    if not path.name.startswith("_") and path.parent.name != "_parts"
)
LABELLED = {"input", "select", "textarea"}
FIELD_LINE = re.compile(r"^  ([a-z_0-9, ]+):")


@pytest.fixture
def document(html: str) -> Document:
    return Document(html)


def test_a_page_has_one_h1_and_skips_no_heading_level(document: Document) -> None:
    levels = [int(element.tag[1]) for element in document.find("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    seen = set()
    for level in levels:
        assert level == 1 or level - 1 in seen, f"h{level} before any h{level - 1}"
        seen.add(level)
    assert all(element.text.strip() for element in document.find("h1", "h2", "h3", "h4"))


def test_ids_are_unique_and_references_to_them_lead_somewhere(document: Document) -> None:
    ids = [element.get("id") for element in document.elements if element.get("id")]
    assert len(ids) == len(set(ids)), sorted({each for each in ids if ids.count(each) > 1})
    for element in document.elements:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            for target in (element.get(name) or "").split():
                assert target in ids, f"{element.tag} {name}={target}"
        href = element.get("href") or ""
        if href.startswith("#") and href != "#":
            assert href[1:] in ids, f"link to {href}"


def test_every_input_has_a_label_and_every_button_a_name(document: Document) -> None:
    labelled = {element.get("for") for element in document.find("label")}
    for element in document.find(*LABELLED):
        if element.get("type") != "hidden":
            assert element.get("id") in labelled, element.attributes
    for element in document.find("button"):
        assert element.text.strip() or element.get("aria-label")
        assert element.get("type") in {"submit", "button"}


def test_nothing_is_inline_and_nothing_comes_from_another_host(document: Document, html: str) -> None:
    for element in document.elements:
        names = set(element.attributes)
        assert "style" not in names, element.attributes
        assert not {name for name in names if name.startswith("on")}, element.attributes
        if element.tag == "a" and element.get("rel") == "noreferrer":
            continue  # the way to a provider, which the person chose
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            address = element.get(name)
            assert address is None or re.match(r"[#/?]", address), f"{element.tag} {name}={address}"
            assert address is None or not address.startswith("//")
    assert not document.find("style", "iframe", "object", "embed")
    assert all(element.get("src") and not element.text.strip() for element in document.find("script"))
    assert "<script>alert" not in html
    assert "<b>" not in re.sub(r"<p class=.margin-note.*?</p>", "", html)


def test_every_form_that_posts_carries_the_token_of_its_session(
    document: Document, html: str, case: Case
) -> None:
    forms = re.findall(r"<form\b.*?</form>", html, flags=re.DOTALL)
    assert len(forms) == len(document.find("form"))
    for form in forms:
        posts = 'method="post"' in form
        assert posts == (f'name="_csrf" value="{case.page.csrf_token}"' in form), form
        assert posts or 'method="get"' in form


def test_a_page_has_its_landmarks_a_title_and_no_leftovers(document: Document, html: str) -> None:
    assert [element.get("id") for element in document.find("main")] == ["main"]
    assert document.find("a")[0].get("class") == "skip"
    titles = [element.text for element in document.find("title") if "svg" not in element.inside]
    assert len(titles) == 1
    assert titles[0].endswith(" · Kelp Forest models")
    assert len(titles[0]) > len(" · Kelp Forest models")
    for leftover in ("{{", "{%", "None<", ">None ", "Undefined", "<p></p>", "<dd></dd>", "object at 0x"):
        assert leftover not in html.replace(">None yet", "").replace(">None asked", ""), leftover
    assert all(re.search(r"\d", element.text) for element in document.find("time"))


def test_navigation_landmarks_have_different_names(document: Document) -> None:
    names = [element.get("aria-label") for element in document.find("nav")]
    assert None not in names
    assert len(names) == len(set(names)), names


def test_a_page_has_at_most_one_filled_button(document: Document) -> None:
    filled = [element for element in document.elements if "primary" in (element.get("class") or "").split()]
    assert len(filled) <= 1, [element.text for element in filled]


def test_the_view_of_a_sample_has_the_documented_fields_and_no_others(case: Case) -> None:
    assert set(case.view) == documented_fields(case.template)


@pytest.mark.parametrize("template", PAGE_TEMPLATES)
def test_a_template_documents_exactly_the_fields_it_uses(template: str) -> None:
    assert documented_fields(template) == used_fields(template)


def test_every_page_template_has_a_sample_and_a_line_in_the_read_me() -> None:
    assert {case.template for case in CASES} == set(PAGE_TEMPLATES)
    read_me = (REPOSITORY / "frontend" / "README.md").read_text()
    for template in PAGE_TEMPLATES:
        assert f"`{template}`" in read_me, template
        for field in documented_fields(template):
            line = next(line for line in read_me.splitlines() if f"`{template}`" in line)
            assert f"`{field}`" in line, f"{template}: {field}"


def test_sample_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_field_that_the_view_lacks_is_an_error_and_not_an_empty_place() -> None:
    case = next(case for case in CASES if case.name == "sign-in")
    with pytest.raises(jinja2.UndefinedError):
        every_page().render(case.template, page=case.page, view={"next": "/"})


def test_what_people_typed_is_escaped() -> None:
    html = {case.name: every_page().render(case.template, page=case.page, view=case.view)
            for case in CASES if case.name in {"catalog-no-match", "accept-wrong"}}  # fmt: skip
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html["catalog-no-match"]
    assert "Biðröð &amp; Sons &lt;b&gt;" in html["accept-wrong"]


def test_the_acceptance_page_fills_in_nothing(rendered: dict[str, str]) -> None:
    page = rendered["accept"]
    assert " checked" not in page
    assert " selected" not in page
    form = page[page.index('id="accept-form"') :]
    for element in Document("<form>" + form[form.index(">") + 1 : form.index("</form>")] + "</form>").find(
        "input"
    ):
        if element.get("type") not in {"hidden", "checkbox", "radio"}:
            assert element.get("value") == "", element.attributes
    assert page.index('id="text-end"') < page.index('id="accept-form"')
    assert "margin-note" not in page


def test_answers_stay_when_the_text_changed_but_the_declaration_is_made_anew(
    rendered: dict[str, str],
) -> None:
    page = rendered["accept-changed"]
    assert 'value="Kelp Forest Institute"' in page
    assert "Nothing was accepted" in page
    assert "checked" not in page
    assert page.index("What changed") < page.index('class="reader"')


def test_each_wrong_answer_is_listed_at_the_top_and_linked_to_its_field(rendered: dict[str, str]) -> None:
    page = rendered["accept-wrong"]
    summary = page[page.index('class="error-list"') : page.index('class="split act"')]
    for field in ("capacity-1", "field-2", "field-3", "field-4", "declaration", "typed-name"):
        assert f'href="#{field}"' in summary
    assert "6 answers need another look" in page
    assert page.count('aria-invalid="true"') == 5


@pytest.mark.parametrize("state", ["other-browser", "used", "expired", "unknown"])
def test_only_a_ready_link_offers_to_sign_in(rendered: dict[str, str], state: str) -> None:
    assert "Sign in as this person" in rendered["confirm-ready"]
    assert 'name="token"' not in rendered[f"confirm-{state}"]


def test_static_files_name_no_other_host_and_no_import() -> None:
    for path in STATIC.iterdir():
        content = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in content.replace('href^="http"', ""), path.name
        assert not re.search(r"\burl\(", content)
        assert "@import" not in content
        assert "<style" not in content


def test_every_class_that_the_style_sheets_know_is_used() -> None:
    sheets = "".join((STATIC / name).read_text() for name in ("gatehouse.css", "documents.css"))
    sheets = re.sub(r"/\*.*?\*/", "", sheets, flags=re.DOTALL)
    markup = "".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    registry = REPOSITORY / "registry"
    makers = (registry / "kernel" / "page_parts.py", registry / "catalog" / "markdown.py")
    parts = "".join(path.read_text() for path in makers)
    names = set(re.findall(r"\.([a-z][a-z0-9-]+)", re.sub(r"\{[^{}]*:[^{}]*;", "{", sheets)))
    unused = {name for name in names if name not in markup and name not in parts and name != "js"}
    assert not unused, unused


def documented_fields(template: str) -> set[str]:
    """Read the fields after `view:` in the comment that opens the template."""
    lines = (TEMPLATES / template).read_text().split("#}", 1)[0].split("\nview:\n", 1)[1].splitlines()
    fields: set[str] = set()
    for line in lines:
        found = FIELD_LINE.match(line)
        if found:
            fields |= {name.strip() for name in found[1].split(",")}
    return fields


def used_fields(template: str) -> set[str]:
    """Find every `view.field` in the template and in the layouts it extends."""
    tree = jinja2.Environment(autoescape=True).parse((TEMPLATES / template).read_text())
    fields = {
        node.attr for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "view"
    }  # fmt: skip
    for layout in tree.find_all(nodes.Extends):
        assert isinstance(layout.template, nodes.Const)
        fields |= used_fields(str(Path(layout.template.value)))
    return fields
