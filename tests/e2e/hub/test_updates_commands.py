"""`gatehouse updates` against the served registry: what a holder is to give up, and what a maintainer sees of it."""

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from registry import catalog, cli, licenses
from registry.catalog import must_updates
from registry.catalog.must_updates import Demand, Mark
from registry.client.errors import ExitCode
from registry.delivery import updates
from registry.identity.domain import Scope
from tests.e2e.hub.conftest import Scene, Stage

pytestmark = [pytest.mark.hub, pytest.mark.slow]

Run = Callable[..., int]


@pytest.fixture
def scene(stage: Stage) -> Scene:
    """A model with two releases and somebody who has accepted its license."""
    scene = stage.scene()
    scene.accept()
    scene.registry.world.release(
        scene.owner,
        scene.publisher,
        name=scene.model.name,
        requires=(f"{scene.slug}@1.0",),
        files={"config.json": b"{}"},
    )
    return scene


def commits(scene: Scene) -> tuple[str, str]:
    """Of the older release, and of the newer one."""
    newer, older = scene.registry.world.read(
        catalog.list_releases, model_id=scene.model.id, before=None, limit=2
    )
    return older.commit, newer.commit


def marked(scene: Scene) -> Mark:
    """The older release is marked, and the holder is told."""
    world, (older, newer) = scene.registry.world, commits(scene)
    mark = world.write(
        must_updates.mark_release,
        publisher=scene.publisher.name,
        name=scene.model.name,
        demand=Demand(
            commit=older,
            replacement=newer,
            update_by=world.now + timedelta(days=9),
            reason="Images were taken out.",
        ),
        principal=scene.owner,
        now=world.now,
    )
    assert isinstance(mark, Mark), mark
    (version_id,) = scene.model.gate.license_version_ids
    license_id = world.read(licenses.get_version_by_id, version_id=version_id).license_id
    # The served worker may be faster; who was told is told once.
    for source in ("downloads", str(license_id)):
        world.write(
            updates.tell_holders,
            task=updates.Task(mark=mark.id, source=source),
            sealer=world.sealer,
            base_url=scene.registry.url,
            now=world.now,
        )
    return mark


@pytest.fixture
def gatehouse(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command line of somebody with a token."""
    home = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    monkeypatch.setenv("GATEHOUSE_ENDPOINT", scene.registry.url)

    def words(token: str, *given: str) -> int:
        monkeypatch.setenv("GATEHOUSE_TOKEN", token)
        return cli.main(["updates", *given])

    return words


def test_a_holder_lists_what_to_give_up_and_says_that_it_is_read(
    scene: Scene, gatehouse: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gatehouse(scene.token, "list") == 0
    assert "Nothing is to be given up." in capsys.readouterr().err
    mark = marked(scene)
    assert gatehouse(scene.token, "list") == 0
    written = capsys.readouterr()
    assert written.out.split("\t")[:4] == [str(mark.id), scene.repo, mark.commit[:12], mark.replacement[:12]]
    assert written.out.rstrip().endswith("notified\tImages were taken out.")
    assert f"{scene.registry.url}/updates" in written.err
    assert gatehouse(scene.token, "acknowledge", str(mark.id)) == 0
    written = capsys.readouterr()
    assert written.out == "acknowledged\n"
    assert f"{scene.registry.url}/updates" in written.err
    assert gatehouse(scene.token, "list", "--json") == 0
    (item,) = json.loads(capsys.readouterr().out)
    assert (item["id"], item["state"], item["release"]) == (str(mark.id), "acknowledged", mark.commit)


def test_what_is_not_ones_own_or_no_mark_cannot_be_acknowledged(
    scene: Scene, gatehouse: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = marked(scene)
    world = scene.registry.world
    stranger = world.token(world.person(f"else-{scene.publisher.name}@else.example"))
    assert gatehouse(stranger, "acknowledge", str(mark.id)) == ExitCode.FAILURE
    assert gatehouse(scene.token, "acknowledge", "../../whoami") == ExitCode.FAILURE
    assert "no such" in capsys.readouterr().err.lower()
    assert world.read(updates.count_told, mark_id=mark.id).acknowledged == 0


def test_staff_see_how_far_the_holders_are(
    scene: Scene, gatehouse: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    auditor = scene.registry.world.token(scene.owner, Scope.READ, Scope.AUDIT)
    assert gatehouse(auditor, "status", scene.repo) == 0
    assert "No release of it is to be given up." in capsys.readouterr().err
    mark = marked(scene)
    assert gatehouse(scene.token, "acknowledge", str(mark.id)) == 0
    capsys.readouterr()
    assert gatehouse(auditor, "status", scene.repo) == 0
    assert capsys.readouterr().out.rstrip().split("\t")[5:] == ["1", "0", "1", "0"]
    assert gatehouse(auditor, "status", scene.repo, "--json") == 0
    (item,) = json.loads(capsys.readouterr().out)
    assert item["holders"] == {"told": 1, "downloaded": 0, "acknowledged": 1, "confirmed_deleted": 0}
    assert gatehouse(auditor, "holders", scene.repo, str(mark.id), "--format", "csv") == 0
    assert f"{scene.person_email},acknowledged,False" in capsys.readouterr().out
    assert gatehouse(scene.token, "status", scene.repo) == ExitCode.REFUSED
    assert gatehouse(scene.token, "holders", scene.repo, str(mark.id)) == ExitCode.REFUSED
    assert scene.person_email not in capsys.readouterr().out


def test_a_maintainer_is_given_the_page_that_marks_and_nothing_is_marked(
    scene: Scene, gatehouse: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    older, newer = commits(scene)
    maintainer = scene.registry.world.token(scene.owner)
    given = ("--release", older[:40], "--by", "2030-01-31", "--reason", "A fault & more.")
    assert gatehouse(maintainer, "mark", scene.repo, *given) == 0
    url = urlsplit(capsys.readouterr().out.strip())
    assert url.path == f"/{scene.repo}/must-updates"
    assert parse_qs(url.query) == {
        "release": [older],
        "replacement": [newer],
        "update_by": ["2030-01-31"],
        "reason": ["A fault & more."],
    }
    assert scene.registry.world.read(must_updates.list_marks, model_id=scene.model.id) == []
