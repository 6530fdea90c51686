"""Signatures of PDFs by the registry's certificate: PAdES baseline B (ETSI EN 319 142-1), made by pyHanko.

Readers of PDFs check them without knowing anything of this project. They add to the proof in the attached receipt and
replace nothing of it.
"""

import asyncio
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from registry.kernel.clock import Clock, iso
from registry.kernel.outcomes import GatehouseError
from registry.kernel.telemetry import PDF_CERTIFICATE_ENDS

if TYPE_CHECKING:
    from pyhanko.sign.signers import SimpleSigner

# pyHanko takes most of a second to import; only who has a certificate pays for it.
WARN_BEFORE = timedelta(days=30)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The key that signs, its certificate and the chain of it."""

    signer: "SimpleSigner"
    begins_at: datetime
    ends_at: datetime
    clock: Clock

    async def sign(self, pdf: bytes) -> bytes:
        """Return the PDF signed; as it was where the certificate is not valid now, which the log tells."""
        now = self.clock.now()
        if not self.begins_at <= now < self.ends_at:
            _log.error("pdf_certificate.not_valid", begins_at=iso(self.begins_at), ends_at=iso(self.ends_at))
            return pdf
        return await asyncio.to_thread(self._sign, pdf)

    def _sign(self, pdf: bytes) -> bytes:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 - see above
        from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter  # noqa: PLC0415 - see above
        from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner  # noqa: PLC0415 - see above

        meta = PdfSignatureMetadata(
            field_name="Signature",
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
        )
        signed = PdfSigner(meta, signer=self.signer).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)))
        return bytes(signed.getvalue())


def load_certificate(path: str, password: str, *, clock: Clock) -> Certificate | None:
    """Return the certificate of the settings; None where they name none. Warns where it ends soon.

    Raises:
        GatehouseError: the file cannot be read or opened, or holds no key that fits its certificate.
    """
    if not path:
        return None
    from pyhanko.sign.signers import SimpleSigner  # noqa: PLC0415 - see above

    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise GatehouseError(
            f"GATEHOUSE_PDF_CERTIFICATE is {path!r}; expected a PKCS#12 file ({type(error).__name__})"
        ) from None
    signer = SimpleSigner.load_pkcs12(path, passphrase=password.encode() or None)  # type: ignore[no-untyped-call] # it has no types
    if signer is None or signer.signing_cert is None:
        raise GatehouseError(
            f"GATEHOUSE_PDF_CERTIFICATE is {path!r}; it is no PKCS#12 file with a key and its certificate that "
            "GATEHOUSE_PDF_CERTIFICATE_PASSWORD opens"
        )
    ends_at = signer.signing_cert.not_valid_after
    PDF_CERTIFICATE_ENDS.set(ends_at.timestamp())
    if ends_at - clock.now() < WARN_BEFORE:
        _log.warning("pdf_certificate.ends_soon", ends_at=iso(ends_at))
    return Certificate(
        signer=signer, begins_at=signer.signing_cert.not_valid_before, ends_at=ends_at, clock=clock
    )
