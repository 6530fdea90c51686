"""HTML pages: the template engine, static files, response headers, and what keeps forms our own.

Templates live in `frontend/templates` and compute nothing: a page handler gives each one `page` (what
the layout needs) and `view` (one plain value; its fields stand in the comment that opens the template).
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
from litestar import Response
from litestar.enums import MediaType
from markupsafe import Markup

from registry.kernel.clock import iso
from registry.kernel.page_parts import Page, Site

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""No inline script or style and no other host, on any page (CSP Level 3)."""

# `same-origin` and not `no-referrer`: with the latter browsers send `Origin: null` with our own forms.
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
STATIC_CACHE_CONTROL = "public, max-age=31536000, immutable"
STATIC_PREFIX = "/static/"
CSRF_FIELD = "_csrf"
STRICT_TRANSPORT_MAX_AGE_SECONDS = 31_536_000

_CSRF_LABEL = b"gatehouse-csrf/1\0"
_CSRF_NONCE_BYTES = 16
_STATIC_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SIZE_UNITS = ("kB", "MB", "GB", "TB", "PB")
_DIGEST_HEAD_CHARACTERS = 12
DIGEST_TAIL_CHARACTERS = 6


# --- filters ---------------------------------------------------------------------------------------------


def format_bytes(size: int) -> str:
    """Return `size` in decimal units with three digits that count: `9.90 GB`, `36.4 kB`, `111 B`."""
    if size < 1000:
        return f"{size}\u00a0B"
    value, unit = size / 1000, 0
    while value >= 999.5 and unit < len(_SIZE_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}\u00a0{_SIZE_UNITS[unit]}"


def format_when(moment: datetime | date, style: str = "long") -> str:
    """Return `moment` in UTC as words; `style` is long, minute, date, short, second or time."""
    if not isinstance(moment, datetime):
        return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {moment!r}")
    utc = moment.astimezone(UTC)
    month = _MONTHS[utc.month - 1]
    match style:
        case "long":
            return f"{utc.day} {month} {utc.year}, {utc:%H:%M:%S} UTC"
        case "minute":
            return f"{utc.day} {month} {utc.year}, {utc:%H:%M} UTC"
        case "date":
            return f"{utc.day} {month} {utc.year}"
        case "short":
            return f"{utc.day} {month[:3]} {utc.year}, {utc:%H:%M}"
        case "second":
            return f"{utc.day} {month[:3]} {utc.year}, {utc:%H:%M:%S}"
        case "time":
            return f"{utc:%H:%M:%S} UTC"
        case _:
            raise ValueError(f"unknown style of time: {style!r}")


def when(moment: datetime | date, style: str = "long") -> Markup:
    """Return `moment` as a `<time>` element whose `datetime` is exact and whose words are in UTC."""
    exact = iso(moment) if isinstance(moment, datetime) else moment.isoformat()
    return Markup('<time datetime="{}">{}</time>').format(exact, format_when(moment, style))


def short_digest(digest: str) -> str:
    """Return `digest` shortened for a sentence, the last digits kept: `f8ad924bcdb0…b78735`."""
    bare = digest.removeprefix("sha256:")
    if len(bare) <= _DIGEST_HEAD_CHARACTERS + DIGEST_TAIL_CHARACTERS:
        return bare
    return f"{bare[:_DIGEST_HEAD_CHARACTERS]}…{bare[-DIGEST_TAIL_CHARACTERS:]}"


def format_number(number: int) -> str:
    """Return `number` with its thousands set apart: `48,212`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return `number` with the noun that fits it: `1 entry`, `48,212 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


# --- the engine ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file under `/static/`, held in memory."""

    content: bytes
    media_type: str


def find_frontend() -> Path:
    """Return the folder with `templates` and `static`: the repository's, or the installed package's."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "frontend", here.parents[1] / "_bundled" / "frontend"):
        if (folder / "templates" / "_base.html").is_file():
            return folder
    raise FileNotFoundError("no frontend folder beside or inside the package")


class Pages:
    """Renders templates and holds the static files of one registry."""

    def __init__(self, site: Site, folder: Path | None = None) -> None:
        """Read the static files and prepare the template engine."""
        source = folder or find_frontend()
        files = sorted(path for path in (source / "static").iterdir() if path.suffix in _STATIC_TYPES)
        self._static = {
            path.name: StaticFile(content=path.read_bytes(), media_type=_STATIC_TYPES[path.suffix])
            for path in files
        }
        # One digest for the folder, so that files may name each other by relative address.
        self.static_digest = _digest_files(files)[:16]
        # Evidence names the form that a person saw by this (acceptances keep it).
        self.template_digest = _digest_files(sorted((source / "templates").rglob("*.html")))
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(source / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._environment.globals |= {"site": site, "static": self.static_url, "tail": DIGEST_TAIL_CHARACTERS}
        self._environment.filters |= {
            "bytes": format_bytes,
            "number": format_number,
            "plural": plural,
            "short_digest": short_digest,
            "when": when,
        }

    def render(self, template: str, *, page: Page, view: object) -> str:
        """Return the page; a field of `view` that the template names and `view` lacks raises."""
        return self._environment.get_template(template).render(page=page, view=view)

    def static_url(self, name: str) -> str:
        """Return the address of a static file, which changes with any of their contents."""
        if name not in self._static:
            raise KeyError(f"no static file {name!r}")
        return f"{STATIC_PREFIX}{self.static_digest}/{name}"

    def find_static(self, digest: str, name: str) -> StaticFile | None:
        """Return the static file `name` if `digest` is the one that pages link to now."""
        return self._static.get(name) if digest == self.static_digest else None


def respond(html: str, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response[str]:
    """Return `html` as a response that no cache keeps and no other site may frame."""
    every = {"Cache-Control": "private, no-store", **SECURITY_HEADERS, **(headers or {})}
    return Response(html, status_code=status_code, media_type=MediaType.HTML, headers=every)


def transport_headers(base_url: str) -> Mapping[str, str]:
    """Return the header that pins https (RFC 6797) when the registry is served over it."""
    if urlsplit(base_url).scheme != "https":
        return {}
    return {"Strict-Transport-Security": f"max-age={STRICT_TRANSPORT_MAX_AGE_SECONDS}"}


# --- forms -----------------------------------------------------------------------------------------------


def csrf_token(secret: bytes, session_digest: str) -> str:
    """Return a token that only a page of this session can hold; each call gives another one."""
    nonce = os.urandom(_CSRF_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + _csrf_mac(secret, session_digest, nonce)).decode().rstrip("=")


def check_csrf(secret: bytes, session_digest: str, token: str) -> bool:
    """Whether `token` was made by `csrf_token` for this session; compared in constant time."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    nonce, mac = raw[:_CSRF_NONCE_BYTES], raw[_CSRF_NONCE_BYTES:]
    return hmac.compare_digest(mac, _csrf_mac(secret, session_digest, nonce))


def is_cross_origin(headers: Mapping[str, str], base_url: str) -> bool:
    """Whether a request that changes something was started by another site than `base_url`.

    Both signals must agree where both are there (Fetch Metadata; RFC 6454 §7): `Sec-Fetch-Site` cannot
    be set by a page, `Origin` also shows a foreign host name that resolves to us. A request with neither
    comes from no current browser; the CSRF token still decides about it.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    site = given.get("sec-fetch-site")
    if site is not None and site.lower() not in {"same-origin", "none"}:
        return True
    origin = given.get("origin")
    if origin is None:
        return False
    theirs = _origin(origin)
    return theirs is None or theirs != _origin(base_url)


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port of `url`; None for `null` and whatever else has no origin."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _csrf_mac(secret: bytes, session_digest: str, nonce: bytes) -> bytes:
    return hmac.digest(secret, _CSRF_LABEL + nonce + session_digest.encode(), "sha256")


def _digest_files(files: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        whole.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()
