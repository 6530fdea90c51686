"""Identity providers on loopback: one that lies in whatever way a test wants, and a real certified one."""

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey

from registry.kernel.clock import Clock
from tests.servers.processes import ROOT

CLIENT_ID = "gatehouse-tests"
CLIENT_SECRET = "a secret of the tests"
NODE_PROVIDER = Path(__file__).with_name("oidc_provider.mjs")


@dataclass
class Account:
    """Who is signed in at the provider."""

    sub: str = "subject-1"
    email: str | None = "mara@nordlab.example"
    email_verified: object = True
    name: str = "mara"


@dataclass
class LoopbackProvider:
    """A provider over HTTP that keeps to OpenID Connect, but for what a test changes.

    `claims` and `header` change the ID token, `sign` makes it otherwise, `discovery` the description, `answers`
    replaces the whole answer of a path; `requests` is what was asked.
    """

    clock: Clock
    account: Account = field(default_factory=Account)
    key: RSAKey = field(default_factory=lambda: new_key("one"))
    published: list[RSAKey] | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    """Parameters of the authorization request by code."""

    def __post_init__(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._answer(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                provider._answer(self, _flat(body))

            def log_message(self, *_: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self, provider_id: str, **changes: object) -> str:
        """Its table in the file of providers."""
        values = {
            "id": provider_id,
            "name": f"The {provider_id}",
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "trust_email": True,
            **changes,
        }
        return "[[provider]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())

    def preset(self, name: str) -> str:
        """The table of a known provider whose part it plays."""
        values = {
            "preset": name,
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        return "[[provider]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.requests)

    def _answer(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        parts = urlsplit(handler.path)
        query = _flat(parts.query)
        self.requests.append((parts.path, query | form))
        own = self.answers.get(parts.path)
        if own is not None:
            own(handler)
            return
        match parts.path:
            case "/.well-known/openid-configuration":
                send_json(handler, self._description())
            case "/authorize":
                self._authorize(handler, query)
            case "/token":
                self._token(handler, form)
            case "/jwks":
                keys = self.published if self.published is not None else [self.key]
                send_json(handler, {"keys": [key.as_dict(private=False) for key in keys]})
            case "/userinfo":
                send_json(handler, {"sub": self.account.sub, **self._personal()})
            case "/user":
                send_json(handler, {"id": 4711, "login": self.account.name})
            case "/user/emails":
                send_json(
                    handler,
                    [
                        {"email": "old@nordlab.example", "primary": False, "verified": True},
                        {
                            "email": self.account.email,
                            "primary": True,
                            "verified": self.account.email_verified,
                        },
                    ],
                )
            case _:
                handler.send_error(404)

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "authorization_response_iss_parameter_supported": True,
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.discovery,
        }

    def _authorize(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        code = uuid4().hex
        self.asked[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer, **self.callback}
        handler.send_response(302)
        handler.send_header("Location", query["redirect_uri"] + "?" + urlencode(back))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        asked = self.asked.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        ).rstrip(b"=")
        if asked is None or asked.get("code_challenge") != challenge.decode():
            send_json(handler, {"error": "invalid_grant"}, status=400)
            return
        send_json(
            handler,
            {
                "access_token": f"access-{uuid4().hex}",
                "token_type": "Bearer",
                "expires_in": 60,
                "id_token": self.id_token(asked.get("nonce", "")),
            },
        )

    def id_token(self, nonce: str) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.account.sub,
            "aud": CLIENT_ID,
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
            "auth_time": now - 1,
            "amr": ["pwd", "otp", "mfa"],
            "acr": "urn:tests:silver",
            **self._personal(),
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not ...}
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        if self.sign is not None:
            return self.sign(header, claims)
        return jwt.encode(header, claims, self.key, algorithms=[header["alg"]])

    def _personal(self) -> dict[str, Any]:
        given = {"preferred_username": self.account.name}
        if self.account.email is not None:
            given |= {"email": self.account.email, "email_verified": self.account.email_verified}
        return given


def new_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


def send_json(handler: BaseHTTPRequestHandler, body: object, *, status: int = 200) -> None:
    send(handler, json.dumps(body).encode(), status=status)


def send(handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def signed_with_public_key(key: RSAKey) -> Callable[[dict[str, Any], dict[str, Any]], str]:
    """Algorithm confusion: the published key taken as a shared secret."""

    def sign(header: dict[str, Any], claims: dict[str, Any]) -> str:
        signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
        mac = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    return sign


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token without a signature."""
    return f"{_part({**header, 'alg': 'none'})}.{_part(claims)}."


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


class CertifiedProvider:
    """The npm package `oidc-provider`, which is certified by the OpenID Foundation, on a free port."""

    def __init__(self, redirect_uri: str) -> None:
        node = shutil.which("node")
        if node is None or not (ROOT / "node_modules" / "oidc-provider").is_dir():
            raise FileNotFoundError(
                "node, or its package oidc-provider (deploy/node-packages.sh installs it)"
            )
        self._process = subprocess.Popen(
            [node, NODE_PROVIDER, redirect_uri, CLIENT_ID, CLIENT_SECRET],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self.issuer = json.loads(self._process.stdout.readline())["issuer"]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()  # the script ends with its input
        self._process.wait(timeout=20)
        self._process.stdout.close()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer one byte now and then, for ever; until the other side has enough."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return
