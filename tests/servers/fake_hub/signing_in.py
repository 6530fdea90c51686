"""Signing in by the Hub: OpenID Connect with a code and PKCE, for whoever is signed in at its pages."""

import base64
import hashlib
from functools import cache
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.servers.fake_hub.exchange import Answer, Call, Violation, as_json
from tests.servers.fake_hub.state import Token

LIFETIME_SECONDS = 28_800
SCOPES = {"openid", "profile", "email"}


def discovery(call: Call) -> Answer:
    """`GET /.well-known/openid-configuration`."""
    call.no_query()
    return as_json(
        {
            "issuer": call.url,
            "authorization_endpoint": f"{call.url}/oauth/authorize",
            "token_endpoint": f"{call.url}/oauth/token",
            "userinfo_endpoint": f"{call.url}/oauth/userinfo",
            "jwks_uri": f"{call.url}/oauth/jwks",
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


def jwks(call: Call) -> Answer:
    """`GET /oauth/jwks`."""
    call.no_query()
    return as_json({"keys": [_key().as_dict(private=False)]})


def authorize(call: Call) -> Answer:
    """`GET /oauth/authorize`: whoever is signed in at the Hub's pages agrees, and goes back with a code."""
    asked = call.query_of(
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method",
    )  # fmt: skip
    if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
        raise Violation(400, "the Hub gives codes, by PKCE with S256")
    if unknown := set(asked.get("scope", "").split()) - SCOPES:
        raise Violation(400, f"scopes that no sign-in needs: {sorted(unknown)}")
    if not call.state.browser:
        raise Violation(400, "nobody is signed in at the Hub's pages")
    code = f"code-{call.state.new_id()}"
    call.state.codes[code] = {**asked, "user": call.state.browser}
    back = urlencode({"code": code, "state": asked.get("state", "")})
    return Answer(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})


def token(call: Call) -> Answer:
    """`POST /oauth/token`: a code counts once, for who asked for it."""
    call.no_query()
    form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
    asked = call.state.codes.pop(form.get("code", ""), None)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
    if (
        asked is None
        or form.get("grant_type") != "authorization_code"
        or form.get("redirect_uri") != asked["redirect_uri"]
        or challenge.rstrip(b"=").decode() != asked["code_challenge"]
    ):
        return as_json({"error": "invalid_grant"}, status=400)
    user = call.state.users[asked["user"]]
    access = f"hf_oauth_{call.state.new_id()}"
    call.state.tokens[access] = Token(user_id=user.id, role="read", scopes=frozenset(asked["scope"].split()))
    now = int(call.state.clock.now.timestamp())
    claims = {
        "iss": call.url,
        "sub": user.id,
        "aud": asked["client_id"],
        "nonce": asked.get("nonce", ""),
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "preferred_username": user.name,
    }
    id_token = jwt.encode({"alg": "RS256", "kid": _key().kid}, claims, _key(), algorithms=["RS256"])
    return as_json(
        {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": asked["scope"],
            "id_token": id_token,
        }
    )


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "hub", "use": "sig"})
