"""The token, the client's secret and its key are told to the authorization server, and to nobody else."""

import copy
import pickle
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
    TLSClientAuth,
)
from tests.authorization_server.certificates import Authority
from tests.authorization_server.desk import Desk
from tests.authorization_server.loopback import document
from tests.authorization_server.telling import KEY, SECRET, TOKEN, causes, leaked, told, told_about

# --- where they come from ---


def raising() -> str:
    raise LookupError(f"vault says: {SECRET}")


async def raising_later() -> str:
    raise LookupError(f"vault says: {SECRET}")


@pytest.mark.parametrize("secret", [raising, raising_later])
@pytest.mark.parametrize("make", [ClientSecretBasic, ClientSecretPost, PrivateKeyJWT])
async def test_a_function_that_raises_tells_its_kind_and_none_of_its_words(
    desk: Desk, caplog: pytest.LogCaptureFixture, make: Any, secret: Callable[[], Any]
) -> None:
    text = await told_about(desk, make("api", secret), document({}), caplog)
    assert f"our own credentials are not to be had: {make.__name__}: LookupError" in text
    assert not leaked(SECRET, text) + leaked(TOKEN, text)
    assert not desk.hits


async def test_what_a_function_raised_is_not_kept_behind_the_error(desk: Desk) -> None:
    error: BaseException | None = await desk.failure(desk.server(ClientSecretBasic("api", raising)))
    while error is not None:
        assert not leaked(SECRET, str(error))
        error = error.__cause__ or error.__context__


async def test_nothing_of_the_request_is_kept_behind_an_error(desk: Desk, closed_port: int) -> None:
    away = desk.server(introspection_endpoint=f"http://127.0.0.1:{closed_port}/introspect")
    (_, cause) = causes(await desk.failure(away, TOKEN))
    assert (cause.__cause__, cause.__context__) == (None, None)


class Homemade:
    """A client authentication of a user's own, with a secret read from a file, line end and all."""

    client_id = "api"

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        headers["authorization"] = f"Bearer {SECRET[:5]}Kq7wXLong9\n"


async def test_a_header_that_cannot_be_sent_is_not_quoted(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    assert "Kq7wXLong9" not in await told_about(desk, Homemade(), document({}), caplog)


async def test_a_token_that_cannot_be_sent_to_userinfo_is_not_quoted(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await desk.server().userinfo(f"{TOKEN}\n", user_id="alice")
    assert not leaked(TOKEN, told(caught.value, caplog))


# --- the objects ---


@pytest.fixture
def clients(tmp_path: Any) -> list[Any]:
    files = Authority(tmp_path).issue("api", password=SECRET)
    return [
        ClientSecretBasic("api", SECRET),
        ClientSecretPost("api", SECRET),
        PrivateKeyJWT("api", KEY, algorithm="ES256"),
        TLSClientAuth("api", *files, password=SECRET),
        PublicClient("api"),
    ]


def test_a_client_shows_its_id_alone(clients: list[Any]) -> None:
    for client in clients:
        assert repr(client) == str(client) == f"{type(client).__name__}('api')"


@pytest.mark.parametrize("put_away", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_not_put_away(clients: list[Any], put_away: Callable[[Any], Any]) -> None:
    for client in clients:
        with pytest.raises(
            TypeError, match=f"^{type(client).__name__} holds a secret and is not to be pickled; make"
        ) as caught:
            put_away(client)
        assert not leaked(SECRET, str(caught.value))


def test_a_server_shows_its_issuer_alone(desk: Desk) -> None:
    server = desk.server(ClientSecretBasic("api", SECRET))
    assert repr(server) == f"AuthorizationServer({desk.web.url!r})"
    with pytest.raises(TypeError):
        pickle.dumps(server)
