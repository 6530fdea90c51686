"""A time stamping authority on loopback: `openssl ts` with a certificate authority of its own behind HTTP."""

import http.server
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
"""


class TimestampingAuthority:
    """Stamps what it is sent; `alter` changes the next answers."""

    def __init__(self, folder: Path, *, alter: Callable[[bytes], bytes] = lambda answer: answer) -> None:
        self.folder = folder
        self.alter = alter
        self.asked = 0
        self.root = folder / "root.pem"
        _make_certificates(folder)
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsr"

    def stamp(self, query: bytes) -> bytes:
        """Return the answer to a TimeStampReq."""
        self.asked += 1
        (self.folder / "query.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-queryfile", "query.tsq", "-config", "openssl.cnf"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return self.alter(done.stdout)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(authority: TimestampingAuthority) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = authority.stamp(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _make_certificates(folder: Path) -> None:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root of the tests")])
    now = datetime.now(UTC)

    def build(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=365))
            .not_valid_after(now + timedelta(days=365))
        )

    root = build(root_name, root_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    stamper = (
        build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stamps of the tests")]), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    )
    pem = serialization.Encoding.PEM
    (folder / "root.pem").write_bytes(root.sign(root_key, hashes.SHA256()).public_bytes(pem))
    (folder / "tsa.pem").write_bytes(stamper.sign(root_key, hashes.SHA256()).public_bytes(pem))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
