"""A license that is published only with the release is judged before as it is judged then, and nothing is stored."""

from typing import Any

import pytest

from registry import licenses
from registry.catalog.lineage import Planned, plan_restrictions
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.licenses import service
from registry.licenses.known import KnownIndex, KnownLicense
from tests.clock import SettableClock
from tests.integration.catalog.derived import BASE, LAW, MEDICINE, Scene, card, code
from tests.world import World

TEXT = b"# Slate license\n\nNo illegal use, no medical advice.\n"


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return Scene(World(database=database, clock=clock))


def know(monkeypatch: pytest.MonkeyPatch, *slugs: str, restricts_nothing: bool = False) -> None:
    """Let the registry know the text and what it restricts."""
    known = KnownLicense(
        id="slate",
        title="Slate license",
        version="1",
        is_policy=False,
        included_by=None,
        hub_ids=(),
        spdx=None,
        sha256=(licenses.exact_digest(TEXT),),
        normalised=(),
        restrictions=tuple(
            licenses.Restriction(slug=slug, strictness=licenses.Strictness.FLAT) for slug in slugs
        ),
        restricts_nothing=restricts_nothing,
    )
    index = KnownIndex([known])
    monkeypatch.setattr(service, "known_index", lambda: index)


def command(slug: str = "own-m", number: str = "1.0", text: bytes = TEXT) -> licenses.PublishVersion:
    return licenses.PublishVersion(
        slug=slug, number=number, change_class=licenses.ChangeClass.INITIAL, text=text, title="Slate license"
    )


def plan(scene: Scene, stated: licenses.PublishVersion, *references: str) -> Any:
    return scene.world.read(
        plan_restrictions,
        publisher="meadow",
        name="slate",
        card=card(BASE),
        references=references,
        principal=scene.maker,
        now=scene.world.now,
        new_license=stated,
    )


@pytest.mark.parametrize(
    ("known", "restricts_nothing"),
    [(None, False), ((LAW, MEDICINE), False), ((LAW,), False), ((), True)],
    ids=["unknown", "carries all on", "carries one on", "restricts nothing"],
)
def test_the_plan_says_what_the_publication_does(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...] | None, restricts_nothing: bool
) -> None:
    if known is not None:
        know(monkeypatch, *known, restricts_nothing=restricts_nothing)
    planned = plan(scene, command())
    assert isinstance(planned, Planned)
    (terms,) = planned.terms
    assert planned.draft is not None
    stated = planned.draft.restrictions
    assert (None if stated is None else tuple(dict.fromkeys(one.slug for one in stated))) == known
    assert scene.world.read(licenses.find_version, slug="own-m", number="1.0") is None
    published = scene.world.write(
        licenses.publish_version, command=command(), now=scene.world.now, by=scene.maker.person_id
    )
    assert not isinstance(published, Refusal)
    assert code(scene.publish("own-m@1.0")) == ("restrictions-not-carried" if terms.is_open else None)
    assert terms.is_open is (known != (LAW, MEDICINE))


def test_a_text_counts_beside_licenses_that_are_published(scene: Scene) -> None:
    assert plan(scene, command()).terms[0].is_open
    assert plan(scene, command(), scene.asked).terms == []


@pytest.mark.parametrize(
    ("stated", "refused"),
    [
        (command(slug="base-m"), "license-not-yours"),
        (command(slug="mine", number="2.0", text=b"Other words.\n"), "license-change-class-wrong"),
        (command(slug="mine", text=b"Other words.\n"), "license-version-frozen"),
        (command(slug="No such slug"), "license-malformed"),
        (command(text=b"\xff"), "license-text-not-utf8"),
    ],
    ids=["of somebody else", "not the first", "number taken", "malformed", "no text"],
)
def test_a_license_that_could_not_be_published_is_refused_in_the_same_words(
    scene: Scene, stated: licenses.PublishVersion, refused: str
) -> None:
    scene.world.write(
        licenses.publish_version, command=command(slug="mine"), now=scene.world.now, by=scene.maker.person_id
    )
    assert code(plan(scene, stated)) == refused
    published = scene.world.write(
        licenses.publish_version, command=stated, now=scene.world.now, by=scene.maker.person_id
    )
    assert code(published) == refused


def test_the_very_same_text_that_is_there_already_is_judged_as_it_stands(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW, f"{MEDICINE}:unless-human-oversight", text=TEXT)
    planned = plan(scene, command())
    assert planned.draft.version.reference == own
    assert not planned.terms[0].is_open
