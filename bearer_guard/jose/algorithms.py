"""Which signature algorithms we verify, and with which kinds of key (RFC 7518 section 3.1, RFC 8037 section 3.1)."""

from collections.abc import Mapping

from jwt.algorithms import Algorithm, get_default_algorithms

ALGORITHMS_OF: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    # By the type and curve of the key, never by what a token says (RFC 8725 section 3.1).
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
ALGORITHMS = tuple(name for names in ALGORITHMS_OF.values() for name in names)
"""All of them are asymmetric: who can verify cannot sign."""

IMPLEMENTATIONS: Mapping[str, Algorithm] = {name: get_default_algorithms()[name] for name in ALGORITHMS}
