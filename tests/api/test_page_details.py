"""Details that readers and machines trip over: sign-in links, refusals, headers, local mail."""

import re
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from litestar.exceptions import HTTPException

from registry.delivery.record_views import _through
from registry.kernel import mail, outbox
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.page_parts import language_name
from registry.kernel.problems import describe, refusal_of
from registry.parts import build_parts, mail_folder
from registry.problem_codes import PROBLEMS, find_problem
from registry.settings import Settings
from tests.api.conftest import Site
from tests.api.raw import ask
from tests.applications import application
from tests.world import MASTER_SECRET, World

LOCAL_URL = "http://127.0.0.1:8400"
LOCAL_HOST = "127.0.0.1:8400"
OUTBOX_LINK = 'href="/outbox"'


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/sign-in/link?token=a-secret-of-a-link", "/"),
        ("/sign-in?next=/licenses", "/licenses"),
        ("/sign-in?next=https://evil.example", "/"),
        ("/licenses?search=rail", "/licenses%3Fsearch%3Drail"),
    ],
)
async def test_the_way_to_sign_in_never_carries_a_sign_in_link(site: Site, path: str, back: str) -> None:
    answer = await site.anonymous.get(path)
    link = re.findall(r'href="(/sign-in\?next=[^"]*)"', answer.text)[0]
    assert link == f"/sign-in?next={back}"
    assert "a-secret-of-a-link" not in link


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing/here/at/all", 404), ("/problems/absent", 404), ("/?after=not-an-id", 400), ("/x%00", 400)],
)
async def test_a_refused_page_knows_who_is_signed_in(site: Site, path: str, status: int) -> None:
    person = site.world.person("mara@nordlab.example")
    browser = site.browser(person)
    headers = {"accept": "text/html", "cookie": f"gatehouse_session={browser.cookie}"}
    answer = await ask(site.client.app, "GET", path, **headers)
    assert answer.status == status
    assert "mara@nordlab.example" in answer.text
    assert ">Sign in</a>" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    stranger = await ask(site.client.app, "GET", path, accept="text/html", cookie="gatehouse_session=stale")
    assert stranger.status == status
    assert ">Sign in</a>" in stranger.text


async def test_a_missing_page_says_each_thing_once(site: Site) -> None:
    text = (await site.anonymous.get("/nothing/here/at/all")).text
    shown = re.sub(r"<details.*?</details>", "", text.partition("<main")[2], flags=re.DOTALL)
    assert shown.count("There is nothing at this address") == 1


async def test_a_charset_is_sent_once(site: Site) -> None:
    static = site.client.app
    digest = re.findall(r"/static/([0-9a-f]+)/", (await site.anonymous.get("/")).text)[0]
    world = site.world
    model = world.gated_model()
    owner = site.browser(world.person("owner@quarry.example"))
    assert model.publisher == "quarry"
    paths = ["/robots.txt", "/", "/nothing/at/all", "/licenses/sample-openrail-m/1.0.txt"]
    paths += [f"/static/{digest}/gatehouse.css", f"/static/{digest}/gatehouse.js"]
    paths += ["/manage/quarry/acceptances.csv", "/manage/quarry/downloads.csv"]
    for path in paths:
        answer = await owner.get(path)
        kind = answer.headers["content-type"]
        assert kind.lower().count("charset=utf-8") == 1, (path, kind)
    metrics = await ask(static, "GET", "/metrics", client="127.0.0.1")
    assert metrics.status == 200
    assert metrics.headers["content-type"].count("charset") == 1
    assert "version=" in metrics.headers["content-type"]


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("huggingface-cli/None; hf_hub/1.2.3; python/3.11", "huggingface-cli"),
        ("unknown/None; hf_hub/1.2.3; python/3.11", "hf_hub 1.2.3"),
        ("gatehouse/0.1.0 (linux)", "gatehouse 0.1.0"),
        ("curl/8.5.0", "curl 8.5.0"),
        ("", "token"),
        ("unknown/None", "token"),
    ],
)
def test_a_program_is_named_without_what_it_does_not_know(client: str, said: str) -> None:
    assert _through(type("Row", (), {"channel": "token", "client": client})()) == said


def test_a_language_goes_by_its_name_or_its_tag() -> None:
    assert (language_name("en"), language_name("pt-BR")) == ("English", "pt-BR")


# Local mail.


@pytest.fixture
def local(world: World, tmp_path: Path):
    def build(**changes: object):
        given = {"base_url": LOCAL_URL, "data_dir": tmp_path, "master_key": MASTER_SECRET.hex(), **changes}
        settings = Settings(worker_inline=False, **given)  # type: ignore[arg-type] # by name, from a table
        assert world.store is not None
        folder = mail_folder(settings)
        folder.mkdir(exist_ok=True)
        (folder / "01a213d3-36bf-7000-80a1-ee0ff989044d.eml").write_text(
            "From: a@b.example\nTo: c@d.example\nSubject: Your sign-in link\n"
            "Date: Wed, 25 Nov 2026 10:00:00 +0000\n\nhttp://127.0.0.1:8400/sign-in/link?token=t\n"
        )
        parts = build_parts(settings, store=world.store, database=world.database, clock=world.clock)
        return applications.enter_context(application(parts))

    with ExitStack() as applications:
        yield build


@pytest.mark.parametrize(
    ("client", "host", "changes", "shown"),
    [
        ("127.0.0.1", LOCAL_HOST, {}, True),
        ("::1", LOCAL_HOST, {}, True),
        ("127.0.0.1", "evil.example:8400", {}, False),
        ("127.0.0.1", "evil.example", {}, False),
        ("127.0.0.1", "localhost:8400", {}, False),
        ("127.0.0.1", "127.0.0.1:9999", {}, False),
        ("192.0.2.7", LOCAL_HOST, {}, False),
        ("127.0.0.1", LOCAL_HOST, {"smtp_host": "mail.example"}, False),
        ("127.0.0.1", "registry.example", {"base_url": "https://registry.example"}, False),
    ],
)
async def test_local_mail_and_the_link_to_it_are_shown_to_the_same_visitors(
    local, client: str, host: str, changes: dict[str, object], shown: bool
) -> None:
    app = local(**changes)
    headers = {"accept": "text/html", "host": host}
    start = await ask(app, "GET", "/", client=client, **headers)
    assert (OUTBOX_LINK in start.text) is shown
    for path in ("/outbox", "/outbox/01a213d3-36bf-7000-80a1-ee0ff989044d"):
        answer = await ask(app, "GET", path, client=client, **headers)
        assert answer.status == (200 if shown else 404)
        assert ("Your sign-in link" in answer.text) is shown


async def test_the_page_of_local_mail_waits_for_what_is_on_its_way(local, world: World) -> None:
    app = local()
    (mail_folder(app.state.settings) / "01a213d3-36bf-7000-80a1-ee0ff989044d.eml").unlink()

    async def look():
        return await ask(app, "GET", "/outbox", client="127.0.0.1", accept="text/html", host=LOCAL_HOST)

    answer = await look()
    assert "No mail yet" in answer.text
    assert "refresh" not in answer.headers
    letter = mail.Mail(to="c@d.example", subject="Your sign-in link", text="…")
    world.write(mail.queue, mail=letter, sealer=world.sealer, now=world.now)
    answer = await look()
    assert "Mail is on its way" in answer.text
    assert answer.headers["refresh"] == "2"
    (message,) = world.write(outbox.claim, now=world.now)
    assert "Mail is on its way" in (await look()).text, "a worker has it, it is not here yet"
    world.clock.advance(timedelta(minutes=2))
    answer = await look()
    assert "refresh" not in answer.headers, "what does not get through loads no page for ever"
    world.write(outbox.complete, message=message, now=world.now)
    world.write(mail.queue, mail=letter, sealer=world.sealer, now=world.now)
    world.write(outbox.give_up, message=world.write(outbox.claim, now=world.now)[0], error="refused")
    assert "No mail yet" in (await look()).text


# P10: what to do next, on every refusal.


@pytest.mark.parametrize(
    "status", [*range(400, 419), 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 503]
)
def test_p10_what_the_framework_refuses_says_what_to_do_and_where(status: int) -> None:
    problem = describe(refusal_of(HTTPException(status_code=status)), base_url=LOCAL_URL)
    assert problem.remedy is not None
    assert problem.remedy.text
    assert problem.remedy.url is not None
    assert problem.remedy.url.startswith(f"{LOCAL_URL}/")
    assert problem.detail
    assert problem.detail.rstrip(".") != problem.title
    documented = find_problem(problem.code)
    assert documented is not None
    assert bool(problem.decider) >= (problem.code in {"forbidden", "internal-error"})


@pytest.mark.parametrize("code", [problem.code for problem in PROBLEMS])
@pytest.mark.parametrize("remedy", [None, Remedy(text="Choose another name")])
def test_p10_a_refusal_without_a_place_of_its_own_leads_to_what_its_code_means(
    code: str, remedy: Remedy | None
) -> None:
    refusal = Refusal(code=code, status=409, title="No", detail="Nothing happened.", remedy=remedy)
    problem = describe(refusal, base_url=LOCAL_URL)
    assert problem.remedy is not None
    assert problem.remedy.url == f"{LOCAL_URL}/problems/{code}"
    assert problem.remedy.text == (remedy.text if remedy else "Read what this means and what to do")


async def test_p10_refused_methods_and_bodies_name_a_place(site: Site) -> None:
    for method, path, status in (("DELETE", "/licenses", 405), ("PUT", "/api/v1/whoami", 405)):
        answer = await ask(site.client.app, method, path)
        assert answer.status == status
        assert b'"url":"http://gatehouse.test:8400/api/v1/schema"' in answer.body
        assert "GET" in answer.headers["allow"]
    schema = await site.client.get("/api/v1/schema")
    assert schema.status_code == 200
