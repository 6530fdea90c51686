"""Immutable things kept in memory, up to a total weight; the least recently used go first."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar
from uuid import UUID

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """A bounded memory, safe to share between the database's threads."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[UUID, tuple[Value, int]] = OrderedDict()
        self._weight = 0

    def find(self, key: UUID) -> Value | None:
        """Return what is remembered under `key`."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def keep(self, key: UUID, value: Value, *, weight: int) -> Value:
        """Return `value`, remembered unless it alone would be too heavy."""
        with self._lock:
            if weight <= self._most and key not in self._values:
                self._values[key] = (value, weight)
                self._weight += weight
                while self._weight > self._most:
                    _, (_, gone) = self._values.popitem(last=False)
                    self._weight -= gone
        return value
