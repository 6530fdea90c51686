"""Write the golden bundles of this folder; run again, it gives the same bytes.

python -m tests.vectors.bundle.generate [FOLDER]

good/*.zip      bundles that verify with the keys of `tests/vectors/receipt/keys.json`
refused/*.zip   bundles that must fail at the step that their name begins with; most have an index that fits them and is signed
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.bundle.writer import (
    PEOPLE,
    Members,
    archive,
    bundle,
    compact,
    facts,
    indexed,
    sign_index,
    statement,
)


def changed(path: str, **members: Any) -> Members:
    """Return a bundle in which one JSON member was changed, under an index that was signed for it."""
    found = facts()
    found[path] = compact(json.loads(found[path]) | members)
    return indexed(found)


def without(path: str) -> Members:
    return indexed({name: data for name, data in facts().items() if name != path})


def with_other_signature(**header: Any) -> Members:
    members = indexed(facts())
    return members | {"signature.jws": sign_index(members["index.json"], **header)}


def refused() -> dict[str, bytes]:
    """Return each case by its name, which begins with the step that must fail."""
    good = list(indexed(facts()).items())
    text = next(path for path in facts() if path.startswith("texts/"))
    other_text = indexed(facts() | {text: b"Do what you like.\n"})
    moved = {
        ("acceptances/3.json" if path == "acceptances/2.json" else path): data
        for path, data in facts().items()
    }
    jwt, _ = statement(PEOPLE[1])
    return {
        "archive-path-outside": archive([*good, ("../outside.json", b"{}")]),
        "archive-absolute-path": archive([*good, ("/etc/outside", b"{}")]),
        "archive-twice": archive([*good, good[0]]),
        "archive-encrypted": archive(good, flags=1),
        "archive-compressed": archive(good, method=8),
        "archive-link": archive(good, mode=0o120777),
        "archive-appended": archive(good) + b"\0",
        "archive-prefixed": b"PK" + archive(good),
        "index-missing": archive(good[:-2]),
        "index-other-format": bundle(indexed(facts(), format="gatehouse-bundle/2")),
        "members-added": archive([*good, ("acceptances/7.json", b"{}")]),
        "members-missing": archive(good[1:]),
        "members-altered": archive([(path, b"{}" if path == "keys.json" else data) for path, data in good]),
        "keys-unknown": bundle(
            with_other_signature(word="eve", kid=None)
            | {"signature.jws": sign_index(b"", word="eve", kid="eve")}
        ),
        "signature-other-type": bundle(with_other_signature(typ="gatehouse-acceptance+sd-jwt")),
        "signature-other-index": bundle(indexed(facts()) | {"signature.jws": sign_index(b"{}")}),
        "signature-algorithm": bundle(with_other_signature(alg="EdDSA")),
        "texts-another": bundle(other_text),
        "acceptances-text-missing": bundle(without(text)),
        "acceptances-other-index": bundle(indexed(moved)),
        "acceptances-other-proof": bundle(changed("acceptances/2.json", inclusion_proof=[])),
        "acceptances-other-statement": bundle(changed("acceptances/2.json", sd_jwt=f"{jwt}~")),
        "acceptances-other-id": bundle(changed("acceptances/2.json", acceptance=PEOPLE[1])),
        "withdrawals-of-nobody": bundle(without("acceptances/2.json")),
        "withdrawals-other-acceptance": bundle(changed("withdrawals/8.json", acceptance=PEOPLE[1])),
        "withdrawals-other-leaf": bundle(changed("withdrawals/8.json", leaf="{}")),
    }


def main(folder: Path) -> None:
    """Write every file."""
    wanted = {"good/two-people": bundle(), "good/details": bundle(indexed(facts(details=True)))}
    wanted |= {f"refused/{name}": data for name, data in refused().items()}
    for name, data in wanted.items():
        path = folder / f"{name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
