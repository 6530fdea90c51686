"""Where the weights of a model lie that a repository of the Hub follows: told by status, plan and pages, never mended."""

import hashlib
from typing import Any

from registry import catalog
from tests.api.test_hub_story import API, REPO, Story, hub, more_settings, story
from tests.servers.fake_hub import Trouble
from tests.world import CARD, WEIGHTS

__all__ = ["hub", "more_settings", "story"]

PAGE = "/manage/quarry/models/quarry-15b/hub"
FILE = "model.safetensors"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


async def weights(story: Story) -> Any:
    return (await story.owner.get(API)).json()["weights"]


async def keep(story: Story) -> int:
    """Look once more; return how often the Hub was asked for its list of files."""
    before = len(story.hub.calls(path="/tree/"))
    story.advance(minutes=3)
    await story.work_off()
    return len(story.hub.calls(path="/tree/")) - before


async def test_files_are_compared_by_their_digests_once_for_each_commit(story: Story) -> None:
    assert (await weights(story))["place"] == "here"
    assert await keep(story) == 0, "the list is read when the commit has changed, and not before"
    story.hub.put_large(REPO, FILE, sha256=DIGEST, size=len(WEIGHTS))
    story.hub.put_large(REPO, "other.bin", sha256="b" * 64, size=5)
    assert (await story.owner.get(f"{API}/plan")).json()["weights"]["place"] == "both"
    assert await keep(story) == 1
    found = await weights(story)
    assert (found["place"], found["equal"]["named"]) == ("both", [FILE])
    assert found["only_there"] == {"count": 1, "named": ["other.bin"]}
    assert await keep(story) == 0


async def test_other_bytes_are_a_drift_that_is_told_and_left(story: Story) -> None:
    story.hub.put_large(REPO, FILE, sha256="c" * 64, size=len(WEIGHTS))
    plan = (await story.owner.get(f"{API}/plan")).json()
    assert [one["drift"] for one in plan["drifts"]] == ["card-edited", "weights-differ"]
    assert FILE in plan["drifts"][1]["words"]
    for _ in range(2):
        await keep(story)
        status = (await story.owner.get(API)).json()
        assert status["drifts"]["weights-differ"] == 1, "it is told for as long as it lasts"
        assert status["weights"]["different"]["named"] == [FILE]
    assert story.hub.model(REPO).head.large[FILE].sha256 == "c" * 64
    owner = story.site.browser(story.site.world.person("owner@quarry.example"))
    shown = await owner.page(PAGE)
    assert "Other bytes there than here" in shown
    assert "Here and at the Hub" in shown


async def test_a_list_that_cannot_be_read_holds_up_nobody_and_is_tried_again(story: Story) -> None:
    story.hub.put_large(REPO, "other.bin", sha256="b" * 64, size=5)
    story.hub.ask(REPO, "stranger")
    story.hub.set_status(REPO, "stranger", "accepted")
    story.hub.fail(Trouble.NOT_JSON, path="/tree/")
    await keep(story)
    assert story.at_hub == {"stranger": "pending"}
    assert (await weights(story))["trouble"].startswith("unreadable")
    await keep(story)
    found = await weights(story)
    assert (found["trouble"], found["only_there"]["count"]) == ("", 1)


async def test_a_model_whose_weights_are_at_the_hub_says_so_and_leads_there(story: Story) -> None:
    world = story.site.world
    owner = world.person("owner@quarry.example")
    world.release(owner, world.read(catalog.find_publisher, name="quarry"), files={"README.md": CARD})
    reader = story.site.browser(world.person("noor@uni.example"))
    assert "The weights are at the Hub" not in await reader.page("/quarry/quarry-15b")
    story.hub.put_large(REPO, FILE, sha256=DIGEST, size=len(WEIGHTS))
    await keep(story)
    shown = await reader.page("/quarry/quarry-15b")
    assert "The weights are at the Hub" in shown
    assert 'href="/quarry/quarry-15b/hub"' in shown
    assert (await weights(story))["place"] == "hub"
    await story.owner.post(f"{API}/unlink")
    assert "The weights are at the Hub" not in await reader.page("/quarry/quarry-15b")
