"""Where weights lie, and which files of a repository are taken over: by digests and sizes alone."""

import pytest

from registry.hub_sync import import_choice
from registry.hub_sync.import_choice import choose_files
from registry.hub_sync.weights import NAMED_MOST, Digested, HubFile, Place, compare, large_of

A, B = "a" * 64, "b" * 64


def large(path, sha256=A, size=7):
    return Digested(path=path, size=size, sha256=sha256)


def there(path, sha256=None, size=7):
    return HubFile(path=path, size=size, git_oid="0" * 40, sha256=sha256)


@pytest.mark.parametrize(
    ("here", "hub", "place"),
    [
        ([], [], Place.NOWHERE),
        ([large("x")], [], Place.HERE),
        ([], [large("x")], Place.HUB),
        ([large("x")], [large("y")], Place.BOTH),
    ],
)
def test_the_place_follows_from_what_either_side_has(here, hub, place):
    assert compare(here, hub).place is place


def test_files_of_one_path_are_equal_in_digest_and_size_or_differ():
    found = compare(
        [large("same"), large("digest"), large("size"), large("mine")],
        [large("same"), large("digest", B), large("size", size=8), large("theirs"), large("small", B)],
        small_here={"small": B, "other.json": A},
    )
    assert found.equal.named == ("same", "small")
    assert found.different.named == ("digest", "size")
    assert (found.only_here.named, found.only_there.named) == (("mine",), ("theirs",))
    assert found.there_bytes == 7 * 4 + 8


def test_a_text_that_is_large_there_and_small_here_differs_by_its_digest():
    assert compare([], [large("tokenizer.json", A)], small_here={"tokenizer.json": B}).different.count == 1


def test_many_files_are_counted_and_the_first_are_named():
    found = compare([], [large(f"{number:03}") for number in range(50)]).only_there
    assert (found.count, len(found.named), found.named[0]) == (50, NAMED_MOST, "000")


def test_only_large_files_have_a_digest_to_compare():
    assert large_of([there("README.md"), there("x.safetensors", A)]) == [large("x.safetensors")]


def test_small_texts_are_taken_over_and_the_rest_stays():
    choice = choose_files(
        [
            there("z/deep.json"),
            there("x.safetensors", A),
            there("config.json"),
            there("LICENSE"),
            there("README.md"),
            there("logo.png"),
            there("NOTICE"),
            there("empty.txt", size=0),
            there("large.txt", size=import_choice.FILE_MAX_BYTES + 1),
        ]
    )
    assert [one.path for one in choice.taken] == [
        "README.md",
        "LICENSE",
        "NOTICE",
        "config.json",
        "z/deep.json",
    ]
    assert {one.path for one in choice.left} == {"x.safetensors", "logo.png", "empty.txt", "large.txt"}


def test_what_is_taken_over_is_bounded():
    many = choose_files([there(f"{number}.json") for number in range(import_choice.FILES_MOST + 5)])
    assert (len(many.taken), len(many.left)) == (import_choice.FILES_MOST, 5)
    heavy = choose_files(
        [there(f"{number:02}.json", size=import_choice.FILE_MAX_BYTES) for number in range(20)]
    )
    assert sum(one.size for one in heavy.taken) == import_choice.WHOLE_MAX_BYTES
