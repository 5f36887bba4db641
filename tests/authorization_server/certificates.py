"""Certificates for loopback: an authority, and what it signs for servers and clients."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority that nobody knows. Its files lie in `folder`; `file`: its own certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("Loopback CA")
        self.file = folder / "ca.pem"
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        self.file.write_bytes(self._signed(self.name, self._key.public_key(), constraint))

    def issue(self, name: str, *, password: str | None = None) -> tuple[str, str]:
        """The paths of a certificate for 127.0.0.1 and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate, private = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(self._signed(_name(name), key.public_key(), address))
        lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, lock))
        return str(certificate), str(private)

    def issue_in_one(self, name: str) -> str:
        """The path of one file that has both."""
        both = self._folder / f"{name}-both.pem"
        both.write_bytes(b"".join(Path(file).read_bytes() for file in self.issue(name)))
        return str(both)

    def withdraw(self, name: str) -> None:
        """Deletes a certificate that was issued."""
        (self._folder / f"{name}.pem").unlink()

    def for_a_server(self, *, asks_for_certificates: bool) -> ssl.SSLContext:
        """What a server on 127.0.0.1 shows; if it asks for a client's certificate, it must be one of ours."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.file)
        context.load_cert_chain(*self.issue("server"))
        if asks_for_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> bytes:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        return builder.add_extension(extension, critical=False).sign(self._key, hashes.SHA256()).public_bytes(PEM)
