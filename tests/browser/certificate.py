"""A certificate that nobody signed, for names that nobody owns."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAMES = ("good.test", "*.good.test", "evil.test")


def write_certificate(directory: Path) -> tuple[Path, Path]:
    """Make one; the files of its key and of itself."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate.write_bytes(_certificate(private_key).public_bytes(serialization.Encoding.PEM))
    return key, certificate


def _certificate(private_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), critical=False)
        .sign(private_key, hashes.SHA256())
    )
