"""The inbox in a browser: what is new, the count in the head of each page, reading all."""

from registry.identity.domain import Message
from registry.identity.notices import note_mail, notify
from tests.api.conftest import Site
from tests.world import BASE_URL


def tell(site: Site, person_id: object, number: int) -> None:
    message = Message(
        kind="request-approve", subject=f"Approved: notice {number}", text="It is open.", page="/requests"
    )
    site.world.write(
        notify,
        person_ids=[person_id],
        message=message,
        base_url=BASE_URL,
        sealer=site.world.sealer,
        now=site.world.now,
    )


async def test_notices_are_new_until_they_are_read(site: Site) -> None:
    anna = site.world.person("anna@uni.example")
    browser = site.browser(anna)
    assert "Nothing yet" in await browser.page("/inbox")
    for number in range(32):
        tell(site, anna.person_id, number)
    assert 'Inbox <span class="n">32<span class="vh"> not read' in await browser.page("/licenses")
    text = await browser.page("/inbox")
    assert text.count('class="unread"') == 30
    assert text.index("notice 31") < text.index("notice 30")
    assert "notice 0<" not in text
    answer = await browser.post("/inbox/read", seen_on="/inbox")
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    text = await browser.page("/inbox")
    assert 'class="unread"' not in text
    assert "Mark all as read" not in text
    assert 'class="n"' not in text


async def test_an_inbox_is_its_owners_alone(site: Site) -> None:
    anna, noor = site.world.person("anna@uni.example"), site.world.person("noor@uni.example")
    tell(site, anna.person_id, 1)
    assert (await site.anonymous.get("/inbox")).status_code == 401
    assert "Inbox" not in (await site.anonymous.page("/"))
    other = site.browser(noor)
    assert "notice 1" not in await other.page("/inbox")
    await other.post("/inbox/read", seen_on="/", token="forged")
    assert 'class="unread"' in await site.browser(anna).page("/inbox")


async def test_mail_that_does_not_arrive_is_said(site: Site) -> None:
    anna = site.world.person("anna@uni.example")
    browser = site.browser(anna)
    site.world.write(note_mail, email="anna@uni.example", sealer=site.world.sealer, refused_at=site.world.now)
    text = await browser.page("/inbox")
    assert "Mail to you does not arrive" in text
    assert "refuses anna@uni.example for good" in text
