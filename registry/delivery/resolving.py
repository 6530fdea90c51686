"""The hot path: token, decision, presigned URL and durable record in one transaction per batch.

Concurrent requests share a batch and its commit (`kernel.database.Batch`). Steps, in this order because
each one depends on the last:

1. Look up the tokens: an unknown one refuses its request.
2. Gather the facts of every (person, model) of the batch, by the query that pages and lists use.
3. Refuse absent and private models alike; then `access.decide`, before anything is said about files.
4. Find the release and the file; both are immutable, so they are remembered in memory.
5. Presign on a permit only (P1) and insert the records.
6. Commit. Only then do the answers leave (P5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from registry import access
from registry.access.asking import asked_for
from registry.access.domain import OPEN_PATHS
from registry.access.facts import BY_NAME_SQL, Row
from registry.catalog.prerequisites import NONE
from registry.delivery import domain
from registry.delivery.closed_days import ClosedDays
from registry.delivery.domain import Asker, FileRequest, Outcome
from registry.delivery.finding import Files, StoredFile
from registry.delivery.s3 import S3ObjectStore
from registry.identity.domain import (
    ANONYMOUS,
    LAST_USE_PRECISION,
    TOKEN_PREFIX,
    Channel,
    Principal,
    Scope,
    digest_of,
    unknown_token,
)
from registry.identity.service_account_domain import SERVICE_PREFIX
from registry.identity.service_credentials import TOUCH_SQL, fetch_credentials, judge_credential
from registry.identity.standing import STANDING_SQL
from registry.identity.standing_domain import assemble_standing
from registry.kernel.clock import Clock
from registry.kernel.database import Batch, Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.statements import Parameters, Rows, statements_for
from registry.kernel.telemetry import DECISIONS, URLS_ISSUED

CLIENT_MAX_CHARACTERS = 120
BATCHES_AT_ONCE_POSTGRESQL = 2
Asked = tuple[Principal, str, str]
"""Who asks, and for which model by its publisher and name."""

_CREDENTIAL_SQL = """
SELECT t.id, t.person_id, t.scopes, t.expires_at, t.revoked_at, t.last_used_at, p.is_operator
  FROM access_token t JOIN person p ON p.id = t.person_id
 WHERE t.digest = :digest AND p.erased_at IS NULL
"""
_TOUCH_SQL = "UPDATE access_token SET last_used_at = :now WHERE id = :token_id"
_RECORD_SQL = """
INSERT INTO download_record (id, issued_at, person_id, token_id, model_id, release_id, path, sha256, size,
                             acceptance_id, resumed_from, channel, client, request_id,
                             account_id, service_token_id)
VALUES (:id, :issued_at, :person_id, :token_id, :model_id, :release_id, :path, :sha256, :size,
        :acceptance_id, :resumed_from, :channel, :client, :request_id, :account_id, :service_token_id)
"""
_FURTHER_SQL = """
INSERT INTO download_record_acceptance (record_id, position, acceptance_id)
VALUES (:record_id, :position, :acceptance_id)
"""
_REFUSED_SQL = """
INSERT INTO refused_request (id, refused_at, person_id, model_id, path, code, request_id)
VALUES (:id, :refused_at, :person_id, :model_id, :path, :code, :request_id)
"""


@dataclass(frozen=True, slots=True)
class _Item:
    file: FileRequest
    asker: Asker


@dataclass(slots=True)
class _Writes:
    """Rows that the batch inserts."""

    records: list[Parameters]
    further: list[Parameters]
    """Further acceptances of records that rest on several."""
    refusals: list[Parameters]
    touched: dict[UUID, Parameters]
    touched_accounts: dict[UUID, Parameters]
    oldest: UUID | None = None
    """The least id among the records."""


def _from_where(principal: Principal | Refusal, asker: Asker) -> Principal | Refusal:
    """Return the principal of a token with the country of this request, where one is known."""
    if asker.country is None or isinstance(principal, Refusal):
        return principal
    return replace(principal, country=asker.country)


class Resolver:
    """Answers requests for files; one per process."""

    def __init__(
        self, *, database: Database, store: S3ObjectStore, clock: Clock, url_ttl_seconds: int, contact: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._ttl = url_ttl_seconds
        self._contact = contact
        self._sql = statements_for(database.dialect)
        self._files = Files(self._sql)
        self._closed_days = ClosedDays(self._sql)
        at_once = 1 if database.dialect == "sqlite" else BATCHES_AT_ONCE_POSTGRESQL
        self._batch: Batch[_Item, Outcome] = Batch(database.submit_raw, self._resolve_batch, at_once=at_once)

    async def resolve(self, file: FileRequest, asker: Asker) -> Outcome:
        """Return the file's URL, its text, the bare right to it, or a refusal; records are durable by then.

        Raises:
            Unavailable: the database cannot be consulted; nothing was issued.
        """
        return await self._batch.submit(_Item(file, asker))

    def _resolve_batch(self, connection: Any, items: Sequence[_Item]) -> Sequence[Outcome]:
        now = self._clock.now()
        writes = _Writes(records=[], further=[], refusals=[], touched={}, touched_accounts={})
        principals = self._principals(connection, items, writes, now)
        facts = self._facts(connection, items, principals, now)
        outcomes = [
            self._answer(connection, item, principal, facts, writes, now)
            for item, principal in zip(items, principals, strict=True)
        ]
        self._write(connection, writes)
        return outcomes

    def _principals(
        self, connection: Any, items: Sequence[_Item], writes: _Writes, now: datetime
    ) -> Sequence[Principal | Refusal]:
        sent = dict.fromkeys(item.asker.token or "" for item in items)
        tokens = [one for one in sent if one.startswith(TOKEN_PREFIX) and not one.startswith(SERVICE_PREFIX)]
        given: list[Parameters] = [{"digest": digest_of(token)} for token in tokens]
        rows = self._sql.fetch_many(connection, _CREDENTIAL_SQL, given) if given else []
        known = {
            token: self._principal_of(found, writes, now) for token, found in zip(tokens, rows, strict=True)
        }
        if services := [one for one in sent if one.startswith(SERVICE_PREFIX)]:
            known.update(self._accounts(connection, services, writes, now))
        return [
            _from_where(known.get(item.asker.token, unknown_token()), item.asker)
            if item.asker.token is not None
            else item.asker.principal or ANONYMOUS
            for item in items
        ]

    def _accounts(
        self, connection: Any, tokens: Sequence[str], writes: _Writes, now: datetime
    ) -> dict[str, Principal | Refusal]:
        """Return whom the tokens of service accounts stand for; only looked for where one was sent."""
        known: dict[str, Principal | Refusal] = {}
        for token, found in fetch_credentials(self._sql, connection, tokens, now=now).items():
            known[token] = judge_credential(found, now=now)
            if found.last_used_at is None or now - found.last_used_at > LAST_USE_PRECISION:
                writes.touched_accounts[found.token_id] = {
                    "now": self._sql.bind_moment(now),
                    "token_id": self._sql.bind_id(found.token_id),
                }
        return known

    def _principal_of(self, rows: Rows, writes: _Writes, now: datetime) -> Principal | Refusal:
        if not rows:
            return unknown_token()
        token_id, person_id, scopes, expires_at, revoked_at, last_used_at, is_operator = rows[0]
        if revoked_at is not None or now >= self._sql.read_moment(expires_at):
            return unknown_token()
        token = self._sql.read_id(token_id)
        if last_used_at is None or now - self._sql.read_moment(last_used_at) > LAST_USE_PRECISION:
            writes.touched[token] = {
                "now": self._sql.bind_moment(now),
                "token_id": self._sql.bind_id(token),
            }
        return Principal(
            person_id=self._sql.read_id(person_id),
            channel=Channel.TOKEN,
            scopes=frozenset(Scope(word) for word in scopes.split()),
            is_operator=bool(is_operator),
            token_id=token,
        )

    def _facts(
        self,
        connection: Any,
        items: Sequence[_Item],
        principals: Sequence[Principal | Refusal],
        now: datetime,
    ) -> dict[Asked, access.Gathered | None]:
        wanted = list(
            dict.fromkeys(
                (principal, item.file.publisher.lower(), item.file.model.lower())
                for item, principal in zip(items, principals, strict=True)
                if isinstance(principal, Principal)
            )
        )
        given: list[Parameters] = [
            {**self._asked_for(principal, now), "publisher_key": publisher, "model_key": model}
            for principal, publisher, model in wanted
        ]
        found = self._sql.fetch_many(connection, BY_NAME_SQL, given) if given else []
        gathered: dict[Asked, access.Gathered | None] = {}
        for key, rows in zip(wanted, found, strict=True):
            assembled = access.assemble([self._row(row) for row in rows], key[0])
            gathered[key] = assembled[0] if assembled else None
        return self._with_standings(connection, gathered, now)

    def _with_standings(
        self, connection: Any, gathered: dict[Asked, access.Gathered | None], now: datetime
    ) -> dict[Asked, access.Gathered | None]:
        """Add how people stand, where a gate asks for something beforehand; elsewhere nothing is looked up."""
        asking = {key: one for key, one in gathered.items() if one and one.facts.prerequisites != NONE}
        people = list(dict.fromkeys(key[0].answering_id for key in asking if key[0].answering_id))
        if not people:
            return gathered
        sql, moment = self._sql, self._sql.bind_moment(now)
        given: list[Parameters] = [{"person_id": sql.bind_id(one), "now": moment} for one in people]
        found = dict(zip(people, sql.fetch_many(connection, STANDING_SQL, given), strict=True))
        for key, one in asking.items():
            parts = [
                (kind, sql.read_id(body) if body else None, value, sql.read_moment(at) if at else None)
                for _, kind, body, value, at in (found[key[0].answering_id] if key[0].answering_id else ())
            ]
            known = replace(one.facts, standing=assemble_standing(parts, key[0]), contact=self._contact)
            gathered[key] = replace(one, facts=known)
        return gathered

    def _asked_for(self, principal: Principal, now: datetime) -> Parameters:
        sql = self._sql
        return {
            name: sql.bind_moment(value) if isinstance(value, datetime) else sql.bind_id(value)
            for name, value in asked_for(principal, now).items()
        }

    def _row(self, row: tuple[Any, ...]) -> Row:
        sql = self._sql
        return Row(
            model_id=sql.read_id(row[0]),
            publisher=row[1],
            model=row[2],
            private=bool(row[3]),
            mode=row[4],
            license_version_id=sql.read_id(row[6]) if row[6] is not None else None,
            slug=row[7],
            title=row[8],
            number=row[9],
            acceptance_id=sql.read_id(row[10]) if row[10] is not None else None,
            accepted_at=None,
            reaccept_by=sql.read_moment(row[12]) if row[12] is not None else None,
            block_id=sql.read_id(row[13]) if row[13] is not None else None,
            role=row[14],
            grant_id=sql.read_id(row[15]) if row[15] is not None else None,
            cover_id=sql.read_id(row[16]) if row[16] is not None else None,
            cover_until=sql.read_moment(row[17]) if row[17] is not None else None,
            source_id=sql.read_id(row[18]) if row[18] is not None else None,
            source=row[19],
            prerequisites=row[21],
            marked=bool(row[22]),
            grade=row[23],
            cover_grade=row[24],
            restricted_at=sql.read_moment(row[25]) if row[25] is not None else None,
        )

    def _answer(
        self,
        connection: Any,
        item: _Item,
        principal: Principal | Refusal,
        facts: dict[Asked, access.Gathered | None],
        writes: _Writes,
        now: datetime,
    ) -> Outcome:
        if isinstance(principal, Refusal):
            return domain.FileRefused(refusal=principal)
        gathered = facts[principal, item.file.publisher.lower(), item.file.model.lower()]
        if gathered is None or not gathered.is_visible_to(principal):
            return domain.FileRefused(refusal=domain.no_such_model())
        publisher, model = gathered.facts.publisher, gathered.facts.model
        if item.file.path in OPEN_PATHS:
            stored = self._files.find(connection, gathered.facts.model_id, item.file)
            if isinstance(stored, StoredFile) and not stored.served.large and stored.content is not None:
                if not item.asker.wants_body:
                    return domain.Authorised(file=stored.served)
                return domain.TextServed(file=stored.served, content=stored.content, record_id=None)
        if gathered.marked:
            gathered = self._files.with_update(connection, gathered, item.file, now)
        verdict = access.decide(gathered.facts)
        if isinstance(verdict, access.Denial):
            DECISIONS.labels(verdict.refusal.code).inc()
            self._note_refusal(writes, principal, gathered, item, verdict, now)
            return domain.FileRefused(refusal=verdict.refusal)
        stored = self._files.find(connection, gathered.facts.model_id, item.file)
        if stored is None:
            return domain.FileRefused(refusal=domain.no_such_revision(publisher, model))
        if isinstance(stored, str):
            return domain.FileRefused(refusal=domain.no_such_file(publisher, model), commit=stored)
        if not item.asker.wants_body:
            return domain.Authorised(
                file=stored.served, reaccept_by=verdict.reaccept_by, update=verdict.update
            )
        return self._hand_out(verdict, stored, item.asker, writes, now)

    def _hand_out(
        self, permit: access.Permit, stored: StoredFile, asker: Asker, writes: _Writes, now: datetime
    ) -> Outcome:
        """Issue the URL, or send the text, and record it; the permit is the only way here (P1)."""
        DECISIONS.labels("permitted").inc()
        record_id = self._record(writes, permit, stored, asker, now)
        if not stored.served.large and stored.content is not None:
            return domain.TextServed(
                file=stored.served,
                content=stored.content,
                record_id=record_id,
                reaccept_by=permit.reaccept_by,
                update=permit.update,
            )
        url = self._store.presign_get(
            stored.storage_key, filename=stored.served.path, expires_s=self._ttl, now=now
        )
        URLS_ISSUED.inc()
        return domain.UrlIssued(
            file=stored.served,
            url=url,
            record_id=record_id,
            reaccept_by=permit.reaccept_by,
            update=permit.update,
        )

    def _record(
        self, writes: _Writes, permit: access.Permit, stored: StoredFile, asker: Asker, now: datetime
    ) -> UUID:
        record_id = new_id()
        # Ids of one process never go back.
        writes.oldest = writes.oldest or record_id
        sql, account = self._sql, permit.principal.account
        token_id = sql.bind_id(permit.principal.token_id)
        writes.records.append(
            {
                "id": sql.bind_id(record_id),
                "issued_at": sql.bind_moment(now),
                "person_id": sql.bind_id(permit.principal.person_id),
                "token_id": None if account else token_id,
                "model_id": sql.bind_id(permit.model_id),
                "release_id": sql.bind_id(stored.release_id),
                "path": stored.served.path,
                "sha256": stored.served.sha256,
                "size": stored.served.size,
                "acceptance_id": sql.bind_id(permit.acceptance_ids[0] if permit.acceptance_ids else None),
                "resumed_from": asker.range_start,
                "channel": permit.principal.channel.value,
                "client": asker.client[:CLIENT_MAX_CHARACTERS],
                "request_id": asker.request_id[:64],
                "account_id": sql.bind_id(account.id if account else None),
                "service_token_id": token_id if account else None,
            }
        )
        for position, acceptance_id in enumerate(permit.acceptance_ids[1:], start=1):
            writes.further.append(
                {
                    "record_id": sql.bind_id(record_id),
                    "position": position,
                    "acceptance_id": sql.bind_id(acceptance_id),
                }
            )
        return record_id

    def _note_refusal(
        self,
        writes: _Writes,
        principal: Principal,
        gathered: access.Gathered,
        item: _Item,
        denial: access.Denial,
        now: datetime,
    ) -> None:
        if principal.person_id is None or not item.asker.wants_body:
            return
        if gathered.facts.restricted_at is not None:
            return  # What is kept about them may only be stored; nothing is added to it.
        writes.refusals.append(
            {
                "id": self._sql.bind_id(new_id()),
                "refused_at": self._sql.bind_moment(now),
                "person_id": self._sql.bind_id(principal.person_id),
                "model_id": self._sql.bind_id(gathered.facts.model_id),
                "path": item.file.path[:1024],
                "code": denial.refusal.code,
                "request_id": item.asker.request_id[:64],
            }
        )

    def _write(self, connection: Any, writes: _Writes) -> None:
        if writes.oldest is not None:
            self._closed_days.require_open(connection, writes.oldest)
            self._sql.execute_many(connection, _RECORD_SQL, writes.records)
        if writes.further:
            self._sql.execute_many(connection, _FURTHER_SQL, writes.further)
        if writes.refusals:
            self._sql.execute_many(connection, _REFUSED_SQL, writes.refusals)
        if writes.touched:
            self._sql.execute_many(connection, _TOUCH_SQL, list(writes.touched.values()))
        if writes.touched_accounts:
            self._sql.execute_many(connection, TOUCH_SQL, list(writes.touched_accounts.values()))
