"""License texts that a process keeps in memory: every acceptance needs one, and none of them ever changes."""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session

from registry import licenses
from registry.licenses.domain import Policy, Version

REMEMBERED_TEXTS = 64
"""How many license texts a process keeps in memory for the next acceptances."""


class Texts:
    """License versions and the policies that they include. Neither ever changes, so each is read once."""

    def __init__(self) -> None:
        self._known: OrderedDict[UUID, tuple[Version, Sequence[Policy]]] = OrderedDict()

    def find(self, session: Session, version_id: UUID) -> tuple[Version, Sequence[Policy]]:
        """Return a version, which must exist, and its policies in order."""
        found = self._known.get(version_id)
        if found is None:
            version = licenses.get_version_by_id(session, version_id)
            found = self._known[version_id] = (version, licenses.list_policies(session, version_id))
            if len(self._known) > REMEMBERED_TEXTS:
                self._known.popitem(last=False)
        return found
