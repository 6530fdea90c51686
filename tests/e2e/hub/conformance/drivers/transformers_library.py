"""What `transformers` reads of the registry, without any framework beneath it: configurations, tokenizers, shards."""

import hashlib
import os
from pathlib import Path

from checking import No, check, error_of, expect, leads_to, main, whole_text
from transformers import AutoConfig, AutoTokenizer
from transformers.utils import cached_file
from transformers.utils.hub import get_checkpoint_shard_files

ENDPOINT = os.environ["HF_ENDPOINT"]


@check
def own_token(ground):
    AutoConfig.from_pretrained(ground["repo"], token=ground["token"])


@check
def load_config(ground):
    expect(AutoConfig.from_pretrained(ground["repo"]).hidden_size, 8)


@check
def download_revision(ground):
    for revision in ground["revisions"]:
        found = AutoConfig.from_pretrained(ground["repo"], revision=revision)
        expect(found.hidden_size, 8 if ground["revisions"][revision] == ground["commit"] else 4, revision)


@check
def load_tokenizer(ground):
    found = AutoTokenizer.from_pretrained(ground["repo"])
    expect(found("a gated model")["input_ids"], [1, 2, 3])


@check
def sharded_safetensors(ground):
    index = cached_file(ground["repo"], "model.safetensors.index.json")
    shards, metadata = get_checkpoint_shard_files(ground["repo"], index)
    names = sorted(set(ground["weight_map"].values()))
    expect([Path(path).name for path in shards], names)
    expect(metadata["weight_map"], ground["weight_map"])
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in shards]
    expect(digests, [ground["files"][name][1] for name in names])


@check
def download(ground):
    for path in ("config.json", "deep/er/日本語.safetensors"):
        found = cached_file(ground["repo"], path)
        expect(hashlib.sha256(Path(found).read_bytes()).hexdigest(), ground["files"][path][1])


@check
def wrong_token(ground):
    text = whole_text(
        error_of(AutoConfig.from_pretrained, ground["repo"], token="hf_" + "q" * 34, force_download=True)
    )
    if "Invalid credentials" not in text:
        raise No(text)


def refused_as(state):
    """Return the check of one way to be refused."""

    def function(ground):
        given = ground["states"][state]
        error = error_of(
            AutoConfig.from_pretrained,
            given["repo"],
            token=given["token"] or False,
            revision=given["revision"],
        )
        if given["words"] not in str(error):
            raise No(str(error))
        return leads_to(given["url"], str(error))

    function.__name__ = f"refused_{state.replace('-', '_')}"
    return function


for _state in (
    *("anonymous", "never-accepted", "outdated", "waiting", "rejected", "revoked", "expired", "withdrawn"),
    *("given-up", "outside", "closed", "blocked", "no-scope"),
):
    check(refused_as(_state))


@check
def absent(ground):
    for repo in (ground["absent"], ground["hidden"]["repo"]):
        text = str(error_of(AutoConfig.from_pretrained, repo))
        if "is not a local folder and is not a valid model identifier" not in text:
            raise No(text)


@check
def unknown_revision(ground):
    text = str(error_of(AutoConfig.from_pretrained, ground["repo"], revision="v9"))
    if "is not a valid git identifier" not in text:
        raise No(text)


@check
def unknown_file(ground):
    expect(cached_file(ground["repo"], "none", _raise_exceptions_for_missing_entries=False), None)
    if "does not appear to have a file named none" not in str(error_of(cached_file, ground["repo"], "none")):
        raise No("another text")


if __name__ == "__main__":
    main()
