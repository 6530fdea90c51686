"""Signing keys in a PKCS#11 token: a hardware module, or SoftHSM. Ed25519 by CKM_EDDSA (PKCS#11 3.0)."""

import threading
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from registry.kernel.key_tokens import TokenKey
from registry.kernel.outcomes import GatehouseError, Unavailable

_ED25519 = encode_named_curve_parameters("1.3.101.112")
_PART = "key token"


class PKCS11Token:
    """One token; its session is opened at the first use and again after an error. Threads take turns."""

    def __init__(self, *, module: str, label: str, pin: str) -> None:
        """Load the module and find the token.

        Raises:
            GatehouseError: there is no such module or token, or the PIN is wrong.
        """
        self._label = label
        self._pin = pin
        self._lock = threading.Lock()
        self._session: Any = None
        self._keys: dict[str, Any] = {}
        try:
            self._library = pkcs11.lib(module)
            with self._lock:
                self._open_session()
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise GatehouseError(
                f"the key token {label!r} cannot be used: {type(error).__name__}; look at "
                "GATEHOUSE_PKCS11_MODULE, GATEHOUSE_PKCS11_TOKEN and GATEHOUSE_PKCS11_PIN"
            ) from None

    def create(self, label: str) -> TokenKey:
        """Return a new key under a label that no other has; it cannot be read out of the token."""
        with self._lock:
            try:
                session = self._open_session()
                parameters = session.create_domain_parameters(
                    KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519}, local=True
                )
                public, _private = parameters.generate_keypair(
                    mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                    label=label,
                    store=True,
                    private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
                )
                # CKA_EC_POINT is an OCTET STRING of the 32 bytes.
                return TokenKey(label=label, public=public[Attribute.EC_POINT][-32:])
            except pkcs11.PKCS11Error as error:
                raise self._lost(error) from None

    def open(self, label: str) -> "_TokenPrivateKey":
        """Return the key under a label.

        Raises:
            GatehouseError: the token has no such key.
        """
        with self._lock:
            self._find(label)
        return _TokenPrivateKey(self, label)

    def sign(self, label: str, data: bytes) -> bytes:
        """Return the signature of the key under a label; a session that was lost is opened anew once."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    signature: bytes = self._find(label).sign(data, mechanism=Mechanism.EDDSA)
                except pkcs11.PKCS11Error as error:
                    lost = self._lost(error)
                    if attempt == 2:
                        raise lost from None
                else:
                    return signature
        raise AssertionError("the second attempt returns or raises")

    def _find(self, label: str) -> Any:
        if label not in self._keys:
            session = self._open_session()
            found = list(
                session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label})
            )
            if len(found) != 1:
                raise GatehouseError(
                    f"the key token {self._label!r} has {len(found)} keys {label!r}, expected one"
                )
            self._keys[label] = found[0]
        return self._keys[label]

    def _open_session(self) -> Any:
        if self._session is None:
            self._session = self._library.get_token(token_label=self._label).open(rw=True, user_pin=self._pin)
        return self._session

    def _lost(self, error: Exception) -> Unavailable:
        """Forget the session, so that the next use opens another; return what is to be raised."""
        self._session, self._keys = None, {}
        return Unavailable(_PART, type(error).__name__)


class _TokenPrivateKey:
    """A key in the token."""

    def __init__(self, token: PKCS11Token, label: str) -> None:
        self._token = token
        self._label = label

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature; raise Unavailable where the token cannot be used now."""
        return self._token.sign(self._label, data)
