"""The card of a repository that follows: set with the registry's address, merged, and never overwritten unasked."""

from typing import Any

import pytest

from registry import catalog
from registry.hub_sync.hub import HubSession
from tests.api.test_hub_story import API, REPO, Story, hub, more_settings, story
from tests.servers.fake_hub import Trouble
from tests.world import BASE_URL, CARD, TEXT_10

__all__ = ["hub", "more_settings", "story"]


def files(story: Story) -> dict[str, bytes]:
    return story.hub.model(REPO).head.files


async def card(story: Story, **query: str) -> Any:
    story.advance(minutes=3)
    asked = f"?card={query['card']}" if query else ""
    return (await story.owner.post(f"{API}/apply{asked}")).json()["mirror"]["card"]


async def test_the_first_plan_that_is_applied_leads_people_here_with_one_commit(story: Story) -> None:
    """The first pass of the story has set it; the text below differs on both sides and stays."""
    model = story.hub.model(REPO)
    assert len(model.commits) == 2
    readme = files(story)["README.md"].decode()
    assert f"{BASE_URL}/quarry/quarry-15b/hub" in readme
    assert "license: openrail\n" in readme, "both sides have it, so it is a conflict"
    assert "# A model\n" in readme
    assert files(story)["LICENSE"] == TEXT_10
    status = (await story.owner.get(API)).json()
    assert status["revision"] == status["card"]["committed"] == model.head.id
    assert set(status["card"]["conflicts"]) == {"license", "the text of the card"}
    assert (await story.owner.get(f"{API}/plan")).json()["card"]["changes"] == []
    before = len(story.hub.calls())
    story.advance(minutes=3)
    await story.work_off()
    assert len(story.hub.calls()) - before == 4, "where nothing has changed the card is not read again"


async def test_somebody_says_whose_card_is_taken_and_a_new_one_follows_by_itself(story: Story) -> None:
    found = await card(story, card="registry")
    assert found["conflicts"] == []
    assert files(story)["README.md"].endswith(b"# Quarry\n\nA model for tests.\n")
    world = story.site.world
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, files={"README.md": CARD.replace(b"A model", b"A better model")})
    story.advance(minutes=3)
    await story.work_off()
    assert "A better model" in files(story)["README.md"].decode()


async def test_what_an_outsider_edits_is_shown_and_left_and_never_overwritten(story: Story) -> None:
    await card(story, card="registry")
    edited = files(story)["README.md"].replace(b"# Quarry", b"# Quarry, edited at the Hub")
    story.hub.put_file(REPO, "README.md", edited)
    plan = (await story.owner.get(f"{API}/plan")).json()
    assert plan["card"]["kept"] == ["the text of the card"]
    assert [one["drift"] for one in plan["drifts"]] == ["card-edited"]
    story.advance(minutes=3)
    await story.work_off()
    assert files(story)["README.md"] == edited
    assert (await story.owner.get(API)).json()["card"]["kept"] == ["the text of the card"]
    await card(story, card="registry")
    assert b"edited at the Hub" not in files(story)["README.md"]


async def test_a_commit_in_between_is_no_accident_and_holds_up_nobody(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await card(story, card="registry")
    story.hub.put_file(REPO, "README.md", files(story)["README.md"].replace(b"# Quarry", b"# Another"))
    commit = HubSession.commit

    def commit_second(*given: Any, **named: Any) -> Any:
        story.hub.put_file(REPO, "notes.txt", b"in between")
        return commit(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(HubSession, "commit", commit_second)
        found = await card(story, card="registry")
    assert found["trouble"].startswith("stale")
    assert b"# Another" in files(story)["README.md"]
    found = await card(story, card="registry")
    assert found["trouble"] == ""
    assert b"# Quarry" in files(story)["README.md"]
    assert files(story)["notes.txt"] == b"in between"


@pytest.mark.parametrize("trouble", [Trouble.HTML, Trouble.EMPTY_YES, Trouble.ERROR])
async def test_a_card_that_cannot_be_set_holds_up_nobody(story: Story, trouble: Trouble) -> None:
    story.hub.fail(trouble, method="POST", path="/commit/main")
    story.hub.ask(REPO, "stranger")
    story.hub.set_status(REPO, "stranger", "accepted")
    answer = await story.owner.post(f"{API}/apply?card=registry")
    assert answer.json()["settled"], answer.text
    assert answer.json()["mirror"]["card"]["trouble"]
    assert story.at_hub == {"stranger": "pending"}


async def test_a_head_that_cannot_be_read_is_left_alone(story: Story) -> None:
    story.hub.put_file(REPO, "README.md", b"---\nlicense: [\n---\n")
    found = await card(story, card="registry")
    assert found["trouble"].startswith("unreadable")
    assert files(story)["README.md"] == b"---\nlicense: [\n---\n"


async def test_a_model_that_is_private_here_is_not_told_of_at_the_hub(story: Story) -> None:
    """Neither plan nor apply sends its address, its card or its license, which others may not read here."""
    hidden, there = "/api/v1/models/quarry/hidden-1b/hub", "hf-org/hidden"
    world = story.site.world
    world.release(
        world.person("owner@quarry.example"),
        world.read(catalog.find_publisher, name="quarry"),
        name="hidden-1b",
        private=True,
    )
    story.hub.add_model(there, gated="manual")
    await story.owner.post(
        "/api/v1/publishers/quarry/hub-token", {"token": story.hub.add_token("release-bot")}
    )
    assert (await story.owner.post(hidden, {"repository": there})).status_code == 200
    assert (await story.owner.get(f"{hidden}/plan")).json()["card"]["trouble"].startswith("withheld")
    answer = (await story.owner.post(f"{hidden}/apply?card=registry")).json()
    assert answer["settled"]
    assert answer["mirror"]["card"]["trouble"].startswith("withheld")
    assert len(story.hub.model(there).commits) == 1
    assert not any(b"hidden-1b" in call.body for call in story.hub.calls())
