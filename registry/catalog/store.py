"""Queries and inserts of the catalog, except those of releases (`release_store`) and uploads (`upload_store`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from registry.catalog.domain import GateMode, GateView, ModelView, PublisherView, Role, RoleView
from registry.catalog.forms import parse_form_schema
from registry.catalog.prerequisites import parse_prerequisites
from registry.catalog.reviews import parse_policy
from registry.catalog.tables import (
    Gate,
    GateRequirement,
    GateRevision,
    Model,
    ModelDraft,
    ModelGateMove,
    Publisher,
    PublisherRole,
)
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord


def find_publisher(session: Session, name: str) -> PublisherView | None:
    """Return the publisher of this name in any case."""
    row = session.exec(select(Publisher).where(Publisher.name_key == name.lower())).one_or_none()
    return None if row is None else _publisher_view(row)


def get_publisher(session: Session, publisher_id: UUID) -> PublisherView:
    """Return a publisher by its id."""
    return _publisher_view(session.exec(select(Publisher).where(Publisher.id == publisher_id)).one())


def _publisher_view(row: Publisher) -> PublisherView:
    return PublisherView(id=row.id, name=row.name, display_name=row.display_name, created_at=row.created_at)


def insert_publisher(
    session: Session, *, name: str, display_name: str, now: datetime
) -> PublisherView | None:
    """Return the new publisher, or None when the name was taken meanwhile."""
    row = Publisher(id=new_id(), name=name, name_key=name.lower(), display_name=display_name, created_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    return _publisher_view(row)


def lock_publisher(session: Session, publisher_id: UUID) -> None:
    """Make other transactions that lock this publisher wait until this one ends."""
    session.exec(select(Publisher.id).where(Publisher.id == publisher_id).with_for_update()).one()


def roles_of(session: Session, *, publisher_id: UUID, person_id: UUID | None) -> tuple[Role, ...]:
    """Return the live roles of a person, strongest first."""
    if person_id is None:
        return ()
    found = session.exec(
        select(PublisherRole.role)
        .where(PublisherRole.publisher_id == publisher_id, PublisherRole.person_id == person_id)
        .where(col(PublisherRole.ended_at).is_(None))
    ).all()
    return tuple(sorted((Role(name) for name in found), key=list(Role).index))


def list_roles(session: Session, *, publisher_id: UUID) -> list[RoleView]:
    """Return every role that anybody has or had, oldest first."""
    return _role_views(session, PublisherRole.publisher_id == publisher_id)


def list_roles_of_person(session: Session, *, person_id: UUID) -> list[RoleView]:
    """Return the live roles of a person, by publisher."""
    live = _role_views(session, PublisherRole.person_id == person_id)
    return sorted((role for role in live if role.ended_at is None), key=lambda role: role.publisher.lower())


def find_role(session: Session, role_id: UUID) -> RoleView | None:
    """Return one role."""
    return next(iter(_role_views(session, PublisherRole.id == role_id)), None)


def _role_views(session: Session, condition: object) -> list[RoleView]:
    rows = session.exec(
        select(PublisherRole, Publisher.name)
        .join(Publisher, col(Publisher.id) == col(PublisherRole.publisher_id))
        .where(condition)  # type: ignore[arg-type] # a column comparison, which SQLModel types as bool
        .order_by(col(PublisherRole.id))
    ).all()
    return [
        RoleView(
            id=row.id,
            publisher_id=row.publisher_id,
            publisher=name,
            person_id=row.person_id,
            role=row.role,
            granted_by=row.granted_by,
            granted_at=row.granted_at,
            ended_at=row.ended_at,
        )
        for row, name in rows
    ]


def insert_role(
    session: Session,
    *,
    role_id: UUID,
    publisher_id: UUID,
    person_id: UUID,
    role: Role,
    granted_by: UUID | None,
    entry_id: UUID,
    now: datetime,
) -> bool:
    """Return whether the role is new; False where the person has it already."""
    row = PublisherRole(
        id=role_id,
        publisher_id=publisher_id,
        person_id=person_id,
        role=role,
        granted_by=granted_by,
        granted_at=now,
        entry_id=entry_id,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def end_role(session: Session, *, role_id: UUID, entry_id: UUID, now: datetime) -> None:
    """Record the end of a live role."""
    session.exec(
        update(PublisherRole)
        .where(col(PublisherRole.id) == role_id, col(PublisherRole.ended_at).is_(None))
        .values(ended_at=now, end_entry_id=entry_id)
    )


def insert_gate(session: Session, *, publisher_id: UUID, now: datetime) -> UUID:
    """Return the id of a new gate without a revision."""
    gate_id = new_id()
    session.exec(insert(Gate).values(id=gate_id, publisher_id=publisher_id, created_at=now))
    return gate_id


def lock_gate(session: Session, gate_id: UUID) -> None:
    """Make other changes of this gate wait until this transaction ends."""
    session.exec(select(Gate.id).where(Gate.id == gate_id).with_for_update()).one()


def insert_revision(
    session: Session,
    *,
    revision_id: UUID,
    gate_id: UUID,
    number: int,
    mode: GateMode,
    form_schema: bytes,
    form_digest: str,
    review: bytes | None,
    prerequisites: bytes | None,
    requirements: Sequence[tuple[UUID, str]],
    created_by: UUID | None,
    entry_id: UUID,
    now: datetime,
) -> None:
    """Add a revision with its requirements (license version and slug) and put it in force."""
    session.exec(
        insert(GateRevision).values(
            id=revision_id,
            gate_id=gate_id,
            number=number,
            mode=mode,
            form_schema=form_schema,
            form_digest=form_digest,
            review=review,
            prerequisites=prerequisites,
            created_by=created_by,
            created_at=now,
            entry_id=entry_id,
        )
    )
    for position, (version_id, slug) in enumerate(requirements):
        session.exec(
            insert(GateRequirement).values(
                gate_revision_id=revision_id,
                position=position,
                license_version_id=version_id,
                license_slug=slug,
            )
        )
    session.exec(update(Gate).where(col(Gate.id) == gate_id).values(current_revision_id=revision_id))


def get_gate(session: Session, gate_id: UUID) -> GateView:
    """Return the gate as it is in force.

    Raises:
        CorruptRecord: the gate has no revision in force.
    """
    row = session.exec(
        select(GateRevision)
        .join(Gate, col(Gate.current_revision_id) == col(GateRevision.id))
        .where(Gate.id == gate_id)
    ).one_or_none()
    return _gate_in_force(session, gate_id, row)


def _gate_in_force(session: Session, gate_id: UUID, row: GateRevision | None) -> GateView:
    if row is None:
        raise CorruptRecord(f"gate {gate_id} has no revision in force")
    return _gate_view(row, list_requirements(session, [row.id]).get(row.id, ()))


def _gate_view(row: GateRevision, requirements: Iterable[UUID]) -> GateView:
    return GateView(
        id=row.gate_id,
        revision_id=row.id,
        number=row.number,
        mode=row.mode,
        form_schema=row.form_schema,
        form_digest=row.form_digest,
        fields=parse_form_schema(row.form_schema),
        license_version_ids=tuple(requirements),
        review=parse_policy(row.review),
        prerequisites=parse_prerequisites(row.prerequisites),
        created_at=row.created_at,
        created_by=row.created_by,
        entry_id=row.entry_id,
    )


def list_revisions(session: Session, gate_id: UUID, *, limit: int) -> list[GateView]:
    """Return the revisions of a gate, newest first."""
    rows = session.exec(
        select(GateRevision)
        .where(GateRevision.gate_id == gate_id)
        .order_by(col(GateRevision.number).desc())
        .limit(limit)
    ).all()
    requirements = list_requirements(session, [row.id for row in rows])
    return [_gate_view(row, requirements.get(row.id, ())) for row in rows]


def name_gate(session: Session, gate_id: UUID) -> str | None:
    """Return `publisher/model` of the first model of a gate; None where all have gone behind others."""
    row = session.exec(
        select(Publisher.name, Model.name)
        .join(Model, col(Model.publisher_id) == col(Publisher.id))
        .where(Model.gate_id == gate_id)
        .order_by(col(Model.id))
        .limit(1)
    ).one_or_none()
    return f"{row[0]}/{row[1]}" if row else None


def get_move(session: Session, move_id: UUID) -> ModelGateMove:
    """Return the move with this id, which must exist."""
    return session.exec(select(ModelGateMove).where(ModelGateMove.id == move_id)).one()


def list_models_of_gate(session: Session, gate_id: UUID, *, limit: int) -> list[str]:
    """Return `publisher/model` of the models behind a gate, by name."""
    rows = session.exec(
        select(Publisher.name, Model.name)
        .join(Model, col(Model.publisher_id) == col(Publisher.id))
        .where(Model.gate_id == gate_id)
        .order_by(Model.name_key)
        .limit(limit)
    )
    return [f"{publisher}/{model}" for publisher, model in rows]


def list_model_ids_of_gate(session: Session, gate_id: UUID) -> Sequence[UUID]:
    """Return every model behind a gate."""
    return session.exec(select(Model.id).where(Model.gate_id == gate_id).order_by(col(Model.id))).all()


def move_model(session: Session, row: ModelGateMove) -> None:
    """Insert the move, and repeat it in the model's row."""
    session.exec(insert(ModelGateMove).values(**row.model_dump()))
    session.exec(update(Model).where(col(Model.id) == row.model_id).values(gate_id=row.to_gate_id))
    session.expire_all()


def list_former_gates(session: Session, model_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Return behind which gates each model was before; absent where it never moved."""
    found: dict[UUID, tuple[UUID, ...]] = {}
    for row in session.exec(
        select(ModelGateMove)
        .where(col(ModelGateMove.model_id).in_(model_ids))
        .order_by(col(ModelGateMove.id))
    ):
        found[row.model_id] = (*found.get(row.model_id, ()), row.from_gate_id)
    return found


def list_gates_by_version(session: Session, *, publisher_id: UUID) -> dict[UUID, list[UUID]]:
    """Return at which gates of a publisher each license version is or was required."""
    rows = session.exec(
        select(GateRequirement.license_version_id, GateRevision.gate_id)
        .join(GateRevision, col(GateRevision.id) == col(GateRequirement.gate_revision_id))
        .join(Gate, col(Gate.id) == col(GateRevision.gate_id))
        .where(Gate.publisher_id == publisher_id)
        .distinct()
        .order_by(col(GateRequirement.license_version_id), col(GateRevision.gate_id))
    )
    found: dict[UUID, list[UUID]] = {}
    for version_id, gate_id in rows:
        found.setdefault(version_id, []).append(gate_id)
    return found


def list_models_asking(
    session: Session, version_ids: Sequence[UUID], *, publisher_ids: Sequence[UUID]
) -> list[tuple[UUID, UUID, str]]:
    """Return publisher, id and name of these publishers' models whose gates ask for one of the license versions now."""
    rows = session.exec(
        select(Model.publisher_id, Model.id, Model.name)
        .join(Gate, col(Gate.id) == col(Model.gate_id))
        .join(GateRequirement, col(GateRequirement.gate_revision_id) == col(Gate.current_revision_id))
        .where(col(GateRequirement.license_version_id).in_(version_ids))
        .where(col(Model.publisher_id).in_(publisher_ids))
        .distinct()
        .order_by(col(Model.publisher_id), col(Model.name), col(Model.id))
    )
    return list(rows)


def list_requirements(session: Session, revision_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Return the license versions that each revision requires, in order; absent where it requires none."""
    if not revision_ids:
        return {}
    rows = session.exec(
        select(GateRequirement.gate_revision_id, GateRequirement.license_version_id)
        .where(col(GateRequirement.gate_revision_id).in_(revision_ids))
        .order_by(col(GateRequirement.gate_revision_id), col(GateRequirement.position))
    ).all()
    found: dict[UUID, tuple[UUID, ...]] = {}
    for revision_id, version_id in rows:
        found[revision_id] = (*found.get(revision_id, ()), version_id)
    return found


def find_model(session: Session, *, publisher: str, name: str, person_id: UUID | None) -> ModelView | None:
    """Return the model with the roles that the person has; whether they may see it is the caller's matter."""
    row = session.exec(
        _models().where(Publisher.name_key == publisher.lower(), Model.name_key == name.lower())
    ).one_or_none()
    return None if row is None else _model_view(session, *row, person_id)


def get_model(session: Session, model_id: UUID, *, person_id: UUID | None = None) -> ModelView:
    """Return the model with this id, which must exist."""
    return _model_view(session, *session.exec(_models().where(Model.id == model_id)).one(), person_id)


def _models() -> Select[Model, str, GateRevision]:
    """Select models, each with its publisher's name and the revision of its gate that is in force."""
    return (
        select(Model, Publisher.name, GateRevision)
        .join(Publisher, col(Publisher.id) == col(Model.publisher_id))
        .outerjoin(Gate, col(Gate.id) == col(Model.gate_id))
        .outerjoin(GateRevision, col(GateRevision.id) == col(Gate.current_revision_id))
    )


def _model_view(
    session: Session, row: Model, publisher: str, revision: GateRevision | None, person_id: UUID | None
) -> ModelView:
    return ModelView(
        id=row.id,
        publisher_id=row.publisher_id,
        publisher=publisher,
        name=row.name,
        private=row.private,
        created_at=row.created_at,
        gate=_gate_in_force(session, row.gate_id, revision),
        roles=roles_of(session, publisher_id=row.publisher_id, person_id=person_id),
        hub_repository=row.hub_repository,
        hub_weights=row.hub_weights,
    )


def insert_model(
    session: Session, *, publisher_id: UUID, name: str, gate_id: UUID, private: bool, now: datetime
) -> UUID | None:
    """Return the id of the new model, or None when the name was taken meanwhile; a draft of that name is none any more."""
    row = Model(
        id=new_id(),
        publisher_id=publisher_id,
        name=name,
        name_key=name.lower(),
        gate_id=gate_id,
        private=private,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    session.exec(
        delete(ModelDraft).where(
            col(ModelDraft.publisher_id) == publisher_id, col(ModelDraft.name_key) == name.lower()
        )
    )
    return row.id


def lock_model(session: Session, model_id: UUID) -> None:
    """Make other publications of this model wait until this transaction ends."""
    session.exec(select(Model.id).where(Model.id == model_id).with_for_update()).one()


def name_models(session: Session, model_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return publisher and name of each model."""
    rows = session.exec(
        select(Model.id, Publisher.name, Model.name)
        .join(Publisher, col(Publisher.id) == col(Model.publisher_id))
        .where(col(Model.id).in_(model_ids))
        .order_by(col(Model.id))
    )
    return {model_id: (publisher, name) for model_id, publisher, name in rows}


def is_public_model(model_id: Any) -> ColumnElement[bool]:
    """Return the condition that the model whose id a column has may be known to everybody."""
    return exists().where(col(Model.id) == col(model_id), ~col(Model.private))
