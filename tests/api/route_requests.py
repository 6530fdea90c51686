"""What a request to a route has to bring before anybody asks who sent it: bodies, forms and queries."""

import hashlib
from typing import Any
from urllib.parse import urlencode

LICENSE = "sample-openrail-m@1.0"
FILES = [{"path": "README.md", "sha256": "0" * 64, "size": 1}]
ACT = {
    "texts": [{"ticket": "x.y", "text_sha256": "sha256:0"}],
    "typed_name": "Mara",
    "typed_sentence": "I accept",
    "answers": {},
}
BODIES: dict[str, Any] = {
    "POST /api/models/{publisher}/{name}/paths-info/{revision}": lambda _: {"paths": ["README.md"]},
    "POST /api/models/{publisher}/{name}/user-access-request/handle": lambda _: {
        "user": "applicant@people.example",
        "status": "rejected",
    },
    "POST /api/models/{publisher}/{name}/user-access-request/grant": lambda _: {
        "user": "applicant@people.example"
    },
    "POST /api/models/{publisher}/{name}/user-access-request/batch": lambda _: {
        "status": "rejected",
        "requests": [{"user": "applicant@people.example"}],
    },
    "PUT /api/models/{publisher}/{name}/settings": lambda _: {},
    "POST /api/models/{publisher}/{name}/commit/{revision}": lambda _: {
        "key": "header",
        "value": {"summary": "x"},
    },
    "POST /api/models/{publisher}/{name}/preupload/{revision}": lambda _: {
        "files": [{"path": "config.json", "size": 2}]
    },
    "POST /api/models/{publisher}/{name}/branch/{revision}": lambda _: {},
    "POST /api/models/{publisher}/{name}/tag/{revision}": lambda _: {"tag": "v9"},
    "POST /api/repos/move": lambda _: {"fromRepo": "quarry/auto-1b", "toRepo": "quarry/other"},
    "POST /api/repos/create": lambda _: {"name": "auto-1b", "organization": "quarry", "type": "model"},
    "POST /api/validate-yaml": lambda _: {"content": "# A card", "repoType": "model"},
    # Bytes that everybody has, so that the object store is not asked.
    "POST /{publisher}/{model}/info/lfs/objects/batch": lambda _: {
        "operation": "upload",
        "objects": [{"oid": hashlib.sha256().hexdigest(), "size": 0}],
    },
    "POST /{publisher}/{model}/info/lfs/objects/{upload_id}/complete": lambda _: {},
    "POST /{publisher}/{model}/info/lfs/objects/verify": lambda _: {
        "oid": hashlib.sha256().hexdigest(),
        "size": 0,
    },
    "POST /api/v1/licenses": lambda _: {
        "slug": "sample-other",
        "number": "1.0",
        "change_class": "initial",
        "text": "Terms.",
        "title": "Sample",
    },
    "POST /api/v1/licenses/{slug}/{number}/second-person": lambda _: {
        "outcome": "confirmed",
        "compared_with": "1.0",
    },
    "POST /api/v1/models/{publisher}/{name}/acceptance": lambda _: {
        "act": ACT,
        "challenge": "x.y",
        "signature": "none",
    },
    "POST /api/v1/models/{publisher}/{name}/acceptance/declaration": lambda _: ACT,
    "POST /api/v1/models/{publisher}/{name}/bases/restrictions/plan": lambda _: {
        "card": "# A card",
        "licenses": ["sample-openrail-m@1.0"],
    },
    "POST /api/v1/models/{publisher}/{name}/equivalences": lambda _: {
        "model": "meadow/loam-1b",
        "base_license": "sample-openrail-m@1.0",
        "own_license": "other-m@1.0",
        "reason": "it says the same",
        "name": "Ada Quarry",
    },
    "POST /api/v1/models/{publisher}/{name}/equivalences/{decision_id}/end": lambda _: {
        "reason": "a mistake"
    },
    "POST /api/v1/models/{publisher}/{name}/bases/removals": lambda _: {
        "base": "quarry/auto-1b",
        "reason": "x",
    },
    "POST /api/v1/models/{publisher}/{name}/acceptors": lambda _: {
        "source": "csv",
        "rows": [{"line": 2, "email": "a@b.example"}],
    },
    "POST /api/v1/models/{publisher}/{name}/acceptors/invitations": lambda _: {"dry_run": True},
    "PUT /api/v1/models/{publisher}/{name}/gate": lambda _: {"mode": "auto", "licenses": [LICENSE]},
    "PUT /api/v1/models/{publisher}/{name}/gate/sharing": lambda _: {"model": "quarry/auto-1b"},
    "POST /api/v1/models/{publisher}/{name}/releases": lambda _: {"files": FILES},
    "POST /api/v1/models/{publisher}/{name}/uploads": lambda _: {"files": [{"sha256": "0" * 64, "size": 1}]},
    "POST /api/v1/models/{publisher}/{name}/hub": lambda _: {"repository": "hf-org/hf-model"},
    "POST /api/v1/models/{publisher}/{name}/hub/import": lambda _: {"repository": "hf-org/hf-model"},
    "POST /api/v1/publishers/{publisher}/hub-token": lambda _: {"token": "hf_" + "t" * 34},
    "POST /api/v1/publishers/{publisher}/webhooks": lambda _: {"url": "https://hooks.example/other"},
    "PUT /api/v1/publishers/{publisher}/webhooks/{webhook_id}": lambda _: {"on": False},
    "POST /api/v1/publishers/{publisher}/webhooks/{webhook_id}/rotate": lambda _: {"overlap_hours": 1},
    "POST /api/v1/models/{publisher}/{name}/must-updates": lambda things: {
        "release": "1" * 40,
        "replacement": "2" * 40,
        "update_by": "2100-01-01T00:00:00Z",
        "reason": "leaks training data",
    },
    "POST /api/v1/models/{publisher}/{name}/must-updates/{mark_id}/end": lambda _: {"reason": "a mistake"},
    "POST /api/v1/updates/{mark_id}/answers": lambda _: {"state": "acknowledged"},
    "POST /api/v1/organisations/{organisation_id}/domains": lambda _: {"domain": "nordlab.example"},
    "POST /api/v1/publishers": lambda _: {"name": "fresh"},
    "POST /api/v1/publishers/{publisher}/blocks": lambda _: {"email": "a@b.example", "reason": "spam"},
    "POST /api/v1/publishers/{publisher}/blocks/{block_id}/end": lambda _: {},
    "POST /api/v1/publishers/{publisher}/roles": lambda things: {
        "person": things["person_id"],
        "role": "auditor",
    },
    "POST /api/v1/requests/{request_id}/{event}": lambda _: {"note": "because"},
    "POST /api/v1/service-accounts": lambda _: {"name": "another"},
    "POST /api/v1/service-accounts/{account_id}/tokens": lambda _: {
        "name": "gpu",
        "scopes": ["read"],
        "days": 30,
    },
    "POST /api/v1/uploads/{upload_id}/complete": lambda _: {},
    "POST /api/v1/uploads/{upload_id}/parts": lambda _: {"numbers": [1]},
}
ASKED = {
    "response_type": "code",
    "client_id": "gatehouse-cli",
    "redirect_uri": "http://127.0.0.1:40000/callback",
    "scope": "read",
    "state": "state",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}
FORMS: dict[str, dict[str, str]] = {
    "/manage/{publisher}/imports/invitations": {"model": "auto-1b"},
    "/manage/{publisher}/webhooks": {"url": "https://hooks.example/other"},
    "/authorize": {**ASKED, "decision": "allow"},
    "/licenses/{slug}/{number}/second-person": {"do": "confirm", "compared_with": "1.0"},
    "/requests/{request_id}/{event}": {"note": "because"},
    "/{publisher}/{model}/equivalences": {
        "model": "meadow/loam-1b",
        "base_license": "sample-openrail-m@1.0",
        "own_license": "other-m@1.0",
        "reason": "it says the same",
        "name": "Ada Quarry",
    },
    "/updates": {"mark": "{mark_id}", "state": "acknowledged"},
}
QUERIES = {
    "/authorize": f"?{urlencode(ASKED)}",
    "/api/v1/audit/acceptances": "?publisher=quarry",
    "/api/v1/audit/bundle": "?publisher=quarry",
    "/api/v1/audit/imports": "?publisher=quarry",
    "/api/v1/audit/holders": "?publisher=quarry&model=auto-1b",
    "/api/v1/audit/downloads": "?publisher=quarry",
    "/api/v1/audit/downloads/{record_id}/proof": "?publisher=quarry",
    "/api/v1/audit/person": "?publisher=quarry&person=nobody@else.example&reason=asked+by+a+court",
    "/api/v1/ledger/consistency": "?from=1&to=1",
    "/api/v1/ledger/proof": "?index=0",
    "/api/v1/licenses/{slug}/compare": "?from=1.0&to=1.0",
    "/licenses/{slug}/compare": "?from=1.0&to=1.0",
}
