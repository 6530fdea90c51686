"""The part of the facts query that looks for what an organisation has accepted for a person.

An acceptance for an organisation covers its members as long as the organisation has a proved domain; one that was
taken back, or is of an earlier series, covers them until its date. Where the organisation asks each member to
acknowledge what covers them, it covers who has, and for some days who was a member when that was asked; a service
account acknowledges nothing. From the person's memberships on: SQLite takes a CROSS JOIN in the order in which it is
written, and would otherwise read every acceptance of the gate for whoever has none.
"""

_LASTS_UNTIL = """CASE WHEN cw.members_until IS NOT NULL THEN cw.members_until
                    WHEN c.series <> v.series THEN cy.until END"""
# A suspended or ended organisation leaves members the same time; what ends first counts.
UNTIL_IF_ACKNOWLEDGED = f"""CASE WHEN o.members_until IS NULL THEN {_LASTS_UNTIL}
                    WHEN {_LASTS_UNTIL} < o.members_until THEN {_LASTS_UNTIL} ELSE o.members_until END"""
# The organisation is a parameter only for its service accounts.
_ACKNOWLEDGE_BY = """CASE WHEN k.acceptance_id IS NULL AND COALESCE(om.organisation_id <> :organisation_id, TRUE)
                    THEN o.acknowledge_from END"""
COVER_UNTIL = f"""CASE WHEN {_ACKNOWLEDGE_BY} IS NULL THEN {UNTIL_IF_ACKNOWLEDGED}
                    WHEN {UNTIL_IF_ACKNOWLEDGED} < {_ACKNOWLEDGE_BY} THEN {UNTIL_IF_ACKNOWLEDGED}
                    ELSE {_ACKNOWLEDGE_BY} END"""
ACKNOWLEDGED = """
           AND (o.acknowledge_from IS NULL OR k.acceptance_id IS NOT NULL OR om.organisation_id = :organisation_id
                OR (o.acknowledge_from > :now AND om.since <= o.acknowledge_asked_at))"""
COVER = f"""
          FROM organisation_member om
         CROSS JOIN organisation o
         CROSS JOIN acceptance c
          LEFT JOIN withdrawal cw ON cw.acceptance_id = c.id
          LEFT JOIN acknowledgement k ON k.acceptance_id = c.id AND k.person_id = om.person_id
          LEFT JOIN gate_grace cy ON cy.gate_revision_id = r.id AND cy.license_id = v.license_id
               AND cy.series = c.series
         WHERE om.person_id = :member_id AND om.ended_at IS NULL AND (om.until IS NULL OR om.until > :now)
           AND om.organisation_id = COALESCE(:organisation_id, om.organisation_id)
           AND o.id = om.organisation_id AND (o.members_until IS NULL OR o.members_until > :members_after)
           AND c.organisation_id = om.organisation_id AND c.organisation_id IS NOT NULL
           AND c.gate_id = g.id AND c.license_id = v.license_id
           AND (cw.acceptance_id IS NULL OR cw.members_until > :members_after)
           AND (c.series = v.series OR cy.until > :now)
           AND EXISTS (SELECT 1 FROM organisation_domain od WHERE od.organisation_id = o.id
                         AND od.ended_at IS NULL AND od.valid_until > :now){ACKNOWLEDGED}
         ORDER BY CASE WHEN cw.acceptance_id IS NULL THEN 0 ELSE 1 END, c.series DESC, c.grade, c.id DESC LIMIT 1"""  # noqa: S608 - put together of constants above


def as_acknowledged(sql: str) -> str:
    """Return the query as if everybody had acknowledged everything; it explains, and gives no right."""
    return sql.replace(ACKNOWLEDGED, "").replace(COVER_UNTIL, UNTIL_IF_ACKNOWLEDGED)
