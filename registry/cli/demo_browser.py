"""A browser without scripts: follows links, fills in forms and sends them, as a person would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

from registry.kernel.outcomes import GatehouseError


@dataclass(slots=True)
class PageForm:
    """One form of a page as it was shown."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    prefilled: list[str] = field(default_factory=list)
    """Names of visible inputs that came with a value, a tick or a choice."""


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag == "form":
            self.forms.append(PageForm(action=given.get("action") or ""))
        elif not self.forms:
            return
        elif tag == "select" and name:
            self._select = name
            self.forms[-1].values[name] = ""
            self.forms[-1].choices[name] = []
        elif tag == "option" and self._select:
            value = given.get("value") or ""
            self.forms[-1].choices[self._select].append(value)
            if "selected" in given and value:
                self.forms[-1].prefilled.append(self._select)
        elif tag in {"input", "textarea"} and name:
            self._take_input(name, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None

    def _take_input(self, name: str, given: dict[str, str | None]) -> None:
        form = self.forms[-1]
        kind = given.get("type") or "text"
        if kind in {"checkbox", "radio"}:
            form.choices.setdefault(name, []).append(given.get("value") or "on")
            if "checked" in given:
                form.prefilled.append(name)
            return
        form.values[name] = given.get("value") or ""
        if kind != "hidden" and given.get("value"):
            form.prefilled.append(name)


class FormBrowser:
    """Keeps cookies and the last page; every answer must be a page with status 200."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx2.Client(
            base_url=base_url,
            follow_redirects=True,
            timeout=30,
            trust_env=False,
            headers={"Accept": "text/html"},
        )
        self._base_url = base_url
        self.url = base_url
        self.text = ""

    def open(self, address: str) -> None:
        """Go to a page."""
        self._take(self._client.get(address))

    def fetch(self, address: str) -> bytes:
        """Return what stands at an address, without going there."""
        answer = self._client.get(address)
        if answer.status_code != 200:
            raise GatehouseError(f"{answer.url} answered {answer.status_code}")
        return answer.content

    def form(self, action_part: str) -> PageForm:
        """Return the form of this page whose address holds `action_part`."""
        reader = _FormReader()
        reader.feed(self.text)
        for form in reader.forms:
            if action_part in form.action:
                return form
        raise GatehouseError(f"no form for {action_part!r} on {self.url}")

    def send(self, form: PageForm, **changes: str) -> None:
        """Send the form with these fields filled in."""
        address = urljoin(self.url, form.action)
        headers = {"Origin": self._base_url, "Sec-Fetch-Site": "same-origin"}
        self._take(self._client.post(address, data={**form.values, **changes}, headers=headers))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _take(self, answer: httpx2.Response) -> None:
        if answer.status_code != 200:
            raise GatehouseError(f"{answer.url} answered {answer.status_code}: {_title(answer.text)}")
        self.url, self.text = str(answer.url), answer.text


def _title(text: str) -> str:
    return text.partition("<h1")[2].partition(">")[2].partition("</h1>")[0].strip() or text[:200]
