"""SSH keys and signatures over files (OpenSSH `PROTOCOL.sshsig`, `PROTOCOL.u2f`), read strictly.

What `ssh-keygen -Y sign` makes is taken, as far as its algorithm is allowed here; every other spelling of the same
bytes is refused, so that a signature and a key have one form each.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ALLOWED = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
RSA_MIN_BITS = 3072
RSA_MAX_BITS = 8192
KEY_MAX_BYTES = 2048
SIGNATURE_MAX_CHARACTERS = 8192
LINE_MAX_CHARACTERS = 4096
TOUCHED = 0x01
"""Flag of a security key: somebody touched it (PROTOCOL.u2f)."""
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = "sha512"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_LINE = 70
_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, str]] = {
    "ecdsa-sha2-nistp256": (ec.SECP256R1(), hashes.SHA256(), "nistp256"),
    "ecdsa-sha2-nistp384": (ec.SECP384R1(), hashes.SHA384(), "nistp384"),
    "sk-ecdsa-sha2-nistp256@openssh.com": (ec.SECP256R1(), hashes.SHA256(), "nistp256"),
}
_ORDERS = {
    "nistp256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "nistp384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


class NotTaken(Exception):
    """What was sent is no key or signature that is taken here; the text says why, as the rest of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHPublicKey:
    """A public key of an allowed kind."""

    kind: str
    blob: bytes
    """As it travels (RFC 4253 §6.6)."""
    _key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    application: str | None = None
    """Of a security key: for what it was made."""

    @property
    def fingerprint(self) -> str:
        """How `ssh-keygen -l` calls the key."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    @property
    def line(self) -> str:
        """The key as it stands in a `.pub` file, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def is_in_hardware(self) -> bool:
        """Whether it is a security key's, which somebody touches for each signature."""
        return self.application is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHSignature:
    """A signature with the key that it names; checked by `verify`, not by being read."""

    key: SSHPublicKey
    namespace: str
    _format: str
    _value: bytes
    _flags: int
    _counter: int
    blob: bytes

    @property
    def armored(self) -> str:
        """The signature in the one form that is kept: that of `ssh-keygen`."""
        text = base64.b64encode(self.blob).decode()
        lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
        return "\n".join((_BEGIN, *lines, _END, ""))


def read_public_key(text: str) -> SSHPublicKey:
    """Return the key of one line of a `.pub` file; its comment is left out.

    Raises:
        NotTaken: it is none, or none of an allowed kind.
    """
    line = text.strip()
    if len(line) > LINE_MAX_CHARACTERS or "\n" in line or "PRIVATE KEY" in line:
        raise NotTaken("is not one line of a public key file")
    kind, _, rest = line.partition(" ")
    encoded = rest.strip().partition(" ")[0]
    if kind not in ALLOWED or not encoded:
        raise NotTaken(f"is of a kind that is not taken: expected {', '.join(ALLOWED)}")
    key = read_key_blob(_decode(encoded))
    if key.kind != kind:
        raise NotTaken("says one kind of key and holds another")
    return key


def read_key_blob(blob: bytes) -> SSHPublicKey:
    """Return the key in its wire form.

    Raises:
        NotTaken: it is none, or none of an allowed kind.
    """
    if len(blob) > KEY_MAX_BYTES:
        raise NotTaken("is too long for a key")
    reader = _Reader(blob)
    kind = reader.text()
    application = None
    key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    try:
        if kind in {"ssh-ed25519", "sk-ssh-ed25519@openssh.com"}:
            key = ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
        elif kind in _CURVES:
            curve, _, name = _CURVES[kind]
            if reader.text() != name:
                raise NotTaken("names another curve than its kind")
            point = reader.string()
            if not point.startswith(b"\x04"):
                raise NotTaken("has a point that is not written in full")
            key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        elif kind == "ssh-rsa":
            exponent, modulus = reader.positive(), reader.positive()
            if not RSA_MIN_BITS <= modulus.bit_length() <= RSA_MAX_BITS:
                raise NotTaken(
                    f"is an RSA key of {modulus.bit_length()} bits: expected at least {RSA_MIN_BITS}"
                )
            if exponent % 2 == 0 or not 65537 <= exponent < 1 << 32:
                raise NotTaken("is an RSA key with a strange exponent")
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            raise NotTaken(f"is of a kind that is not taken: expected {', '.join(ALLOWED)}")
    except ValueError:
        raise NotTaken("is not a point or number of its kind") from None
    if kind.startswith("sk-"):
        application = reader.text()
        if not application.startswith("ssh:"):
            raise NotTaken("is a security key's for something else than SSH")
    reader.end()
    return SSHPublicKey(kind=kind, blob=blob, _key=key, application=application)


def read_signature(armored: str, *, namespace: str) -> SSHSignature:
    """Return the signature that `ssh-keygen -Y sign -n NAMESPACE` has written.

    Raises:
        NotTaken: it has another form, another namespace, or an algorithm that is not allowed.
    """
    if len(armored) > SIGNATURE_MAX_CHARACTERS:
        raise NotTaken("is too long for a signature")
    lines = armored.replace("\r\n", "\n").strip("\n").split("\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise NotTaken("does not begin and end as an SSH signature does")
    blob = _decode("".join(lines[1:-1]))
    reader = _Reader(blob)
    if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != _VERSION:
        raise NotTaken("is not an SSH signature of version 1")
    key = read_key_blob(reader.string())
    given = reader.text()
    if given != namespace:
        raise NotTaken(f"was made for another purpose: its namespace is not {namespace}")
    if reader.string():
        raise NotTaken("has something in its reserved field")
    if reader.text() != _HASH:
        raise NotTaken(f"uses another hash than {_HASH}")
    inner = _Reader(reader.string())
    reader.end()
    form, value, flags, counter = inner.text(), inner.string(), 0, 0
    if key.is_in_hardware:
        flags, counter = inner.take(1)[0], inner.number()
    inner.end()
    if form != ("rsa-sha2-512" if key.kind == "ssh-rsa" else key.kind):
        raise NotTaken("names an algorithm that does not belong to its key")
    if key.is_in_hardware and not flags & TOUCHED:
        raise NotTaken("was made by a security key that nobody touched")
    return SSHSignature(
        key=key, namespace=given, _format=form, _value=value, _flags=flags, _counter=counter, blob=blob
    )


def verify(signature: SSHSignature, message: bytes) -> None:
    """Return if the signature's own key has signed `message`.

    Raises:
        NotTaken: it has not.
    """
    signed = b"".join(
        (
            _MAGIC,
            _string(signature.namespace.encode()),
            _string(b""),
            _string(_HASH.encode()),
            _string(hashlib.sha512(message).digest()),
        )
    )
    if signature.key.application is not None:
        application = hashlib.sha256(signature.key.application.encode()).digest()
        counter = signature._counter.to_bytes(4, "big")  # noqa: SLF001 - of this module
        signed = application + bytes([signature._flags]) + counter + hashlib.sha256(signed).digest()  # noqa: SLF001
    key, value = signature.key._key, signature._value  # noqa: SLF001 - of this module
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(value, signed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            _, hashed, curve = _CURVES[signature.key.kind]
            numbers = _Reader(value)
            first, second = numbers.positive(), numbers.positive()
            numbers.end()
            if first >= _ORDERS[curve] or second >= _ORDERS[curve]:
                raise NotTaken("has numbers that are too large for its curve")
            key.verify(encode_dss_signature(first, second), signed, ec.ECDSA(hashed))
        else:
            if len(value) != (key.key_size + 7) // 8:
                raise NotTaken("has another length than its key asks for")
            key.verify(value, signed, padding.PKCS1v15(), hashes.SHA512())
    except (InvalidSignature, ValueError):
        raise NotTaken("does not fit what was to be signed") from None


def is_same_key(one: SSHPublicKey, other: SSHPublicKey) -> bool:
    """Whether both are the same key."""
    return hmac.compare_digest(one.blob, other.blob)


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotTaken("is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise NotTaken("is base64 in another spelling than the one that is taken")
    return data


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class _Reader:
    """Reads the fields of the SSH wire format (RFC 4251 §5), each in its one spelling."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise NotTaken("ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError:
            raise NotTaken("has a name that is not ASCII") from None

    def positive(self) -> int:
        """A positive `mpint` without spare zeros."""
        data = self.string()
        if not data or data[0] & 0x80 or (data[0] == 0 and (len(data) < 2 or not data[1] & 0x80)):
            raise NotTaken("has a number in another spelling than the one that is taken")
        return int.from_bytes(data, "big")

    def end(self) -> None:
        if self._at != len(self._data):
            raise NotTaken("goes on after its end")
