"""The page of a model's mirror: pair, look at the plan, apply, see what somebody changed, end it."""

from tests.api.test_hub_story import API, REPO, Story, hub, more_settings, story

__all__ = ["hub", "more_settings", "story"]

PAGE = "/manage/quarry/models/quarry-15b/hub"


async def test_a_maintainer_does_all_of_it_on_the_page(story: Story) -> None:
    owner = story.site.browser(story.site.world.person("owner@quarry.example"))
    assert "The Hub lets in nobody whom this registry does not" in await owner.page(PAGE)
    await owner.post(f"{PAGE}/unlink", seen_on=PAGE)
    assert "Pair them" in await owner.page(PAGE)
    assert (await owner.post(f"{PAGE}/link", seen_on=PAGE, repository="no repository")).status_code == 422
    linked = await owner.post(f"{PAGE}/link", seen_on=PAGE, repository=REPO)
    assert linked.headers["location"] == PAGE
    assert "Paired, and not kept in step yet" in await owner.page(PAGE)

    story.hub.ask(REPO, "stranger")
    story.hub.set_status(REPO, "stranger", "accepted")
    shown = (await owner.post(f"{PAGE}/plan", seen_on=PAGE)).text
    assert "let in at the Hub, and nobody here has proved to be this account" in shown
    assert "Whose card is taken" in shown
    assert story.at_hub == {"stranger": "accepted"}, "a look changes nothing"
    story.advance(minutes=1)
    await owner.post(f"{PAGE}/apply", seen_on=PAGE, card="registry")
    assert story.at_hub == {"stranger": "pending"}
    assert b"# Quarry" in story.hub.model(REPO).head.files["README.md"]
    assert (await story.owner.get(API)).json()["kept_since"]


async def test_nobody_else_sees_or_does_anything(story: Story) -> None:
    other = story.site.browser(story.site.world.person("eve@lab.example"))
    assert (await other.get(PAGE)).status_code == 403
    assert (await story.site.anonymous.get(PAGE)).status_code == 401
    calls = len(story.hub.calls())
    for act in ("plan", "apply", "link", "unlink", "something"):
        refused = await other.post(f"{PAGE}/{act}", seen_on="/settings/tokens", repository=REPO)
        assert refused.status_code in {403, 409}
    assert len(story.hub.calls()) == calls
