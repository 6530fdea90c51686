"""The sealer of an installation, and the key token if the settings name one."""

from registry.kernel.sealing import Sealer
from registry.settings import Settings


def make_sealer(settings: Settings) -> Sealer:
    """Return what seals and opens, with the place where signing keys are made.

    Raises:
        GatehouseError: the master key is missing, or the token cannot be used.
    """
    secrets = settings.master_secrets()
    if not settings.pkcs11_module:
        return Sealer(*secrets)
    # Most installations have none, and the library takes its time to load.
    from registry.ledger.pkcs11_token import PKCS11Token  # noqa: PLC0415

    token = PKCS11Token(module=settings.pkcs11_module, label=settings.pkcs11_token, pin=settings.pkcs11_pin)
    return Sealer(*secrets, token=token)
