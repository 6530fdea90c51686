"""Use cases of audit: does everything that is stored fit the log, and the log itself."""

from collections.abc import Callable, Iterator, Mapping

from sqlmodel import Session

from registry import catalog, ledger, licenses
from registry.acceptances import fsck as acceptances_fsck
from registry.access import fsck as access_fsck
from registry.catalog import fsck as catalog_fsck
from registry.identity import fsck as identity_fsck
from registry.kernel.sealing import Sealer

LeafCheck = Callable[[Session, str, bytes], ledger.Discrepancy | None]


def find_discrepancies(
    session: Session, *, sealer: Sealer, kept_checkpoint: bytes | None = None, processes: int = 1
) -> list[ledger.Discrepancy]:
    """Return every row that was altered, removed or inserted behind our back, the first cause first (P6).

    With a checkpoint that was kept elsewhere, also whether the log goes on from it. `processes` share the signatures.

    1. The log by itself: leaves, tree, checkpoints, keys.
    2. Each context's rows against the log.
    3. The log against the rows: what it speaks of is still there.
    """
    return list(_find(session, sealer, kept_checkpoint, processes))


def _find(
    session: Session, sealer: Sealer, kept: bytes | None, processes: int
) -> Iterator[ledger.Discrepancy]:
    yield from ledger.find_discrepancies(session, sealer=sealer)
    if kept is not None and (departure := ledger.find_departure(session, kept, sealer=sealer)) is not None:
        yield departure
    yield from identity_fsck.find_discrepancies(session)
    yield from licenses.find_discrepancies(session)
    yield from catalog.find_discrepancies(session)
    yield from acceptances_fsck.find_discrepancies(session, sealer=sealer, processes=processes)
    yield from access_fsck.find_discrepancies(session)
    for kind, leaf in ledger.iterate_leaves(session, other_than=acceptances_fsck.KINDS):
        check = _LEAF_CHECKS.get(kind)
        if check is not None and (found := check(session, kind, leaf)) is not None:
            yield found


_LEAF_CHECKS: Mapping[str, LeafCheck] = {
    **dict.fromkeys(identity_fsck.KINDS, identity_fsck.check_leaf),
    "acknowledgement": lambda session, _kind, leaf: acceptances_fsck.check_leaf(session, leaf),
    **{
        kind: lambda session, _kind, leaf: licenses.check_leaf(session, leaf)
        for kind in licenses.LEDGER_KINDS
    },
    **{kind: lambda session, _kind, leaf: catalog.check_leaf(session, leaf) for kind in catalog_fsck.KINDS},
    **{
        kind: lambda session, _kind, leaf: access_fsck.check_leaf(session, leaf) for kind in access_fsck.KINDS
    },
}
