"""PDFs signed by a certificate: two independent readers agree, altered bytes are found, ended certificates sign nothing."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typst
from asn1crypto.x509 import Certificate as Root
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import PdfSignatureStatus, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from registry.kernel.clock import SystemClock
from registry.kernel.outcomes import GatehouseError
from registry.kernel.pdf_signing import Certificate, load_certificate
from registry.kernel.telemetry import PDF_CERTIFICATE_ENDS
from tests.clock import SettableClock
from tests.servers import poppler
from tests.world import run

PASSWORD = "a password"
DAYS = 90
# The readers compare with the clock of this machine, so the certificate is made for today.
NOW = datetime.now(UTC).replace(microsecond=0)


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    is_root = key is signer
    usage = {
        name: name in (("key_cert_sign", "crl_sign") if is_root else ("digital_signature", "content_commitment"))
        for name in (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )
    }  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example root")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .sign(signer, hashes.SHA256())
    )


class Authority:
    """A root, and a PKCS#12 file with a certificate under it."""

    def __init__(self, folder: Path) -> None:
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Example root", root_key, root_key)
        self.root = Root.load(root.public_bytes(serialization.Encoding.DER))
        self.file = folder / "certificate.p12"
        self.file.write_bytes(
            pkcs12.serialize_key_and_certificates(
                b"gatehouse",
                key,
                _certificate("models.example.org", key, root_key),
                [root],
                serialization.BestAvailableEncryption(PASSWORD.encode()),
            )
        )

    def load(self, at: datetime) -> Certificate:
        found = load_certificate(str(self.file), PASSWORD, clock=SettableClock(at))
        assert found is not None
        return found

    def validate(self, pdf: bytes) -> PdfSignatureStatus:
        (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        return validate_pdf_signature(signature, ValidationContext(trust_roots=[self.root]))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pdf() -> bytes:
    made = typst.compile(
        b"#set document(date: datetime(year: 2026, month: 1, day: 2))\nWords that are signed."
    )
    assert isinstance(made, bytes)
    return made


@pytest.fixture(scope="module")
def signed(authority: Authority, pdf: bytes) -> bytes:
    return run(authority.load(NOW).sign(pdf))


def test_a_validator_finds_it_whole_and_trusted(authority: Authority, signed: bytes, pdf: bytes) -> None:
    assert signed.startswith(pdf)
    status = authority.validate(signed)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"


def test_another_reader_agrees(signed: bytes, tmp_path: Path) -> None:
    said = poppler.signatures_of(signed, tmp_path)
    assert "Signature is Valid" in said
    assert "ETSI.CAdES.detached" in said
    assert "models.example.org" in said
    assert "Total document signed" in said


def test_altered_bytes_are_found(authority: Authority, signed: bytes, pdf: bytes, tmp_path: Path) -> None:
    for at in range(20, len(pdf) - 20, len(pdf) // 12):
        altered = bytearray(signed)
        altered[at] ^= 1
        try:
            whole = authority.validate(bytes(altered)).bottom_line
        except Exception:  # noqa: BLE001 - a file that cannot be read any more is found to be altered, too
            whole = False
        assert not whole, at
    text = bytearray(signed)
    text[len(pdf) // 2] ^= 1
    assert "Signature is Valid" not in poppler.signatures_of(bytes(text), tmp_path)


def test_what_is_added_afterwards_is_not_covered(authority: Authority, signed: bytes) -> None:
    more = signed + b"\n% more\n"
    assert authority.validate(more).coverage.name != "ENTIRE_FILE"


@pytest.mark.parametrize("days", [-2, DAYS, DAYS + 400])
def test_a_certificate_signs_only_while_it_is_valid(authority: Authority, pdf: bytes, days: int) -> None:
    assert run(authority.load(NOW + timedelta(days=days)).sign(pdf)) == pdf


def test_when_it_ends_is_a_metric(authority: Authority) -> None:
    ends_at = authority.load(NOW).ends_at
    assert ends_at == NOW + timedelta(days=DAYS)
    assert PDF_CERTIFICATE_ENDS._value.get() == ends_at.timestamp()


def test_a_warning_goes_before_the_end(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    authority.load(NOW + timedelta(days=DAYS - 31))
    assert "ends_soon" not in capsys.readouterr().out
    authority.load(NOW + timedelta(days=DAYS - 29))
    assert "pdf_certificate.ends_soon" in capsys.readouterr().out


def test_a_file_that_is_none_is_refused_at_start(authority: Authority, tmp_path: Path) -> None:
    junk = tmp_path / "junk.p12"
    junk.write_bytes(b"junk")
    assert load_certificate("", "", clock=SystemClock()) is None
    for path, password in ((str(tmp_path / "none"), ""), (str(junk), ""), (str(authority.file), "wrong")):
        with pytest.raises(GatehouseError, match="GATEHOUSE_PDF_CERTIFICATE") as refused:
            load_certificate(path, password, clock=SystemClock())
        assert PASSWORD not in str(refused.value)
