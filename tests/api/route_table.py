"""Who may reach which route: the one table that `test_route_matrix` holds the whole application to.

A caller *reaches* a route when the answer is neither "sign in" nor "not for you" nor "no such thing". What
the route then says about the form is another matter. A route without a row fails the test, and so does a row
without a route. Under a private model the audience shrinks to those who may know of the model.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One method of one route."""

    method: str
    path: str
    audience: str
    given: tuple[tuple[str, str], ...] = ()
    """Parameters of the path that this row is about."""
    leaves_record: bool = False
    """Whether a look or a refusal may leave a record."""
    creates: bool = False
    """Whether the model need not be there before."""
    quiet: bool = False
    """Whether doing it may change nothing."""


def read_table() -> tuple[Row, ...]:
    """The rows of `TABLE`: method, path, audience, and what `with` and `+` add."""
    return tuple(_read_row(line) for line in TABLE.strip().splitlines())


def _read_row(line: str) -> Row:
    rest, *marks = line.split(" +")
    rest, _, given = rest.partition(" with ")
    method, path, audience = rest.split(maxsplit=2)
    pairs = tuple((name, value) for name, _, value in (word.partition("=") for word in given.split()))
    return Row(
        method,
        path,
        audience.strip(),
        given=pairs,
        leaves_record="record" in marks,
        creates="creates" in marks,
        quiet="quiet" in marks,
    )


TABLE = """
GET    /                                                        known
GET    /.well-known/oauth-authorization-server                  everybody
GET    /api/agent-harnesses                                     everybody
GET    /api/datasets                                            nobody
GET    /api/datasets/{rest}                                     nobody
GET    /api/kernels                                             nobody
GET    /api/kernels/{rest}                                      nobody
GET    /api/models                                              known
GET    /api/models/{name}                                       nobody
GET    /api/models/{publisher}/{name}                           hub
GET    /api/models/{publisher}/{name}/auth-check                hub right
GET    /api/models/{publisher}/{name}/auth-check/write          publishing token
GET    /api/models/{publisher}/{name}/commits/{revision}        hub
POST   /api/models/{publisher}/{name}/paths-info/{revision}     hub +quiet
GET    /api/models/{publisher}/{name}/refs                      hub
GET    /api/models/{publisher}/{name}/revision/{revision}       hub
GET    /api/models/{publisher}/{name}/tree/{rest}               hub
GET    /api/models/{publisher}/{name}/user-access-request/{status}      hub queue with status=pending +record
POST   /api/models/{publisher}/{name}/user-access-request/handle        hub reviewer
POST   /api/models/{publisher}/{name}/user-access-request/grant         hub reviewer
POST   /api/models/{publisher}/{name}/user-access-request/batch         hub reviewer for each +quiet
POST   /api/models/{publisher}/{name}/user-access-request/cancel        nobody
PUT    /api/models/{publisher}/{name}/settings                          publishing token +quiet
GET    /api/models/{publisher}/{name}/{rest}                    nobody
POST   /api/models/{publisher}/{name}/commit/{revision}         publishing token +quiet
POST   /api/models/{publisher}/{name}/preupload/{revision}      publishing token +quiet
POST   /api/models/{publisher}/{name}/branch/{revision}         publishing token +quiet
DELETE /api/models/{publisher}/{name}/branch/{revision}         publishing token
POST   /api/models/{publisher}/{name}/tag/{revision}            publishing token
DELETE /api/models/{publisher}/{name}/tag/{revision}            publishing token
POST   /api/repos/create                                        publishing token +quiet
DELETE /api/repos/delete                                        publishing tokens
POST   /api/repos/move                                          publishing token
GET    /api/spaces                                              nobody
GET    /api/spaces/{rest}                                       nobody
GET    /api/telemetry/{topic}                                   everybody
GET    /api/v1/audit/acceptances                                records or token +record
GET    /api/v1/audit/bundle                                     records or token +record
GET    /api/v1/audit/downloads                                  records or token +record
GET    /api/v1/audit/downloads/{record_id}/proof                records or token +record
GET    /api/v1/audit/holders                                    records or token +record
GET    /api/v1/audit/imports                                    records or token +record
GET    /api/v1/audit/person                                     records or token +record
GET    /api/v1/keys                                             known
GET    /api/v1/ledger/checkpoints                               known
GET    /api/v1/ledger/consistency                               known
GET    /api/v1/ledger/entries                                   known
GET    /api/v1/ledger/proof                                     known
GET    /api/v1/licenses                                         known
POST   /api/v1/licenses                                         publishes
GET    /api/v1/licenses/{slug}                                  known
GET    /api/v1/licenses/{slug}/compare                          known
GET    /api/v1/licenses/{slug}/{number}                         known
GET    /api/v1/licenses/{slug}/{number}/second-person           known
POST   /api/v1/licenses/{slug}/{number}/second-person           second person with slug=waiting-m number=1.0.1
GET    /api/v1/models                                           known
GET    /api/v1/models/{publisher}/{name}                        known
GET    /api/v1/models/{publisher}/{name}/acceptance             readers
POST   /api/v1/models/{publisher}/{name}/acceptance             signing
POST   /api/v1/models/{publisher}/{name}/acceptance/declaration signing
GET    /api/v1/models/{publisher}/{name}/access                 known
GET    /api/v1/models/{publisher}/{name}/bases                  known
GET    /api/v1/models/{publisher}/{name}/bases/restrictions     known
POST   /api/v1/models/{publisher}/{name}/bases/restrictions/plan  maintainer or token +quiet +creates
POST   /api/v1/models/{publisher}/{name}/bases/removals         nobody
GET    /api/v1/models/{publisher}/{name}/equivalences           staff or read
POST   /api/v1/models/{publisher}/{name}/equivalences           maintainer
POST   /api/v1/models/{publisher}/{name}/equivalences/{decision_id}/end  decisions
GET    /api/v1/models/{publisher}/{name}/hub                    maintainer or token
POST   /api/v1/models/{publisher}/{name}/hub                    maintainer or token
POST   /api/v1/models/{publisher}/{name}/hub/apply              maintainer or token
GET    /api/v1/models/{publisher}/{name}/hub/plan               maintainer or token
POST   /api/v1/models/{publisher}/{name}/hub/import             maintainer or token +creates
POST   /api/v1/models/{publisher}/{name}/hub/unlink             maintainer or token
POST   /api/v1/publishers/{publisher}/hub-token                 maintainer or token
GET    /api/v1/publishers/{publisher}/webhooks                  maintainer or token
POST   /api/v1/publishers/{publisher}/webhooks                  maintainer or token
GET    /api/v1/publishers/{publisher}/webhooks/{webhook_id}     maintainer or token
PUT    /api/v1/publishers/{publisher}/webhooks/{webhook_id}     maintainer or token
POST   /api/v1/publishers/{publisher}/webhooks/{webhook_id}/end  maintainer or token
POST   /api/v1/publishers/{publisher}/webhooks/{webhook_id}/rotate  maintainer or token
POST   /api/v1/publishers/{publisher}/webhooks/{webhook_id}/test  maintainer or token
GET    /api/v1/publishers/{publisher}/webhooks/{webhook_id}/deliveries  maintainer or token
POST   /api/v1/publishers/{publisher}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay  maintainer or token +quiet
GET    /api/v1/models/{publisher}/{name}/must-updates           known
POST   /api/v1/models/{publisher}/{name}/must-updates           maintainer
POST   /api/v1/models/{publisher}/{name}/must-updates/{mark_id}/end  marks
GET    /api/v1/models/{publisher}/{name}/must-updates/{mark_id}/holders  mark records +record
POST   /api/v1/models/{publisher}/{name}/acceptors              maintainer or token
POST   /api/v1/models/{publisher}/{name}/acceptors/invitations  maintainer or token +quiet
PUT    /api/v1/models/{publisher}/{name}/gate                   maintainer
PUT    /api/v1/models/{publisher}/{name}/gate/sharing           maintainer
DELETE /api/v1/models/{publisher}/{name}/gate/sharing           maintainer
POST   /api/v1/models/{publisher}/{name}/releases               maintainer or token +creates
GET    /api/v1/models/{publisher}/{name}/releases/{revision}/files     known
GET    /api/v1/models/{publisher}/{name}/releases/{revision}/manifest  known
POST   /api/v1/models/{publisher}/{name}/uploads                maintainer or token +creates
POST   /api/v1/organisations/{organisation_id}/domains          officer
POST   /api/v1/organisations/{organisation_id}/domains/{domain_id}/check officer
POST   /api/v1/organisations/{organisation_id}/{act}            officer or operator with act=suspend
POST   /api/v1/publishers                                       publishes
GET    /api/v1/publishers/{publisher}/blocks                    denier +record
POST   /api/v1/publishers/{publisher}/blocks                    denier
POST   /api/v1/publishers/{publisher}/blocks/{block_id}/end     denier
GET    /api/v1/publishers/{publisher}/requests                  queue +record
GET    /api/v1/publishers/{publisher}/roles                     staff or read
POST   /api/v1/publishers/{publisher}/roles                     owner or token
DELETE /api/v1/publishers/{publisher}/roles/{role_id}           owner or token
GET    /api/v1/receipts                                         readers
GET    /api/v1/receipts/{acceptance_id}                         its caller +record
GET    /api/v1/receipts/{acceptance_id}/pdf                     its caller +record
GET    /api/v1/requests                                         readers
GET    /api/v1/requests/{request_id}                            request +record
POST   /api/v1/requests/{request_id}/{event}                    reviewer with event=take
POST   /api/v1/requests/{request_id}/{event}                    applicant with event=withdraw
GET    /api/v1/schema                                           known
GET    /api/v1/schema/openapi.json                              known
GET    /api/v1/schema/{path}                                    nobody
GET    /api/v1/service-accounts                                 readers
POST   /api/v1/service-accounts                                 signed in
GET    /api/v1/service-accounts/{account_id}/tokens             its caller
POST   /api/v1/service-accounts/{account_id}/tokens             its person
POST   /api/v1/service-accounts/{account_id}/tokens/{token_id}/revoke  its person
POST   /api/v1/service-accounts/{account_id}/{act}              its person with act=suspend
GET    /api/v1/updates                                          readers
POST   /api/v1/updates/{mark_id}/answers                        its caller
GET    /api/v1/uploads/{upload_id}                              maintainer or token
POST   /api/v1/uploads/{upload_id}/complete                     maintainer or token
POST   /api/v1/uploads/{upload_id}/parts                        maintainer or token
GET    /api/v1/whoami                                           known
GET    /api/v1/whoami/models                                    known
POST   /api/validate-yaml                                       publishing tokens +quiet
GET    /api/whoami-v2                                           tokens
GET    /authorize                                               signed in
POST   /authorize                                               signed in
GET    /datasets                                                nobody
GET    /datasets/{rest}                                         nobody
GET    /device                                                  signed in
POST   /device                                                  nobody +record
POST   /device/decide                                           nobody +record
GET    /favicon.ico                                             known
GET    /favicon.svg                                             known
GET    /imported                                                nobody
POST   /imported                                                nobody
GET    /health/live                                             known
GET    /health/ready                                            known
GET    /inbox                                                   signed in
POST   /inbox/read                                              signed in +quiet
GET    /kernels                                                 nobody
GET    /kernels/{rest}                                          nobody
GET    /ledger/checkpoint                                       known
GET    /ledger/tile/{address}                                   known
GET    /licenses                                                known
GET    /licenses/{slug}                                         known
GET    /licenses/{slug}/compare                                 known
GET    /licenses/{slug}/{name}                                  known
GET    /licenses/{slug}/{number}/second-person                  known
POST   /licenses/{slug}/{number}/second-person                  second person with slug=waiting-m number=1.0.1
GET    /log                                                     known
GET    /log/{index}                                             known
GET    /log/{index}/leaf                                        known
GET    /manage                                                  people
POST   /manage                                                  signed in
GET    /manage/{publisher}                                      staff
GET    /manage/{publisher}/acceptances                          records or token +record
GET    /manage/{publisher}/acceptances.csv                      records or token +record
GET    /manage/{publisher}/acceptances.jsonl                    records or token +record
GET    /manage/{publisher}/acceptances.parquet                  records or token +record
GET    /manage/{publisher}/blocks                               maintainer +record
POST   /manage/{publisher}/blocks                               maintainer
POST   /manage/{publisher}/blocks/{block_id}/end                maintainer
GET    /manage/{publisher}/decisions                            staff
POST   /manage/{publisher}/decisions                            staff
GET    /manage/{publisher}/downloads                            records or token +record
GET    /manage/{publisher}/downloads.csv                        records or token +record
GET    /manage/{publisher}/downloads.jsonl                      records or token +record
GET    /manage/{publisher}/downloads.parquet                    records or token +record
GET    /manage/{publisher}/holders                              records or token
GET    /manage/{publisher}/imports                              maintainer
POST   /manage/{publisher}/imports                              maintainer
POST   /manage/{publisher}/imports/invitations                  maintainer +quiet
GET    /manage/{publisher}/imports/{report_id}                  maintainer
POST   /manage/{publisher}/imports/{report_id}                  maintainer
GET    /manage/{publisher}/looks                                looks
GET    /manage/{publisher}/hub                                  maintainer
POST   /manage/{publisher}/hub/{act}                            maintainer with act=look +quiet
GET    /manage/{publisher}/models/{name}/hub                    maintainer
POST   /manage/{publisher}/models/{name}/hub/{act}              maintainer with act=unlink +quiet
GET    /manage/{publisher}/requests                             reviewer in a browser +record
POST   /manage/{publisher}/requests/templates                   reviewer in a browser
POST   /manage/{publisher}/requests/templates/{template_id}/remove  reviewer in a browser
GET    /manage/{publisher}/roles                                staff +record
POST   /manage/{publisher}/roles                                owner
POST   /manage/{publisher}/roles/{role_id}/end                  owner
GET    /manage/{publisher}/webhooks                             maintainer
POST   /manage/{publisher}/webhooks                             maintainer
GET    /manage/{publisher}/webhooks/{webhook_id}                maintainer
POST   /manage/{publisher}/webhooks/{webhook_id}/{act}          maintainer with act=off
POST   /manage/{publisher}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay  maintainer +quiet
GET    /metrics                                                 nobody
POST   /oauth/device                                            everybody
POST   /oauth/introspect                                        people
POST   /oauth/revoke                                            everybody
POST   /oauth/token                                             everybody
GET    /organisations                                           people
POST   /organisations                                           signed in
GET    /organisations/prove                                     known
POST   /organisations/prove                                     no account
GET    /organisations/{organisation_id}                         its caller or operator
POST   /organisations/{organisation_id}/domains                 officer
GET    /organisations/{organisation_id}/groups                  officer or operator
POST   /organisations/{organisation_id}/groups                  officer
POST   /organisations/{organisation_id}/groups/{group_id}/confirm operator
POST   /organisations/{organisation_id}/groups/{group_id}/end   officer or operator
POST   /organisations/{organisation_id}/domains/{domain_id}/check officer
POST   /organisations/{organisation_id}/members                 officer
POST   /organisations/{organisation_id}/members/{person_id}/end officer
POST   /organisations/{organisation_id}/{act}                   officer or operator with act=suspend
GET    /operations                                              operator
POST   /operations/person                                       operator
GET    /outbox                                                  nobody
GET    /outbox/{mail_id}                                        nobody
GET    /privacy                                                 known
GET    /problems                                                known
GET    /problems/{code}                                         known
GET    /records                                                 signed in
GET    /records/export.json                                     signed in
GET    /records/erasure                                         signed in
POST   /records/erasure                                         signed in
POST   /records/erasure/back                                    signed in +quiet
GET    /records/restriction                                     signed in
POST   /records/restriction                                     signed in
POST   /records/restriction/back                                signed in +quiet
GET    /records/{acceptance_id}                                 its records +record
GET    /records/{acceptance_id}/share                           its caller +record
POST   /records/{acceptance_id}/withdraw                        its person
GET    /requests                                                signed in
GET    /requests/{request_id}                                   request in a browser +record
POST   /requests/{request_id}/{event}                           reviewer in a browser with event=take
POST   /requests/{request_id}/{event}                           applicant with event=withdraw
GET    /robots.txt                                              known
GET    /settings/ci                                             signed in
POST   /settings/ci                                             signed in
POST   /settings/ci/{rule_id}/end                               its person
GET    /settings/declarations                                   signed in
POST   /settings/declarations                                   signed in +quiet
GET    /settings/email                                          signed in
POST   /settings/email                                          signed in
GET    /settings/email/link                                     nobody
POST   /settings/email/link                                     nobody
GET    /settings/identities                                     signed in
POST   /settings/identities/add/{provider_id}                   nobody
POST   /settings/identities/{identity_id}/remove                nobody
POST   /settings/logins/{login_id}/revoke                       its person
GET    /settings/passkeys                                       signed in
POST   /settings/passkeys                                       nobody
POST   /settings/passkeys/asking                                signed in +quiet
POST   /settings/passkeys/{passkey_id}/remove                   nobody
GET    /settings/ssh-keys                                       signed in
POST   /settings/ssh-keys                                       signed in
POST   /settings/ssh-keys/{key_id}/remove                       nobody
GET    /settings/service-accounts                               signed in
POST   /settings/service-accounts                               signed in
GET    /settings/service-accounts/{account_id}                  its person
POST   /settings/service-accounts/{account_id}/tokens           its person
POST   /settings/service-accounts/{account_id}/tokens/{token_id}/revoke  its person
POST   /settings/service-accounts/{account_id}/{act}            its person with act=suspend
GET    /settings/sessions                                       signed in
POST   /settings/sessions/{session_id}/revoke                   its person
GET    /settings/tokens                                         signed in
POST   /settings/tokens                                         signed in
POST   /settings/tokens/{token_id}/revoke                       its person
GET    /sign-in                                                 known
POST   /sign-in                                                 no account
GET    /sign-in/again                                           signed in
POST   /sign-in/again/passkey                                   nobody
POST   /sign-in/again/provider/{provider_id}                    nobody
GET    /sign-in/callback/{provider_id}                          nobody
GET    /sign-in/link                                            nobody
POST   /sign-in/link                                            nobody
POST   /sign-in/passkey                                         nobody
POST   /sign-in/provider/{provider_id}                          nobody
GET    /sign-in/second-step                                     nobody
POST   /sign-in/second-step                                     nobody
POST   /sign-out                                                signed in
GET    /spaces                                                  nobody
GET    /spaces/{rest}                                           nobody
GET    /static/{digest}/{name}                                  known
GET    /updates                                                 signed in
POST   /updates                                                 its person
GET    /verify                                                  known
GET    /{publisher}/{model}                                     known
GET    /{publisher}/{model}/acknowledge                         signed in
POST   /{publisher}/{model}/acknowledge                         signed in
GET    /{publisher}/{model}/accept                              accepting
POST   /{publisher}/{model}/accept                              accepting
POST   /{publisher}/{model}/accept/sign                         accepting
POST   /{publisher}/{model}/ask-access                          hub right +quiet
POST   /{publisher}/{model}/info/lfs/objects/batch              publishing token +quiet
POST   /{publisher}/{model}/info/lfs/objects/verify             publishing token +quiet
POST   /{publisher}/{model}/info/lfs/objects/{upload_id}/complete  nobody
GET    /{publisher}/{model}/user-access-report                  hub report +record
GET    /{publisher}/{model}/commit/{revision}                    known
GET    /{publisher}/{model}/files                               known
GET    /{publisher}/{model}/gate                                staff or read
POST   /{publisher}/{model}/gate                                staff +quiet
POST   /{publisher}/{model}/gate/bases                          maintainer
POST   /{publisher}/{model}/gate/sharing                        maintainer
GET    /{publisher}/{model}/equivalences                        staff or read
POST   /{publisher}/{model}/equivalences                        maintainer
GET    /{publisher}/{model}/hub                                 signed in
POST   /{publisher}/{model}/hub                                 signed in
POST   /{publisher}/{model}/hub/back                            signed in +quiet
GET    /{publisher}/{model}/license                             known
GET    /{publisher}/{model}/must-updates                        staff or read
POST   /{publisher}/{model}/must-updates                        maintainer
GET    /{publisher}/{model}/must-updates/{mark_id}              mark records +record
GET    /{publisher}/{model}/must-updates/{mark_id}/holders.csv  mark records +record
GET    /{publisher}/{model}/releases                            known
GET    /{publisher}/{model}/request                             asking
POST   /{publisher}/{model}/request                             asking +quiet
GET    /{publisher}/{model}/resolve/{revision}/{path}           right +record
HEAD   /{publisher}/{model}/resolve/{revision}/{path}           right
"""
