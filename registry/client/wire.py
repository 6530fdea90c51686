"""Reading JSON that others wrote: strict parsing, and members that say which one does not fit."""

import json
import re
from datetime import datetime

from registry.client.errors import Malformed, printable

# What Python reads as an ISO time is more than that: any character for the T, a comma for the point.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)

JsonObject = dict[str, object]


def parse_json(data: bytes | str, *, what: str) -> object:
    """Return the JSON value of `data`; duplicate members, NaN and absurd nesting are refused."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value: object = json.loads(text, object_pairs_hook=_unique_members, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8: byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not valid JSON: {printable(str(error), limit=200)}") from None
    return value


def _unique_members(pairs: list[tuple[str, object]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"member {next(name for name in names if names.count(name) > 1)!r} appears twice")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


class Fields:
    """The members of one JSON object, read by name and type.

    Raises:
        Malformed: from every reader, naming the member by its path, got and expected.
    """

    def __init__(self, value: object, *, where: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(f"{where} is {_kind(value)}, expected an object")
        self.value: JsonObject = value
        self.where = where

    def text(self, name: str) -> str:
        """Return the string `name`."""
        value = self.value.get(name)
        if not isinstance(value, str):
            raise self._misfit(name, "a string")
        return value

    def maybe_text(self, name: str) -> str | None:
        """Return the string `name`, or None where it is absent or null."""
        return None if self.value.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        """Return the whole number `name`, zero or more."""
        value = self.value.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._misfit(name, "a whole number")
        return value

    def maybe_number(self, name: str) -> int | None:
        """Return the whole number `name`, or None where it is absent or null."""
        return None if self.value.get(name) is None else self.number(name)

    def flag(self, name: str) -> bool:
        """Return the boolean `name`."""
        value = self.value.get(name)
        if not isinstance(value, bool):
            raise self._misfit(name, "true or false")
        return value

    def moment(self, name: str) -> datetime:
        """Return the time `name`, which must carry a zone."""
        text = self.text(name)
        try:
            if _RFC_3339.fullmatch(text):
                return datetime.fromisoformat(text)
        except ValueError:
            pass  # such as 31 February
        raise self._misfit(name, "an RFC 3339 time")

    def maybe_moment(self, name: str) -> datetime | None:
        """Return the time `name`, or None where it is absent or null."""
        return None if self.value.get(name) is None else self.moment(name)

    def member(self, name: str) -> "Fields":
        """Return the object `name`."""
        return Fields(self.value.get(name), where=f"{self.where}.{name}")

    def maybe_member(self, name: str) -> "Fields | None":
        """Return the object `name`, or None where it is absent or null."""
        return None if self.value.get(name) is None else self.member(name)

    def values(self, name: str) -> list[object]:
        """Return the array `name`."""
        value = self.value.get(name)
        if not isinstance(value, list):
            raise self._misfit(name, "an array")
        return value

    def texts(self, name: str) -> list[str]:
        """Return the array of strings `name`."""
        texts = [value for value in self.values(name) if isinstance(value, str)]
        if len(texts) != len(self.values(name)):
            raise self._misfit(name, "an array of strings")
        return texts

    def members(self, name: str) -> "list[Fields]":
        """Return the array of objects `name`."""
        return [
            Fields(value, where=f"{self.where}.{name}[{position}]")
            for position, value in enumerate(self.values(name))
        ]

    def only(self, names: frozenset[str]) -> None:
        """Refuse members that are not among `names`."""
        for name in self.value:
            if name not in names:
                raise Malformed(f"{self.where} has the unknown member {printable(name, limit=80)!r}")

    def _misfit(self, name: str, expected: str) -> Malformed:
        if name not in self.value:
            return Malformed(f"{self.where}.{name} is missing, expected {expected}")
        return Malformed(f"{self.where}.{name} is {_kind(self.value[name])}, expected {expected}")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number" if not isinstance(value, int) or value >= 0 else "a negative number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"
