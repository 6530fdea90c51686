"""Model cards as the Hub writes them: a `README.md` with YAML front matter, read into plain values.

A card never changes a gate by itself: what it says about gating is an offer for the maintainer. Bytes
are kept; everything that is wrong is reported in plain words and nothing in a card raises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.catalog.forms import (
    FIELDS_MAX_COUNT,
    LABEL_MAX_CHARACTERS,
    OPTION_MAX_CHARACTERS,
    OPTIONS_MAX_COUNT,
    FieldOption,
    FieldType,
    FormField,
    is_clean_text,
)
from registry.catalog.front_matter import CardProblem, load_metadata, split_card

NAME_MAX_CHARACTERS = 300
"""Of one license, base model, language or tag in a card."""
LIST_MAX_COUNT = 1_000
PROMPT_MAX_CHARACTERS = 500_000

_RELATIONS = frozenset({"adapter", "merge", "quantized", "finetune"})
_FIELD_TYPES = frozenset(kind.value for kind in FieldType)
_GATING_KEYS = frozenset(
    {
        "extra_gated_prompt",
        "extra_gated_fields",
        "extra_gated_heading",
        "extra_gated_description",
        "extra_gated_button_content",
        "extra_gated_eu_disallowed",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePrompt:
    """What the card's `extra_gated_*` keys ask for (Hub documentation, "Gated models")."""

    prompt: str | None = None
    """Markdown: usually the license or its summary."""
    heading: str | None = None
    description: str | None = None
    button: str | None = None
    eu_disallowed: bool = False
    fields: tuple[FormField, ...] = ()

    def asks(self) -> bool:
        """Whether the card asks for a gate at all."""
        return self != GatePrompt()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A model card: its bytes' parts, what it says, and what is wrong with it."""

    front_matter: bytes
    """Byte for byte, from the start of the file through the closing fence."""
    body: str
    metadata: Mapping[str, Any]
    problems: tuple[CardProblem, ...]
    licenses: tuple[str, ...]
    license_name: str | None
    license_link: str | None
    base_models: tuple[str, ...]
    relation: str | None
    languages: tuple[str, ...]
    tags: tuple[str, ...]
    datasets: tuple[str, ...]
    pipeline_tag: str | None
    library_name: str | None
    new_version: str | None
    gating: GatePrompt


def parse_card(data: bytes) -> Card:
    """Return the card that `data` holds; every input gives a card."""
    parts = split_card(data)
    loaded = load_metadata(parts.text, first_line=parts.first_line)
    values = loaded.values
    problems = [*parts.problems, *loaded.problems]
    licenses = _read_licenses(values, problems)
    relation = _read_text(values, "base_model_relation", problems)
    if relation is not None and relation not in _RELATIONS:
        _report(
            problems,
            "relation-unknown",
            f"`base_model_relation: {relation}` is not one of {', '.join(sorted(_RELATIONS))}.",
        )
    return Card(
        front_matter=parts.raw,
        body=parts.body,
        metadata=values,
        licenses=licenses,
        license_name=_read_text(values, "license_name", problems),
        license_link=_read_text(values, "license_link", problems),
        base_models=_read_list(values, "base_model", problems),
        relation=relation,
        languages=_read_list(values, "language", problems),
        tags=_read_list(values, "tags", problems),
        datasets=_read_list(values, "datasets", problems),
        pipeline_tag=_read_text(values, "pipeline_tag", problems),
        library_name=_read_text(values, "library_name", problems),
        new_version=_read_text(values, "new_version", problems),
        gating=_read_gating(values, problems),
        problems=tuple(problems),
    )


def _report(problems: list[CardProblem], code: str, message: str) -> None:
    problems.append(CardProblem(code=code, message=message))


def _as_text(value: Any) -> str | None:
    """Return a scalar as text, as it would be written in a card."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value).strip()
    return None


def _read_text(
    values: Mapping[str, Any],
    key: str,
    problems: list[CardProblem],
    *,
    limit: int = NAME_MAX_CHARACTERS,
) -> str | None:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = _as_text(value)
    if text is None:
        _report(problems, "value-not-text", f"`{key}` should be one text; it is left out.")
        return None
    if len(text) > limit:
        _report(problems, "value-too-long", f"`{key}` is longer than {limit:,} characters and is cut there.")
        text = text[:limit]
    return text or None


def _read_list(values: Mapping[str, Any], key: str, problems: list[CardProblem]) -> tuple[str, ...]:
    value = values.get(key)
    if value is None:
        return ()
    entries = value if isinstance(value, list) else [value]
    if len(entries) > LIST_MAX_COUNT:
        _report(
            problems,
            "list-too-long",
            f"`{key}` lists {len(entries):,} entries; the first {LIST_MAX_COUNT:,} are used.",
        )
    found: list[str] = []
    for entry in entries[:LIST_MAX_COUNT]:
        text = _as_text(entry)
        if text is None or not text:
            _report(problems, "list-entry-not-text", f"An entry of `{key}` is not a text; it is left out.")
        else:
            found.append(text[:NAME_MAX_CHARACTERS])
    return tuple(dict.fromkeys(found))


def _read_licenses(values: Mapping[str, Any], problems: list[CardProblem]) -> tuple[str, ...]:
    written = _read_list(values, "license", problems)
    if isinstance(values.get("license"), list):
        _report(
            problems,
            "license-is-a-list",
            "`license` is a list; the Hub expects one identifier. All of them are shown.",
        )
    found: list[str] = []
    for name in written:
        plain = name.lower()
        if plain != name:
            _report(
                problems, "license-spelling", f"The license is written `{name}`; its identifier is `{plain}`."
            )
        found.append(plain)
    if "other" in found and not (values.get("license_name") or values.get("license_link")):
        message = "`license: other` needs `license_name` and `license_link` to say which license it is."
        _report(problems, "license-not-named", message)
    return tuple(dict.fromkeys(found))


def _read_gating(values: Mapping[str, Any], problems: list[CardProblem]) -> GatePrompt:
    for key in values:
        if key.startswith("extra_gated") and key not in _GATING_KEYS:
            _report(
                problems,
                "gating-key-unknown",
                f"`{key[:60]}` is not a gating key that is known here; it has no effect.",
            )
    disallowed = values.get("extra_gated_eu_disallowed")
    if disallowed is not None and not isinstance(disallowed, bool):
        _report(
            problems,
            "value-not-truth",
            "`extra_gated_eu_disallowed` should be true or false; it is read as true.",
        )
        disallowed = True
    return GatePrompt(
        prompt=_read_text(values, "extra_gated_prompt", problems, limit=PROMPT_MAX_CHARACTERS),
        heading=_read_text(values, "extra_gated_heading", problems),
        description=_read_text(values, "extra_gated_description", problems, limit=PROMPT_MAX_CHARACTERS),
        button=_read_text(values, "extra_gated_button_content", problems),
        eu_disallowed=bool(disallowed),
        fields=read_fields(values.get("extra_gated_fields"), problems),
    )


def read_fields(value: Any, problems: list[CardProblem]) -> tuple[FormField, ...]:
    """Return the form that an `extra_gated_fields` value asks for, in its order; trouble goes to `problems`."""
    entries: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        for item in value:
            entries += _list_entries(item)
    elif value is not None:
        _report(
            problems,
            "fields-not-a-mapping",
            "`extra_gated_fields` is not a list of fields; it has no effect.",
        )
    if len(entries) > FIELDS_MAX_COUNT:
        _report(
            problems,
            "too-many-fields",
            f"The form has {len(entries)} fields; the first {FIELDS_MAX_COUNT} are used.",
        )
    fields: dict[str, FormField] = {}
    for label, definition in entries[:FIELDS_MAX_COUNT]:
        field = _read_field(label, definition, problems)
        if field is None:
            continue
        if field.key in fields:
            _report(
                problems,
                "field-twice",
                f"The field `{field.key[:60]}` is asked for twice; the last one is used.",
            )
        fields[field.key] = field
    return tuple(fields.values())


def _list_entries(item: Any) -> Sequence[tuple[str, Any]]:
    """Read `- Name: text`, `- Name`, and `- {label: Name, type: text}`."""
    if isinstance(item, dict):
        for key in ("label", "name", "key"):
            if isinstance(item.get(key), str) and ("type" in item or "options" in item):
                return [(item[key], {k: v for k, v in item.items() if k != key})]
        return list(item.items())
    text = _as_text(item)
    return [(text, "text")] if text else [("", item)]


def _read_field(label: str, definition: Any, problems: list[CardProblem]) -> FormField | None:
    key = " ".join(label.split())
    if not key or not is_clean_text(key):
        _report(problems, "field-without-label", "A field of the form has no readable label; it is left out.")
        return None
    if len(key) > LABEL_MAX_CHARACTERS:
        _report(
            problems,
            "field-label-too-long",
            f"The label `{key[:60]}…` is cut at {LABEL_MAX_CHARACTERS:,} characters.",
        )
        key = key[:LABEL_MAX_CHARACTERS]
    attributes = definition if isinstance(definition, dict) else {"type": definition}
    kind = _read_type(key, attributes, problems)
    required = attributes.get("required", True)
    if not isinstance(required, bool):
        required = True
    options = _read_options(key, attributes.get("options"), problems)
    if kind is FieldType.SELECT and not options:
        _report(
            problems,
            "select-without-options",
            f"The field `{key[:60]}` offers no options; it is asked as text.",
        )
        kind = FieldType.TEXT
    return FormField(
        key=key,
        label=key,
        type=kind,
        options=options if kind is FieldType.SELECT else (),
        required=required,
    )


def _read_type(key: str, attributes: Mapping[str, Any], problems: list[CardProblem]) -> FieldType:
    for attribute in attributes:
        if attribute not in ("type", "options", "required"):
            _report(
                problems,
                "field-attribute-unknown",
                f"`{attribute[:60]}` of the field `{key[:60]}` has no effect here.",
            )
    if "type" not in attributes and "options" in attributes:
        return FieldType.SELECT
    written = _as_text(attributes.get("type"))
    name = (written or "").lower().replace("-", "_")
    if name == FieldType.IP_LOCATION:
        message = f"The field `{key[:60]}` asks for a location; this registry does not record one."
        _report(problems, "location-not-recorded", message)
    if name in _FIELD_TYPES:
        return FieldType(name)
    shown = f"`{written[:60]}`" if written else "missing"
    _report(
        problems, "field-type-unknown", f"The type of the field `{key[:60]}` is {shown}; it is asked as text."
    )
    return FieldType.TEXT


def _read_options(key: str, value: Any, problems: list[CardProblem]) -> tuple[FieldOption, ...]:
    if value is None:
        return ()
    if isinstance(value, dict):
        value = [{"value": name, "label": label} for name, label in value.items()]
    if not isinstance(value, list):
        _report(problems, "options-not-a-list", f"The options of the field `{key[:60]}` are not a list.")
        return ()
    options: dict[str, FieldOption] = {}
    for item in value[:OPTIONS_MAX_COUNT]:
        label = _as_text(item.get("label", item.get("value")) if isinstance(item, dict) else item)
        stored = _as_text(item.get("value", item.get("label")) if isinstance(item, dict) else item)
        if (
            not label
            or not stored
            or not is_clean_text(label + stored)
            or max(len(label), len(stored)) > OPTION_MAX_CHARACTERS
        ):
            _report(
                problems,
                "option-unreadable",
                f"An option of the field `{key[:60]}` cannot be read; it is left out.",
            )
            continue
        options.setdefault(stored, FieldOption(value=stored, label=label))
    return tuple(options.values())
