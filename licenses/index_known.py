# ruff: noqa: INP001 # a script beside its data, not a package
"""Write `known.toml` and `restrictions.toml`: facts about known third-party licenses, without a word of their texts.

    python licenses/index_known.py FOLDER [--also ID=FILE ...]

FOLDER holds the texts, `SOURCES.tsv` (id, title, version, source, sha256, file, hub metadata, SPDX key, …) and
`restriction-taxonomy.tsv` (slug, category, paraphrase, licenses). `--also` adds the digests of another printing of
the same version, such as the copy inside a model repository.
"""

import argparse
import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent))

from registry.licenses.texts import exact_digest, normalised_digest  # noqa: E402 # the path is set above

FAMILY_IDS = {"other", "openrail", "unknown", "unknown|other"}
"""Values of `license` in a model card that name no text."""

# Names used in the taxonomy → ids of the texts that hold the restriction.
HOLDERS = {
    "aipubs-openrail-m-0.1": ["aipubs-openrail-m-0.1-coral"],
    "coral additions to AI Pubs": ["aipubs-openrail-m-0.1-coral"],
    "gemma (prohibited use policy)": ["gemma.prohibited-use-policy"],
    "llama2 (agreement)": ["llama2"],
    "llama3 (agreement)": ["llama3"],
    "llama2 llama3 llama3.1 (use policy)": [
        "llama2.use-policy",
        "llama3.use-policy",
        "llama3.1.use-policy",
        "llama3",
    ],
    "llama3.2 llama3.3 llama4 (use policy)": [
        "llama3.2.use-policy",
        "llama3.3.use-policy",
        "llama4.use-policy",
    ],
    "openrail++": ["openrail++", "openrail++-2022-11-24"],
    "rail-s-1.1": ["rail-s-1.0", "rail-s-1.1"],
    "stabilityai-ai-community (agreement)": ["stabilityai-ai-community"],
}

# The same ban reaches less far in some texts. What is not listed is flat.
STRICTNESS = {
    "bigcode-openrail-m": {
        "no-automated-legal-decisions": "unless-disclosed",
        "no-defamation-harassment": "intent-only",
        "no-impersonation": "intent-only",
        "no-justice-immigration": "unless-human-oversight",
        "no-medical-advice": "unless-human-oversight",
        "no-protected-class-discrimination": "intent-only",
        "no-social-scoring": "intent-only",
        "no-vulnerability-exploitation": "intent-only",
    },
    "bigscience-openrail-m": {"no-impersonation": "unless-consent"},
    "aipubs-openrail-m-0.1-coral": {
        "no-impersonation": "intent-only",
        "no-likeness-synthesis": "unless-consent",
        "no-unauthorised-sensitive-data": "unless-consent",
    },
    "gemma.prohibited-use-policy": {"no-impersonation": "intent-only", "no-tracking": "unless-consent"},
    "rail-s-1.0": {"no-medical-advice": "unless-human-oversight", "no-tracking": "unless-consent"},
    "rail-s-1.1": {"no-medical-advice": "unless-human-oversight", "no-tracking": "unless-consent"},
    **{
        f"llama{version}.use-policy": {"no-impersonation": "unless-consent"}
        for version in ("2", "3", "3.1", "3.2", "3.3", "4")
    },
    "llama3": {"no-impersonation": "unless-consent"},
}

RESTRICTS_NOTHING = frozenset({"apache-2.0", "openmdw-1.0"})
"""Texts that were read and restrict no use; of another text without restrictions nobody has said so."""
APACHE = [
    "[[license]]",
    'id = "apache-2.0"',
    'title = "Apache License"',
    'version = "2.0, January 2004"',
    'kind = "agreement"',
    'hub_ids = ["apache-2.0"]',
    'spdx = "Apache-2.0"',
    'sha256 = ["sha256:cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"]',
    'normalised = ["n1:2032b8854ae5dde200550c87e6a7103c165f57dbd09311ce20717e427ca4826f"]',
    "restrictions = []",
    "",
]
"""The license that most open models have; its text is not among those of FOLDER."""


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--also", action="append", default=[], metavar="ID=FILE")
    parser.add_argument("--to", type=Path, default=ROOT)
    arguments = parser.parse_args()
    taxonomy = read(arguments.folder / "restriction-taxonomy.tsv")
    also: dict[str, list[bytes]] = {}
    for pair in arguments.also:
        identity, _, file = pair.partition("=")
        also.setdefault(identity, []).append(Path(file).read_bytes())
    sources = [row for row in read(arguments.folder / "SOURCES.tsv") if row["file"].endswith((".txt", ".md"))]
    (arguments.to / "restrictions.toml").write_text(render_taxonomy(taxonomy), encoding="utf-8")
    (arguments.to / "known.toml").write_text(
        render_known(arguments.folder, sources, taxonomy, also), encoding="utf-8"
    )


def read(file: Path) -> list[dict[str, str]]:
    """Return the rows of a table with a head line."""
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def render_taxonomy(taxonomy: list[dict[str, str]]) -> str:
    """Return the restrictions with their categories, in our own words."""
    lines = [
        "# Use restrictions that model licenses contain, each in our own words. Written by index_known.py.",
        "# A slug is compared together with its strictness: flat, intent-only, unless-disclosed, unless-consent,",
        "# unless-human-oversight.",
        "format = 1",
        "",
    ]
    for row in taxonomy:
        paraphrase = re.sub(r"\s*\([A-Z]{2}[^)]*\)", "", row["paraphrase"])
        lines += [
            "[[restriction]]",
            *pairs(slug=row["slug"], category=row["category"], paraphrase=paraphrase),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def render_known(
    folder: Path, sources: list[dict[str, str]], taxonomy: list[dict[str, str]], also: dict[str, list[bytes]]
) -> str:
    """Return what is known about each text."""
    lines = [
        "# Facts about known third-party licenses, so that an imported text can be recognised by its digest.",
        "# Holds no license text. Written by index_known.py; the normalised digest is described in",
        "# registry/licenses/texts.py.",
        "format = 1",
        "",
    ]
    for row in sources:
        identity = row["id"].removeprefix("other--")
        printings = [(folder / row["file"]).read_bytes(), *also.get(identity, [])]
        included_by = re.match(r"\(incorporated by (.+)\)", row["hf_metadata"])
        lines += [
            "[[license]]",
            *pairs(
                id=identity,
                title=row["title"],
                version=row["version"],
                kind="policy" if included_by else "agreement",
                included_by=included_by.group(1) if included_by else None,
                hub_ids=hub_ids(row["hf_metadata"]),
                spdx=None if row["spdx_license_key"] == "-" else row["spdx_license_key"].split(" ")[0],
                sha256=unique(exact_digest(text) for text in printings),
                normalised=unique(normalised_digest(text) for text in printings),
                restrictions=restrictions_of(identity, taxonomy),
            ),
            *(["restrictions = []"] if identity in RESTRICTS_NOTHING else []),
            "",
        ]
    return "\n".join([*lines, *APACHE]).rstrip() + "\n"


def hub_ids(metadata: str) -> list[str]:
    """Return the card values (`license` or `license_name`) that name this text."""
    named = re.findall(r"license(?:_name)?: ([^;]+)", re.sub(r"\([^)]*\)", "", metadata))
    values = [value.strip() for part in named for value in re.split(r"[|/]", part)]
    return [value for value in values if value and value not in FAMILY_IDS and " " not in value]


def restrictions_of(identity: str, taxonomy: list[dict[str, str]]) -> list[str]:
    """Return the restrictions of a text as `slug` or `slug:strictness`."""
    found = []
    for row in taxonomy:
        holders = [name.strip() for name in row["licenses"].split(";")]
        if any(identity in HOLDERS.get(name, [name]) for name in holders):
            strictness = STRICTNESS.get(identity, {}).get(row["slug"])
            found.append(f"{row['slug']}:{strictness}" if strictness else row["slug"])
    return found


def unique(values: Iterable[str]) -> list[str]:
    """Return the values without repetition, in order."""
    return list(dict.fromkeys(values))


def pairs(**values: str | list[str] | None) -> list[str]:
    """Return TOML lines for the values that are there."""
    lines = []
    for key, value in values.items():
        if value is None or value == []:
            continue
        if isinstance(value, str):
            lines.append(f"{key} = {quoted(value)}")
        elif len(value) == 1:
            lines.append(f"{key} = [{quoted(value[0])}]")
        else:
            lines += [f"{key} = [", *(f"  {quoted(item)}," for item in value), "]"]
    return lines


def quoted(text: str) -> str:
    """Return `text` as a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    main()
