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
    IMPORTED,
    PEOPLE,
    Members,
    archive,
    bundle,
    compact,
    facts,
    imported,
    indexed,
    link,
    sign_index,
    statement,
)


def changed(path: str, **members: Any) -> Members:
    """Return a bundle in which one JSON member was changed, under an index that was signed for it."""
    found = facts()
    found[path] = compact(json.loads(found[path]) | members)
    return indexed(found)


def importing(number: int = 0, **claims: Any) -> bytes:
    """Return a bundle whose first import claims something else; signed, in the log and listed all the same."""
    return bundle(indexed(facts(imports=[imported(number, **claims), imported(1)])))


def ended_as_link() -> bytes:
    """Return a withdrawal that is passed off as the link of an import."""
    end = json.loads(facts()["withdrawals/8.json"])
    return compact(
        {"import": IMPORTED[0]} | {name: end[name] for name in ("index", "inclusion_proof", "leaf")}
    )


def twice() -> bytes:
    """Return a bundle in which one import stands at two places of the log."""
    found = facts(imports=[imported(0), imported(0)], linked=None)
    second = json.loads(found["imports/4.json"]) | {"import": IMPORTED[0]}
    return bundle(indexed(found | {"imports/4.json": compact(second)}))


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
        "imports-as-acceptance": bundle(indexed(facts(imports=[statement(PEOPLE[0]), imported(1)]))),
        "imports-other-grade": importing(grade="B"),
        "imports-other-text": importing(text="sha256:" + "0" * 64),
        "imports-of-a-license": importing(license={"slug": "imagined-openrail-m"}),
        "imports-other-id": bundle(changed("imports/1.json", **{"import": IMPORTED[1]})),
        "imports-other-proof": bundle(changed("imports/1.json", inclusion_proof=[])),
        "imports-twice": twice(),
        "imports-linked-of-nobody": bundle(without("imports/4.json")),
        "imports-linked-to-another": bundle(
            changed("upgrades/9.json", leaf=link(IMPORTED[1], PEOPLE[0]).decode())
        ),
        "imports-linked-by-another": bundle(changed("upgrades/9.json", **{"import": IMPORTED[0]})),
        "imports-linked-by-no-link": bundle(indexed(facts() | {"upgrades/8.json": ended_as_link()})),
    }


def main(folder: Path) -> None:
    """Write every file."""
    wanted = {
        "good/two-people": bundle(),
        "good/details": bundle(indexed(facts(details=True))),
        "good/nobody-imported": bundle(indexed(facts(imports=[], linked=None))),
    }
    wanted |= {f"refused/{name}": data for name, data in refused().items()}
    for name, data in wanted.items():
        path = folder / f"{name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
