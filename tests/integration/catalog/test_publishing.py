import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from registry import catalog, ledger
from registry.catalog import manifests
from registry.catalog.domain import GateMode, RefKind, StatedFile
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from registry.kernel.outcomes import Refusal
from tests.integration.catalog.conftest import CARD, World

FILES = {
    "README.md": CARD,
    "config.json": b'{"layers": 2}',
    "data/empty.txt": b"",
    "weights.bin": b"\x00\x01" * 900,
}


async def first_release(world: World, owner: Principal, **changes: Any) -> Any:
    stated = await world.upload(FILES, owner)
    return world.publish(owner, stated, **changes)


async def test_a_release_states_every_file_and_main_points_to_it(world: World, owner: Principal) -> None:
    world.license()
    published = await first_release(world, owner, licenses=("tarn-openrail-m",))

    found = world.look(
        catalog.find_release, publisher="TARN", name="Tarn-7B", revision="main", principal=ANONYMOUS
    )
    assert published.created
    assert found.release == published.release
    assert found.model.repo_id == "tarn/tarn-7b"
    files = world.look(catalog.list_files, release_id=found.release.id)
    assert [(file.path, file.size, file.large) for file in files] == [
        ("README.md", len(CARD), False),
        ("config.json", 13, False),
        ("data/empty.txt", 0, False),
        ("weights.bin", 1800, True),
    ]
    signed = world.look(catalog.get_signed_manifest, release_id=found.release.id)
    manifest = manifests.parse_manifest(signed.manifest)
    assert manifests.commit_id(signed.manifest) == found.release.commit
    assert [file.path for file in manifest.files] == sorted(FILES)
    assert manifest.licenses[0].slug == "tarn-openrail-m"
    assert ledger.verify_jws(signed.signature, world.keys.published).payload == signed.manifest
    assert found.release.summary == "A small model that the tests publish again and again."


async def test_a_new_model_takes_form_and_license_into_its_gate(world: World, owner: Principal) -> None:
    world.license()
    await first_release(world, owner, licenses=("tarn-openrail-m@1.0",))

    model = world.look(catalog.find_model, publisher="tarn", name="tarn-7b", principal=ANONYMOUS)
    requirements = world.look(catalog.describe_requirements, version_ids=model.gate.license_version_ids)
    assert [field.key for field in model.gate.fields] == ["Company", "I agree"]
    assert [(r.slug, r.number) for r in requirements.values()] == [("tarn-openrail-m", "1.0")]
    assert model.gate.mode is GateMode.AUTO
    assert not model.gate.is_open()


async def test_the_same_files_again_give_the_release_that_stands(world: World, owner: Principal) -> None:
    first = await first_release(world, owner)
    world.clock.advance(timedelta(hours=1))
    again = await first_release(world, owner, message="Again")

    assert not again.created
    assert again.release == first.release


async def test_a_changed_file_makes_a_child_of_the_head(world: World, owner: Principal) -> None:
    first = await first_release(world, owner)
    stated = await world.upload({"config.json": b"{}"}, owner)
    second = world.publish(owner, stated)

    assert second.release.parent == first.release.commit
    old = world.look(
        catalog.find_release,
        publisher="tarn",
        name="tarn-7b",
        revision=first.release.commit,
        principal=ANONYMOUS,
    )
    assert old.release == first.release
    listed = world.look(catalog.list_releases, model_id=first.model_id)
    assert [release.commit for release in listed] == [second.release.commit, first.release.commit]


async def test_a_release_made_on_an_older_head_is_refused(world: World, owner: Principal) -> None:
    first = await first_release(world, owner)
    one = await world.upload({"config.json": b"1"}, owner)
    two = await world.upload({"config.json": b"2"}, owner)
    world.publish(owner, one, parent=first.release.commit)
    late = world.publish(owner, two, parent=first.release.commit)
    retry = world.publish(owner, one, parent=first.release.commit)

    assert isinstance(late, Refusal)
    assert late.code == "parent-differs"
    assert not retry.created


async def test_racing_publications_of_one_release_make_one(world: World, owner: Principal) -> None:
    stated = await world.upload(FILES, owner)
    command = catalog.PublishRelease(publisher="tarn", name="tarn-7b", files=stated, create=True)

    outcomes = await asyncio.gather(
        *(
            world.database.write(
                lambda session: catalog.publish_release(
                    session, command, principal=owner, sign=world.sign, now=world.now()
                )
            )
            for _ in range(8)
        )
    )

    assert sum(outcome.created for outcome in outcomes) == 1
    assert len({outcome.release.commit for outcome in outcomes}) == 1


async def test_files_that_the_publisher_never_uploaded_cannot_be_released(
    world: World, owner: Principal
) -> None:
    other = world.signed_in("other")
    world.publisher("fell", other)
    stated = await world.upload(FILES, owner)

    refused = world.publish(other, stated, publisher="fell")

    assert refused.code == "files-not-uploaded"
    assert set(refused.errors) == set(FILES)


async def test_a_stated_size_that_differs_is_refused(world: World, owner: Principal) -> None:
    (file,) = await world.upload({"a.txt": b"text"}, owner)
    lie = StatedFile(path="a.txt", sha256=file.sha256, size=5)

    assert world.publish(owner, (lie,)).code == "files-not-uploaded"


async def test_broken_safetensors_cannot_be_released(world: World, owner: Principal) -> None:
    stated = await world.upload({"model.safetensors": (2**63).to_bytes(8, "little") + b"{}"}, owner)

    refused = world.publish(owner, stated)

    assert refused.code == "files-refused"
    assert "model.safetensors" in refused.errors


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"files": ()}, "files-malformed"),
        ({"ref": "a..b"}, "malformed-request"),
        ({"message": "x" * 4001}, "malformed-request"),
        ({"message": "bell \x07"}, "malformed-request"),
        ({"create": False}, "model-not-found"),
        ({"licenses": ("nobody@1.0",)}, "license-not-found"),
        ({"name": "-x"}, "malformed-request"),
        ({"publisher": "nobody"}, "publisher-not-found"),
    ],
)
async def test_what_cannot_stand_is_refused(
    world: World, owner: Principal, changes: dict[str, Any], code: str
) -> None:
    stated = await world.upload({"a.txt": b"text"}, owner)

    assert world.publish(owner, **({"files": stated} | changes)).code == code


async def test_paths_that_lead_outside_are_refused_by_name(world: World, owner: Principal) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    refused = world.publish(owner, (StatedFile(path="../x", sha256=digest, size=1),))

    assert refused.code == "files-malformed"
    assert "../x" in refused.errors


@pytest.mark.parametrize(
    ("role", "may_publish"),
    [("owner", True), ("maintainer", True), ("reviewer", False), ("auditor", False)],
)
async def test_only_owners_and_maintainers_publish(
    world: World, owner: Principal, role: str, may_publish: bool
) -> None:
    stated = await world.upload({"a.txt": b"text"}, owner)
    other = world.signed_in("other")
    world.do(
        catalog.add_role,
        publisher="tarn",
        person_id=other.person_id,
        role=catalog.Role(role),
        principal=owner,
        now=world.now(),
    )

    outcome = world.publish(other, stated)

    assert isinstance(outcome, catalog.Published) is may_publish


async def test_a_token_without_the_scope_publish_is_refused(world: World, owner: Principal) -> None:
    stated = await world.upload({"a.txt": b"text"}, owner)
    token = world.signed_in("owner", channel=Channel.TOKEN, scopes=frozenset({Scope.READ}))

    assert world.publish(token, stated).code == "scope-missing"
    assert world.publish(ANONYMOUS, stated).code == "sign-in-needed"


async def test_a_release_never_changes_the_gate(world: World, owner: Principal) -> None:
    world.license()
    await first_release(world, owner, licenses=("tarn-openrail-m",))
    stated = await world.upload({"README.md": b"# No license any more\n"}, owner)
    world.license("other-openrail-m")

    assert world.publish(owner, stated, licenses=("other-openrail-m",)).code == "gate-differs"
    assert world.publish(owner, stated, gate_mode=GateMode.CLOSED).code == "gate-differs"
    kept = world.publish(owner, stated)
    model = world.look(catalog.find_model, publisher="tarn", name="tarn-7b", principal=ANONYMOUS)
    assert kept.created
    assert len(model.gate.license_version_ids) == 1
    assert [field.key for field in model.gate.fields] == ["Company", "I agree"]


async def test_tags_stand_and_branches_move(world: World, owner: Principal) -> None:
    first = await first_release(world, owner)
    tagged = world.do(
        catalog.create_tag, publisher="tarn", name="tarn-7b", tag="v1", revision="main", principal=owner
    )
    stated = await world.upload({"config.json": b"{}"}, owner)
    second = world.publish(owner, stated)
    moved = world.do(
        catalog.create_tag, publisher="tarn", name="tarn-7b", tag="v1", revision="main", principal=owner
    )
    onto_tag = world.publish(owner, stated[:1], ref="v1")

    assert tagged == first.release
    assert moved.code == "tag-stands"
    assert onto_tag.code == "tag-stands"
    refs = world.look(catalog.list_refs, model_id=first.model_id)
    assert [(ref.name, ref.kind, ref.commit) for ref in refs] == [
        ("main", RefKind.BRANCH, second.release.commit),
        ("v1", RefKind.TAG, first.release.commit),
    ]


async def test_a_name_is_a_branch_or_a_tag(world: World, owner: Principal) -> None:
    """A tag of a branch's name would look like one that never moves, and would move."""
    world.license()
    first = await first_release(world, owner, licenses=("tarn-openrail-m",))
    there = {"publisher": "tarn", "name": "tarn-7b", "revision": "main", "principal": owner}
    assert world.do(catalog.create_branch, branch="next", **there) == first.release
    refused = world.do(catalog.create_tag, tag="next", **there)
    assert (refused.code, refused.status) == ("name-taken", 409)
    assert world.do(catalog.create_tag, tag="v1", **there) == first.release
    assert world.do(catalog.create_branch, branch="v1", **there).code == "name-taken"
    kinds = {ref.name: ref.kind for ref in world.look(catalog.list_refs, model_id=first.model_id)}
    assert kinds == {"main": RefKind.BRANCH, "next": RefKind.BRANCH, "v1": RefKind.TAG}


async def test_private_models_look_absent_to_outsiders(world: World, owner: Principal) -> None:
    await first_release(world, owner, private=True)
    outsider = world.signed_in("outsider")

    hidden = world.look(catalog.find_model, publisher="tarn", name="tarn-7b", principal=outsider)
    absent = world.look(catalog.find_model, publisher="tarn", name="tarn-8b", principal=outsider)
    assert hidden == absent if hidden.detail == absent.detail else hidden.code == absent.code
    assert hidden.title == absent.title
    assert hidden.detail.replace("7b", "8b") == absent.detail
    assert world.look(catalog.list_models, principal=outsider) == []
    assert world.look(catalog.list_models, principal=ANONYMOUS) == []
    assert len(world.look(catalog.list_models, principal=owner)) == 1
    release = world.look(
        catalog.find_release, publisher="tarn", name="tarn-7b", revision="main", principal=outsider
    )
    assert release.code == "model-not-found"


async def test_the_card_and_small_texts_are_read_from_the_database(world: World, owner: Principal) -> None:
    published = await first_release(world, owner)
    card = world.look(catalog.find_card, release_id=published.release.id)
    text = world.look(catalog.find_text, release_id=published.release.id, path="data/empty.txt")
    weights = world.look(catalog.find_text, release_id=published.release.id, path="weights.bin")

    assert card.licenses == ("openrail",)
    assert text == b""
    assert weights is None


async def test_files_are_listed_page_by_page_and_by_folder(world: World, owner: Principal) -> None:
    stated = await world.upload({f"d/{n}.txt": str(n).encode() for n in range(5)} | {"d0": b"z"}, owner)
    release = world.publish(owner, stated).release

    first = world.look(catalog.list_files, release_id=release.id, limit=2)
    rest = world.look(catalog.list_files, release_id=release.id, after=first[-1].path)
    under = world.look(catalog.list_files, release_id=release.id, under="d")
    assert [file.path for file in first + rest] == [*(f"d/{n}.txt" for n in range(5)), "d0"]
    assert [file.path for file in under] == [f"d/{n}.txt" for n in range(5)]


async def test_models_with_the_same_weights_are_shown(world: World, owner: Principal) -> None:
    first = await first_release(world, owner)
    other = world.signed_in("other")
    world.publisher("fell", other)
    stated = await world.upload(FILES, other, publisher="fell", name="copy")
    world.publish(other, stated, publisher="fell", name="copy")

    same = world.look(catalog.list_same_weights, release_id=first.release.id, principal=ANONYMOUS)
    assert same == ["fell/copy"]
