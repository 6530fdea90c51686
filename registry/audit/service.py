"""Use cases of audit: does everything that is stored fit the log, and the log itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from registry import catalog, ledger, licenses
from registry.acceptances import fsck as acceptances_fsck
from registry.access import fsck as access_fsck
from registry.catalog import fsck as catalog_fsck
from registry.identity import fsck as identity_fsck
from registry.kernel.sealing import Sealer

LeafCheck = Callable[[Session, str, bytes], ledger.Discrepancy | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """The check of a context that stands beside this one."""

    kinds: Sequence[str]
    """Of its entries in the log."""
    find_discrepancies: Callable[[Session], Iterator[ledger.Discrepancy]]
    check_leaf: LeafCheck


def find_discrepancies(
    session: Session,
    *,
    sealer: Sealer,
    kept_checkpoint: bytes | None = None,
    processes: int = 1,
    further: Further | None = None,
) -> list[ledger.Discrepancy]:
    """Return every row that was altered, removed or inserted behind our back, the first cause first (P6).

    With a checkpoint that was kept elsewhere, also whether the log goes on from it. `processes` share the signatures.

    1. The log by itself: leaves, tree, checkpoints, keys.
    2. Each context's rows against the log.
    3. The log against the rows: what it speaks of is still there.
    """
    return list(_find(session, sealer, kept_checkpoint, processes, further))


def _find(
    session: Session, sealer: Sealer, kept: bytes | None, processes: int, further: Further | None
) -> Iterator[ledger.Discrepancy]:
    yield from ledger.find_discrepancies(session, sealer=sealer)
    if kept is not None and (departure := ledger.find_departure(session, kept, sealer=sealer)) is not None:
        yield departure
    yield from identity_fsck.find_discrepancies(session)
    yield from licenses.find_discrepancies(session)
    yield from catalog.find_discrepancies(session)
    yield from acceptances_fsck.find_discrepancies(session, sealer=sealer, processes=processes)
    yield from access_fsck.find_discrepancies(session)
    checks = dict(_LEAF_CHECKS)
    if further is not None:
        yield from further.find_discrepancies(session)
        checks.update(dict.fromkeys(further.kinds, further.check_leaf))
    for kind, leaf in ledger.iterate_leaves(session, other_than=acceptances_fsck.KINDS):
        check = checks.get(kind)
        if check is not None and (found := check(session, kind, leaf)) is not None:
            yield found


_LEAF_CHECKS: Mapping[str, LeafCheck] = {
    **dict.fromkeys(identity_fsck.KINDS, identity_fsck.check_leaf),
    **dict.fromkeys(acceptances_fsck.OTHER_KINDS, acceptances_fsck.check_leaf),
    **{
        kind: lambda session, _kind, leaf: licenses.check_leaf(session, leaf)
        for kind in licenses.LEDGER_KINDS
    },
    **{kind: lambda session, _kind, leaf: catalog.check_leaf(session, leaf) for kind in catalog_fsck.KINDS},
    **{
        kind: lambda session, _kind, leaf: access_fsck.check_leaf(session, leaf) for kind in access_fsck.KINDS
    },
}
