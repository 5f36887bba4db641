"""Who can validate a JWT, each as its users write it. To add one: a function below, and its name in `VERIFIERS`.

A function takes the key set and the algorithm, and returns what takes a token: a plain function or an async one. It
raises, or returns None, where it refuses. The audience and the issuer are asked for everywhere, the key is looked up by
`kid` everywhere: a resource server must. Nothing else is switched on that users would have to think of.
"""

import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import httpx2

from tests.benchmarks import material
from tests.benchmarks.findings import US
from tests.benchmarks.material import AUDIENCE

Verify = Callable[[str], Any]
JWKS = dict[str, Any]


def bearer_guard(jwks: JWKS, alg: str) -> Verify:
    """The validator, without the memory of the guard."""
    return material.validator().validate


def pyjwt(jwks: JWKS, alg: str) -> Verify:
    """By hand, as its manual shows it: `PyJWKClient`, and `decode` with the claims that it requires."""
    jwt: Any = importlib.import_module("jwt")

    class Keys(jwt.PyJWKClient):  # type: ignore[misc]
        def fetch_data(self) -> JWKS:
            self._last_successful_fetch = time.monotonic()
            return jwks

    keys, issuer = Keys("https://issuer.test/jwks"), material.issuer().issuer

    def verify(token: str) -> Any:
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, [alg], {"require": ["exp", "iss", "aud"]}, audience=AUDIENCE, issuer=issuer)

    return verify


def joserfc(jwks: JWKS, alg: str) -> Verify:
    """`jwt.decode` with a key set, and a registry of claims."""
    jwt: Any = importlib.import_module("joserfc.jwt")
    keys = importlib.import_module("joserfc.jwk").KeySet.import_key_set(jwks)
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": material.issuer().issuer},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )

    def verify(token: str) -> Any:
        decoded = jwt.decode(token, keys, algorithms=[alg])
        registry.validate(decoded.claims)
        return decoded

    return verify


def authlib(jwks: JWKS, alg: str) -> Verify:
    """`JsonWebToken.decode` with a key set, and the claims validated."""
    with warnings.catch_warnings(record=True):  # it says that joserfc will take its place
        jose: Any = importlib.import_module("authlib.jose")
    decoder, keys = jose.JsonWebToken([alg]), jose.JsonWebKey.import_key_set(jwks)
    options = {
        "iss": {"essential": True, "value": material.issuer().issuer},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def verify(token: str) -> Any:
        claims = decoder.decode(token, keys, claims_options=options)
        claims.validate()
        return claims

    return verify


def fastmcp(jwks: JWKS, alg: str) -> Verify:
    """FastMCP's `JWTVerifier`, with a key set that it fetches."""
    verify: Verify = fastmcp_verifier(alg).verify_token
    return verify


def fastmcp_verifier(alg: str) -> Any:
    """The verifier itself, which brings the middleware of its own."""
    providers: Any = importlib.import_module("fastmcp.server.auth.providers.jwt")
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=material.issuer().app))
    return providers.JWTVerifier(
        jwks_uri="https://issuer.test/jwks",
        http_client=client,
        issuer=material.issuer().issuer,
        audience=AUDIENCE,
        algorithm=alg,
    )


def oxyjwt(jwks: JWKS, alg: str) -> Verify:
    """Its keys by `kid`, and `decode` (Rust)."""
    oxy: Any = importlib.import_module("oxyjwt")
    keys = {key["kid"]: oxy.DecodingKey.from_jwk(key) for key in jwks["keys"]}
    issuer = material.issuer().issuer

    def verify(token: str) -> Any:
        key = keys[oxy.get_unverified_header(token)["kid"]]
        return oxy.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=issuer)

    return verify


VERIFIERS: dict[str, Callable[[JWKS, str], Verify]] = {
    US: bearer_guard,
    "PyJWT by hand": pyjwt,
    "joserfc": joserfc,
    "Authlib": authlib,
    "FastMCP": fastmcp,
    "oxyjwt (Rust)": oxyjwt,
}
