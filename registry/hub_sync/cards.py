"""What a Hub repository's README and LICENSE should be, merged with what others changed there. Pure.

Both files are taken apart: each key at the head of the card with its own lines, the text below, the license. Each part
is compared three ways: as it was when both sides were last seen to agree (base), as the registry has it (ours), as the Hub
shows it (theirs). What one side changed is taken; what both changed differently is a conflict, left as the Hub has it and
shown. Lines that nobody changed stay byte for byte.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import yaml

TEXT = "the text of the card"
LICENSE = "LICENSE"
HEAD = "lines before the first key"
MANAGED = ("extra_gated_heading", "extra_gated_prompt", "extra_gated_button_content")
"""The registry's own from the first plan on: they say where access is decided."""
CARD_MAX_BYTES = 1024 * 1024
_KEY = re.compile(r"([A-Za-z_][\w.-]*)[ \t]*:(?:[ \t]|\r?\n|$)")

Parts = Mapping[str, str]


class Side(StrEnum):
    """Whose part is taken where both sides changed it, or where only the Hub did."""

    REGISTRY = "registry"
    HUB = "hub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the registry says about a card at the Hub."""

    page: str
    """Address of the model here."""
    host: str
    card: bytes | None = None
    """README of the model's release; None: the registry has none, and says nothing but where access is decided."""
    license: bytes | None = None
    """Text of the one license that the gate asks for."""
    license_name: str = ""
    private: bool = False
    """Whether the model is to be unknown to everybody outside its publisher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What the registry wants the parts to be."""

    parts: Parts
    is_whole: bool
    """Whether a part that is not there is to be gone; else nothing is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the parts are to be, and what was found; the lists name parts."""

    parts: dict[str, str]
    base: dict[str, str | None]
    """What both sides are seen to agree on, once the parts are at the Hub."""
    changes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Edited at the Hub, and left so."""
    conflicts: list[str] = field(default_factory=list)


def take_apart(readme: bytes | None, license_text: bytes | None) -> dict[str, str] | None:
    """Return the parts of both files in their order; None where the head of the card cannot be read as one of keys."""
    found: dict[str, str] = {}
    try:
        if readme is not None:
            if len(readme) > CARD_MAX_BYTES:
                return None
            head, found[TEXT] = _split(readme.decode())
            keys = _keys_of(head)
            if keys is None:
                return None
            found = keys | found
        if license_text is not None:
            found[LICENSE] = license_text.decode()
    except UnicodeDecodeError:
        return None
    return found


def put_together(parts: Parts) -> tuple[bytes, bytes | None]:
    """Return README and LICENSE of the parts."""
    keys = "".join(text for name, text in parts.items() if name not in {TEXT, LICENSE})
    head = f"---\n{keys}---\n" if keys else ""
    license_text = parts.get(LICENSE)
    return (head + parts.get(TEXT, "")).encode(), license_text.encode() if license_text is not None else None


def want(terms: Terms) -> Ours:
    """Return the parts as the registry has them; the prompt of the gate names the registry's address."""
    parts = take_apart(terms.card, None) if terms.card is not None else {}
    is_whole = bool(parts)
    text = (parts or {}).pop(TEXT, None)
    wanted = dict(parts or {})
    own_prompt = _value(wanted.get("extra_gated_prompt", ""))
    lead = (
        f"Access is decided at [{terms.host}]({terms.page}). Read and accept the license there, and sign in there with "
        f"your account of the Hub, so that you are known: {terms.page}/hub"
    )
    prompt = f"{lead}\n\n{own_prompt}" if own_prompt else lead
    for key, value in zip(
        MANAGED, (f"Accept the license at {terms.host}", prompt, "Ask for access"), strict=True
    ):
        wanted[key] = f"{key}: {json.dumps(value, ensure_ascii=False)}\n"
    if is_whole and terms.license is not None and "license" not in wanted:
        name = json.dumps(terms.license_name, ensure_ascii=False)
        wanted |= {
            "license": "license: other\n",
            "license_name": f"license_name: {name}\n",
            "license_link": "license_link: LICENSE\n",
        }
    if text is not None:
        wanted[TEXT] = text
    if terms.license is not None:
        # Texts in another encoding are had at the registry alone.
        with suppress(UnicodeDecodeError):
            wanted[LICENSE] = terms.license.decode()
    return Ours(parts=wanted, is_whole=is_whole)


def merge(
    base: Mapping[str, str | None] | None, ours: Ours, theirs: Parts, *, prefer: Side | None = None
) -> Merged:
    """Return the parts as they are to be at the Hub; without `prefer`, nothing that others changed is overwritten."""
    known = base or {}
    found = Merged(parts={}, base=dict(known))
    gone = [one for one in known if ours.is_whole and one not in ours.parts]
    for part in dict.fromkeys([*theirs, *ours.parts, *gone]):
        said = part in ours.parts or part in gone
        wanted, shown = ours.parts.get(part), theirs.get(part)
        if not said:
            taken = shown
        elif wanted == shown:
            taken = shown
            found.base[part] = wanted
        else:
            taken = _take(found, part, wanted, shown, known, prefer)
        if taken is not None:
            found.parts[part] = taken
    return found


def _take(
    found: Merged,
    part: str,
    wanted: str | None,
    shown: str | None,
    known: Mapping[str, str | None],
    prefer: Side | None,
) -> str | None:
    """Return what is taken of a part that differs, and note why."""
    if part in known:
        is_ours, is_theirs = shown == known[part], wanted == known[part]
    else:
        is_ours, is_theirs = part in MANAGED or shown is None, False
    if is_ours or prefer is Side.REGISTRY:
        found.changes.append(part)
        found.base[part] = wanted
        return wanted
    if is_theirs or prefer is Side.HUB:
        found.kept.append(part)
        found.base[part] = wanted
    else:
        found.conflicts.append(part)
    return shown


def _split(text: str) -> tuple[str, str]:
    """Return the lines between the fences, and the rest."""
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        return "", text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    return "", text


def _keys_of(head: str) -> dict[str, str] | None:
    """Return each key at the head with its lines; None where they do not make up what a reader of YAML sees."""
    found: dict[str, str] = {}
    name = HEAD
    for line in head.splitlines(keepends=True):
        if (key := _KEY.match(line)) is not None:
            name = key[1]
            if name in found:
                return None
        found[name] = found.get(name, "") + (line if line.endswith("\n") else line + "\n")
    try:
        read = yaml.safe_load(head)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(read, dict | None) or [str(key) for key in read or {}] != [
        one for one in found if one != HEAD
    ]:
        return None
    return found


def _value(lines: str) -> str:
    """Return the text of a key."""
    try:
        read = yaml.safe_load(lines)
    except (yaml.YAMLError, ValueError, RecursionError):
        return ""
    value = next(iter(read.values()), "") if isinstance(read, dict) else ""
    return value.strip() if isinstance(value, str) else ""
