"""RFC 7523, JWT Profile for OAuth 2.0 Client Authentication: what a client puts into an assertion about itself.

No concern of a resource server: 2.1 and 3.1 (grants), 7 (registries). The assertions are verified with PyJWT alone, as
an authorization server would.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    ConfigurationError,
    IntrospectionValidator,
    PrivateKeyJWT,
)
from bearer_guard.jose import ALGORITHMS
from bearer_guard.testing import MovableClock, SigningKey

ISSUER = "https://as.test"
ENDPOINT = "https://as.test/introspect"
CLIENT = "orders-api"


def pem(key: SigningKey) -> bytes:
    content: bytes = key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return content


class Server:
    """An authorization server that knows one key of its client's. `requests`: what arrived."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.clock = MovableClock()
        self.requests: list[httpx.Request] = []
        self.status = 200

    async def asked_by(self, client_auth: PrivateKeyJWT) -> None:
        server = AuthorizationServer(
            ISSUER,
            introspection_endpoint=ENDPOINT,
            client_auth=client_auth,
            http_client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(self._answer)),
            clock=self.clock,
        )
        await IntrospectionValidator(server, audience="api").validate("an-opaque-token")

    @property
    def form(self) -> list[tuple[str, str]]:
        """The parameters of the last request."""
        return parse_qsl(self.requests[-1].content.decode(), strict_parsing=True)

    @property
    def assertion(self) -> str:
        [assertion] = [value for name, value in self.form if name == "client_assertion"]
        return assertion

    def verified(self, audience: str = ISSUER) -> dict[str, Any]:
        """The claims of the last assertion, after all that section 3 wants to be checked."""
        claims: dict[str, Any] = jwt.decode(
            self.assertion,
            self.key.private_key.public_key(),
            algorithms=[self.key.algorithm],
            audience=audience,
            issuer=CLIENT,
            options={"require": ["iss", "sub", "aud", "exp"]},
        )
        return claims

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.status != 200:
            return httpx.Response(self.status, json={"error": "invalid_client"})
        return httpx.Response(200, json={"active": True, "aud": "api", "exp": 32_503_680_000})


@pytest.fixture
def key(signing_keys: dict[str, SigningKey]) -> SigningKey:
    return signing_keys["RS256"]


@pytest.fixture
def server(key: SigningKey) -> Server:
    return Server(key)


# --- 2.2: the parameters ----------------------------------------------------------------------------------------------


async def test_2_2_the_assertion_and_its_type_stand_in_the_form(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    names = [name for name, _ in server.form]
    assert sorted(names) == ["client_assertion", "client_assertion_type", "client_id", "token", "token_type_hint"]
    assert dict(server.form)["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def test_2_2_it_is_one_jwt(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert server.assertion.count(".") == 2
    assert not {" ", ",", "~", "="} & set(server.assertion)


async def test_2_2_no_other_method_is_used_beside_it(server: Server, key: SigningKey) -> None:
    # RFC 7521 section 4.2, and RFC 6749 section 2.3: one method in each request.
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert "authorization" not in server.requests[-1].headers
    assert "client_secret" not in dict(server.form)


async def test_2_2_a_client_id_beside_it_names_the_same_client(server: Server, key: SigningKey) -> None:
    # RFC 7521 section 4.2: it need not stand there.
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert dict(server.form)["client_id"] == server.verified()["sub"]


# --- 3: the claims ----------------------------------------------------------------------------------------------------


async def test_3_iss_and_sub_are_the_client_and_aud_is_the_server(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    claims = server.verified()
    assert {name: claims[name] for name in ("iss", "sub", "aud")} == {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER}


@pytest.mark.parametrize(
    "audience",
    [pytest.param(ENDPOINT, id="3.3 an endpoint"), pytest.param(f"{ISSUER}/token", id="3.3 another endpoint")],
)
async def test_aud_is_what_the_server_wants_to_be_called(audience: str, server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key), audience=audience))
    assert server.verified(audience)["aud"] == audience
    with pytest.raises(jwt.InvalidAudienceError):
        server.verified()


async def test_3_4_it_expires_soon(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert 0 < server.verified()["exp"] - server.clock.time() <= 300


async def test_3_5_and_3_6_it_is_neither_for_later_nor_from_then(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    claims = server.verified()
    assert claims["iat"] <= server.clock.time()
    assert claims.get("nbf", claims["iat"]) <= server.clock.time()


async def test_3_times_are_whole_seconds_of_the_servers_clock(server: Server, key: SigningKey) -> None:
    server.clock.advance(-20)
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    claims = server.verified()
    assert [type(claims[name]) for name in ("iat", "exp")] == [int, int]
    assert abs(claims["iat"] - server.clock.time()) < 5


async def test_3_7_it_is_used_once(server: Server, key: SigningKey) -> None:
    client_auth, identifiers = PrivateKeyJWT(CLIENT, pem(key)), set()
    for _ in range(20):
        await server.asked_by(client_auth)
        identifiers.add(server.verified()["jti"])
    assert len(identifiers) == 20
    assert all(len(identifier) >= 16 for identifier in identifiers)


@pytest.mark.parametrize("algorithm", [pytest.param(name, id=f"3.9 {name}") for name in ALGORITHMS])
async def test_it_is_signed_with_the_clients_key(algorithm: str, signing_keys: dict[str, SigningKey]) -> None:
    key = signing_keys[algorithm]
    server = Server(key)
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key), algorithm=algorithm, key_id="2026-1"))
    assert server.verified()["sub"] == CLIENT
    assert jwt.get_unverified_header(server.assertion) == {"alg": algorithm, "typ": "JWT", "kid": "2026-1"}


async def test_3_9_another_key_does_not_do(server: Server) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(SigningKey("RS256"))))
    with pytest.raises(jwt.InvalidSignatureError):
        server.verified()


@pytest.mark.parametrize(
    "algorithm", [pytest.param(name, id=f"3.9 {name}") for name in ("none", "None", "HS256", "rs256", "", "RSA1_5")]
)
def test_it_is_never_signed_with_nothing_or_with_a_shared_secret(algorithm: str, key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="is not known; write one of RS256"):
        PrivateKeyJWT(CLIENT, pem(key), algorithm=algorithm)


async def test_5_rs256_is_what_every_server_understands(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert jwt.get_unverified_header(server.assertion) == {"alg": "RS256", "typ": "JWT"}


# --- 3.2: when it is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [pytest.param(status, id=f"3.2 {status}") for status in (400, 401)])
async def test_a_refused_assertion_is_our_fault_and_not_the_tokens(
    status: int, server: Server, key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = status
    with pytest.raises(AuthorizationServerUnavailable) as unknown:
        await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert "(invalid_client): it does not accept our own credentials" in str(unknown.value.__cause__)
    assert server.assertion not in str(unknown.value.__cause__) + caplog.text


# --- 6: security ------------------------------------------------------------------------------------------------------


async def test_6_it_tells_nothing_of_the_token_and_nothing_of_the_key(server: Server, key: SigningKey) -> None:
    await server.asked_by(PrivateKeyJWT(CLIENT, pem(key)))
    assert set(server.verified()) == {"iss", "sub", "aud", "exp", "iat", "jti"}


@pytest.mark.parametrize("is_async", [False, True], ids=["6 a function", "6 a coroutine function"])
async def test_a_key_is_exchanged_without_a_restart(
    server: Server, key: SigningKey, signing_keys: dict[str, SigningKey], *, is_async: bool
) -> None:
    keys = [pem(key)]

    async def later() -> bytes:
        return keys[-1]

    newest: Callable[[], Any] = later if is_async else lambda: keys[-1]
    client_auth = PrivateKeyJWT(CLIENT, newest)
    await server.asked_by(client_auth)
    assert server.verified()
    server.key = SigningKey("RS256")
    keys.append(pem(server.key))
    await server.asked_by(client_auth)
    assert server.verified()
