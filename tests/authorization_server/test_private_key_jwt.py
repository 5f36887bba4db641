"""private_key_jwt (RFC 7523): the assertion on the wire, read and verified by PyJWT with nothing but the public key."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bearer_guard import ConfigurationError, PrivateKeyJWT
from bearer_guard.authorization_server.client_auth import ASSERTION_LIFETIME
from bearer_guard.jose import ALGORITHMS
from bearer_guard.testing import MovableClock, SigningKey
from tests.authorization_server.desk import TOKEN, Desk

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> bytes:
    """The private key as a file has it (PKCS #8)."""
    unencrypted = serialization.NoEncryption()
    made: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    return made


def private_jwk(key: Any, algorithm: str) -> dict[str, Any]:
    """The private key as PyJWT writes a JWK."""
    written: dict[str, Any] = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key))
    return written


def client(key: Any = None, **options: Any) -> PrivateKeyJWT:
    return PrivateKeyJWT("orders-api", pem(KEY) if key is None else key, **{"algorithm": "ES256", **options})


async def assertion(desk: Desk, client: PrivateKeyJWT, **options: Any) -> str:
    return (await desk.question(client, **options)).form["client_assertion"]


def verified(token: str, key: Any = KEY, algorithm: str = "ES256", **options: Any) -> dict[str, Any]:
    """The claims, if the signature is good; the claims themselves are for the tests."""
    no_checks = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key.public_key(), algorithms=[algorithm], options=no_checks)  # type: ignore[arg-type]
    return claims


# --- the request ---


async def test_the_form_has_the_assertion_its_type_and_the_id_and_there_is_no_header(desk: Desk) -> None:
    asked = await desk.question(client())
    assert len(asked.form.pop("client_assertion").split(".")) == 3
    assert {name: value for name, value in asked.form.items() if name != "client_assertion"} == {
        "token": TOKEN,
        "token_type_hint": "access_token",
        "client_id": "orders-api",  # RFC 7521 section 4.2
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",  # RFC 7523 section 2.2
    }
    assert "authorization" not in asked.headers


async def test_the_claims_are_those_of_rfc_7523_section_3(desk: Desk) -> None:
    clock = MovableClock()
    claims = verified(await assertion(desk, client(), clock=clock))
    jti = claims.pop("jti")
    now = int(clock.time())
    expected = {"iss": "orders-api", "sub": "orders-api", "aud": desk.web.url, "iat": now, "exp": now + 60}
    assert claims == expected
    assert ASSERTION_LIFETIME == 60
    assert len(jti) >= 16


async def test_a_server_that_checks_it_all_accepts_it(desk: Desk) -> None:
    token = await assertion(desk, client())
    claims = jwt.decode(
        token,
        KEY.public_key(),
        algorithms=["ES256"],
        issuer="orders-api",
        audience=desk.web.url,
        options={"require": ["iss", "sub", "aud", "exp", "jti"]},
    )
    assert claims["sub"] == "orders-api"


async def test_the_time_is_that_of_the_clock(desk: Desk) -> None:
    clock = MovableClock()
    server = desk.server(client(), clock=clock)
    moments = []
    for _ in range(2):
        await server.introspect("token")
        moments.append(verified(desk.asked.form["client_assertion"])["iat"])
        clock.advance(100)
    assert moments[1] - moments[0] == 100


async def test_no_assertion_is_sent_twice(desk: Desk) -> None:
    server = desk.server(client())
    await asyncio.gather(*(server.introspect("token") for _ in range(100)))
    names = {verified(asked.form["client_assertion"])["jti"] for asked in desk.web.asked}
    assert len(names) == 100


async def test_the_audience_may_be_another_one(desk: Desk) -> None:
    token_endpoint = "https://id.example.com/token"
    assert verified(await assertion(desk, client(audience=token_endpoint)))["aud"] == token_endpoint


@pytest.mark.parametrize("key_id", ["2026-01", None])
async def test_the_header_names_the_algorithm_and_the_key(desk: Desk, key_id: str | None) -> None:
    header = jwt.get_unverified_header(await assertion(desk, client(key_id=key_id)))
    assert header == {"alg": "ES256", "typ": "JWT", **({"kid": key_id} if key_id else {})}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("write", [pem, None], ids=["PEM", "JWK"])
async def test_every_algorithm_signs_with_pem_and_jwk(
    desk: Desk, signing_keys: dict[str, SigningKey], algorithm: str, write: Callable[[Any], Any] | None
) -> None:
    key = signing_keys[algorithm].private_key
    written = write(key) if write else private_jwk(key, algorithm)
    token = await assertion(desk, client(written, algorithm=algorithm))
    assert verified(token, key, algorithm)["iss"] == "orders-api"


async def test_rs256_is_the_algorithm_unless_another_is_given(desk: Desk, signing_keys: dict[str, SigningKey]) -> None:
    key = signing_keys["RS256"].private_key
    token = await assertion(desk, PrivateKeyJWT("orders-api", pem(key).decode()))
    assert verified(token, key, "RS256")["iss"] == "orders-api"


# --- keys as functions ---


class Rotating:
    """A key that is another one each time."""

    def __init__(self, *keys: Any) -> None:
        self.left = list(keys)

    def __call__(self) -> Any:
        return self.left.pop(0)

    async def later(self) -> Any:
        await asyncio.sleep(0)
        return self()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function_is_asked_for_the_key_before_each_call(desk: Desk, *, is_async: bool) -> None:
    keys = Rotating(pem(KEY), private_jwk(OTHER_KEY, "ES256"))
    server = desk.server(client(keys.later if is_async else keys))
    for key in (KEY, OTHER_KEY):
        await server.introspect("token")
        assert verified(desk.asked.form["client_assertion"], key)
    assert keys.left == []


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (None, "ValueError"),
        ("", "ValueError"),
        ("no key of mine", "ConfigurationError"),
        (7, "ValueError"),
        ({"kty": "EC"}, "ConfigurationError"),
    ],
    ids=repr,
)
async def test_a_function_that_returns_no_key_is_a_503_that_says_whose_fault_it_is(
    desk: Desk, made: Any, kind: str
) -> None:
    why = await desk.why(desk.server(client(lambda: made)))
    assert why == f"our own credentials are not to be had: PrivateKeyJWT: {kind}"
    assert not desk.hits


# --- construction ---

NO_KEYS: dict[str, Any] = {
    "empty": "",
    "None": lambda: None,
    "a public key": KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ),
    "a public JWK": {name: value for name, value in private_jwk(KEY, "ES256").items() if name != "d"},
    "a secret": {"kty": "oct", "k": "czNjcmV0"},
    "an RSA key": pem(rsa.generate_private_key(65537, 2048)),
    "garbage": "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n",
    "a number": 7,
}


@pytest.mark.parametrize(
    "key", [key for key in NO_KEYS.values() if not callable(key)], ids=list(NO_KEYS)[:1] + list(NO_KEYS)[2:]
)
def test_what_is_no_private_key_for_the_algorithm_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client(key)
    assert str(caught.value) == "private_key= is not a private key for ES256; write PEM or a JWK"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES257", "", None, "es256"])
def test_an_algorithm_that_is_none_of_ours_is_refused_with_those_that_are(algorithm: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^algorithm=.* is not known; write one of RS256, .*, EdDSA$"):
        client(algorithm=algorithm)


def test_the_id_is_checked_as_for_all_clients() -> None:
    with pytest.raises(ConfigurationError, match=r"^client_id='' is none"):
        PrivateKeyJWT("", pem(KEY), algorithm="ES256")


@pytest.mark.parametrize("algorithm", ["ES256", "ES512"])
def test_a_key_of_another_curve_is_refused(algorithm: str) -> None:
    with pytest.raises(ConfigurationError, match=f"not a private key for {algorithm}"):
        client(pem(ec.generate_private_key(ec.SECP384R1())), algorithm=algorithm)
