"""What an API proves itself with where no secret is shared: a private key, and certificates that nobody signed."""

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


@dataclass(frozen=True)
class KeyAndCertificate:
    """A private key with the certificate of 127.0.0.1 that it signed itself, in files."""

    key_file: Path
    certificate_file: Path
    jwk: dict[str, Any]

    @classmethod
    def written(cls, directory: Path, name: str) -> Self:
        """Makes a new pair, in files of this name."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = _certificate(key, name)
        made = cls(directory / f"{name}.key", directory / f"{name}.crt", _jwk(key, certificate))
        made.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        made.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return made


def _jwk(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> dict[str, Any]:
    # RFC 8705 section 2.2.2: a client that signs its own certificate registers it as x5c of its key.
    x5c = [b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {"kty": public["kty"], "n": public["n"], "e": public["e"], "use": "sig", "x5c": x5c}


def _certificate(key: rsa.RSAPrivateKey, common_name: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(loopback, critical=False)
        .sign(key, hashes.SHA256())
    )
