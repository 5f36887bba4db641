"""Keys: a JWK (RFC 7517) is judged before PyJWT sees it, and serves only the algorithms of its type."""

from collections.abc import Mapping
from typing import Any

import jwt

from bearer_guard.jose.algorithms import ALGORITHMS_OF, IMPLEMENTATIONS
from bearer_guard.jose.signatures import Verifier, verifiers
from bearer_guard.jose.weak_keys import UnusableKey, refuse_weak_key

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


class VerificationKey:
    """A public key that was judged fit to verify signatures, and the algorithms that it may be used with."""

    def __init__(
        self, key_id: str | None, algorithms: frozenset[str], public_key: Any, thumbprint: str | None = None
    ) -> None:
        self.key_id = key_id
        self.algorithms = algorithms
        self.thumbprint = thumbprint
        self._verifiers: dict[str, Verifier] = verifiers(public_key, algorithms)

    def __repr__(self) -> str:
        return f"VerificationKey(key_id={self.key_id!r}, algorithms={sorted(self.algorithms)!r})"

    def verifier(self, algorithm: str) -> Verifier | None:
        """What verifies signatures of this key made with an algorithm; None: the key does not serve it."""
        return self._verifiers.get(algorithm)


def load_verification_key(jwk: Any) -> VerificationKey:
    """Judges a JWK (RFC 7517) and loads it. Raises `UnusableKey`: the rest of the set is not concerned."""
    if not isinstance(jwk, Mapping):
        raise UnusableKey("not a JSON object")
    jwk = {name: value for name, value in jwk.items() if value is not None}  # some issuers write out what is not there
    algorithms = _algorithms_for(jwk)
    _refuse_other_uses(jwk)
    if not isinstance(jwk.get("kid"), str | None):
        raise UnusableKey("kid is not a string")
    try:
        loaded = jwt.PyJWK(jwk, algorithm=next(iter(sorted(algorithms))))
    except Exception as error:  # noqa: BLE001  cryptography and PyJWT raise many kinds, and none may fail the set
        raise UnusableKey(f"not readable ({type(error).__name__})") from None
    refuse_weak_key(loaded.key)
    thumbprint = jwk.get("x5t")
    return VerificationKey(jwk.get("kid"), algorithms, loaded.key, thumbprint if isinstance(thumbprint, str) else None)


def _algorithms_for(jwk: Mapping[str, Any]) -> frozenset[str]:
    kty, curve, label = jwk.get("kty"), jwk.get("crv"), jwk.get("alg")
    if not isinstance(kty, str) or not isinstance(curve, str | None):
        raise UnusableKey("kty or crv is not a string")
    names = ALGORITHMS_OF.get((kty, None if kty == "RSA" else curve))
    if names is None:
        raise UnusableKey(f"kty {kty!r:.40} with crv {curve!r:.40} is not supported")
    if label is None:
        return frozenset(names)
    if label not in names:
        raise UnusableKey(f"labelled for {label!r:.40}, which is none of {', '.join(names)}")
    return frozenset({label})


def _refuse_other_uses(jwk: Mapping[str, Any]) -> None:
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise UnusableKey("it holds a private key, which a published set must not")
    if jwk.get("use", "sig") != "sig":  # RFC 7517 section 4.2
        raise UnusableKey("its use is not sig")
    operations = jwk.get("key_ops", ("verify",))  # RFC 7517 section 4.3
    if not isinstance(operations, list | tuple) or "verify" not in operations:
        raise UnusableKey("its key_ops do not include verify")


def public_jwk(private_key: Any, *, algorithm: str, key_id: str | None) -> dict[str, Any]:
    """The public half of a key as a JWK for a published set (RFC 7517)."""
    jwk = IMPLEMENTATIONS[algorithm].to_jwk(private_key.public_key(), as_dict=True)
    labelled = {**jwk, "use": "sig", "alg": algorithm, "kid": key_id}
    labelled.pop("key_ops", None)
    return {name: value for name, value in labelled.items() if value is not None}
