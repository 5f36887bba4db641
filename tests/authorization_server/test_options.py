"""The options with which an authorization server is asked about tokens: what is wrong is said at construction."""

from typing import Any

import httpx
import pytest

from bearer_guard import AuthorizationServer, ClientSecretBasic, ConfigurationError, PublicClient, StaticKeys
from bearer_guard.testing import SigningKey

ISSUER = "https://id.example.com"
KEYS = StaticKeys({"keys": [SigningKey("ES256").public_jwk()]})
NO_CLIENT = r"^client_auth= takes a way to authenticate; write client_auth=ClientSecretBasic\('orders-api', secret\)$"


class Synchronous:
    """It has the attribute, and it is none that can be called."""

    authenticate = "s3cret"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "introspection no URL": (
        {"introspection_endpoint": "/introspect"},
        r"^introspection_endpoint '/introspect' is not a URL; write one that begins with https://$",
    ),
    "introspection empty": ({"introspection_endpoint": ""}, r"^introspection_endpoint '' is not a URL"),
    "introspection an object": (
        {"introspection_endpoint": httpx.URL(ISSUER)},
        r"^introspection_endpoint URL\(.* is not a",
    ),
    "introspection plain http": (
        {"introspection_endpoint": "http://keycloak:8080/introspect"},
        r"^introspection_endpoint 'http://keycloak:8080/introspect' is plain http, .* or allow_insecure_http=True",
    ),
    "introspection with a user": (
        {"introspection_endpoint": "https://me:s3cret@id.example.com/introspect"},
        r"^introspection_endpoint 'https://id.example.com/introspect' must have neither a user nor a fragment; leave",
    ),
    "userinfo no URL": ({"userinfo_endpoint": "userinfo"}, r"^userinfo_endpoint 'userinfo' is not a URL"),
    "userinfo plain http": ({"userinfo_endpoint": "http://keycloak/me"}, r"^userinfo_endpoint .* is plain http"),
    "userinfo with a fragment": ({"userinfo_endpoint": f"{ISSUER}/me#s3cret"}, r"neither a user nor a fragment"),
    "a pair": ({"client_auth": ("api", "s3cret")}, NO_CLIENT),
    "a secret": ({"client_auth": "s3cret"}, NO_CLIENT),
    "a class": ({"client_auth": PublicClient}, NO_CLIENT),
    "nothing that can be called": ({"client_auth": Synchronous()}, NO_CLIENT),
    "what httpx takes": ({"client_auth": httpx.BasicAuth("api", "s3cret")}, NO_CLIENT),
    "an issuer that is none, with an endpoint": (
        {"issuer": "", "introspection_endpoint": f"{ISSUER}/introspect"},
        r"^issuer '' is no issuer",
    ),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_at_construction(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        AuthorizationServer(**{"issuer": ISSUER, **options})
    assert "s3cret" not in str(caught.value)


RIGHT: dict[str, dict[str, Any]] = {
    "endpoints by hand": {"introspection_endpoint": f"{ISSUER}/introspect", "userinfo_endpoint": f"{ISSUER}/me"},
    "on another host, with a query": {"introspection_endpoint": "https://auth.example.net/introspect?tenant=a"},
    "on loopback": {"introspection_endpoint": "http://localhost:8080/introspect"},
    "plain http by a long word": {
        "introspection_endpoint": "http://keycloak:8080/introspect",
        "allow_insecure_http": True,
    },
    # A name that cannot be searched, and an endpoint that need not be.
    "issuer no URL": {"issuer": "accounts", "introspection_endpoint": f"{ISSUER}/introspect"},
    "issuer plain http": {"issuer": "http://id.example.com", "introspection_endpoint": f"{ISSUER}/introspect"},
    "with keys at hand": {"keys": KEYS, "introspection_endpoint": f"{ISSUER}/introspect"},
    "with the place of the keys": {"jwks_uri": f"{ISSUER}/jwks", "introspection_endpoint": f"{ISSUER}/introspect"},
    "a client": {"client_auth": ClientSecretBasic("api", "s3cret")},
}


@pytest.mark.parametrize("options", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_taken_as_it_stands(options: dict[str, Any]) -> None:
    server = AuthorizationServer(**{"issuer": ISSUER, **options})
    assert server.introspection_endpoint == options.get("introspection_endpoint")
    assert server.client_auth is options.get("client_auth")


def test_a_client_authentication_of_ones_own_is_taken() -> None:
    class Mine:
        client_id = "api"

        async def authenticate(self, form: Any, headers: Any, *, issuer: str, now: float) -> None:
            headers["authorization"] = "Mine"

    server = AuthorizationServer(ISSUER, client_auth=Mine())
    server.require("introspection_endpoint")
