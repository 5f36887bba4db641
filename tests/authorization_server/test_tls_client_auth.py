"""tls_client_auth (RFC 8705): a real server with mutual TLS, which reads the certificate that we show."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bearer_guard import (
    AuthorizationServer,
    ClientSecretBasic,
    ConfigurationError,
    PublicClient,
    TLSClientAuth,
)
from tests.authorization_server.certificates import Authority
from tests.authorization_server.desk import ACTIVE, TOKEN, Desk
from tests.authorization_server.loopback import LoopbackServer, document

CLIENT = "orders-api"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts, as the administrator of a machine says it."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.fixture
async def mutual(authority: Authority) -> AsyncIterator[Desk]:
    """An authorization server that speaks to nobody without a certificate of this authority."""
    web = LoopbackServer(authority.for_a_server(asks_for_certificates=True))
    await web.start()
    desk = Desk(web)
    yield desk
    await desk.aclose()
    await web.stop()


async def test_the_certificate_is_shown_and_the_id_is_in_the_form(authority: Authority, mutual: Desk) -> None:
    asked = await mutual.question(TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    assert asked.certificate == CLIENT
    assert asked.form == {"token": TOKEN, "token_type_hint": "access_token", "client_id": CLIENT}
    assert "authorization" not in asked.headers


async def test_the_key_may_be_locked(authority: Authority, mutual: Desk) -> None:
    client = TLSClientAuth(CLIENT, *authority.issue(CLIENT, password="s3cret"), password="s3cret")
    assert (await mutual.question(client)).certificate == CLIENT


async def test_certificate_and_key_may_be_one_file(authority: Authority, mutual: Desk) -> None:
    assert (await mutual.question(TLSClientAuth(CLIENT, authority.issue_in_one(CLIENT)))).certificate == CLIENT


async def test_userinfo_is_asked_with_the_certificate_too(authority: Authority, mutual: Desk) -> None:
    server = mutual.server(TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    assert await server.userinfo("token", user_id="alice")
    assert mutual.asked.certificate == CLIENT


async def test_the_certificate_may_be_shown_by_a_client_of_ones_own(authority: Authority, mutual: Desk) -> None:
    context = ssl.create_default_context(cafile=authority.file)
    context.load_cert_chain(*authority.issue(CLIENT))
    asked = await mutual.question(TLSClientAuth(CLIENT), http_client=lambda: httpx.AsyncClient(verify=context))
    assert (asked.certificate, asked.form["client_id"]) == (CLIENT, CLIENT)


async def test_a_server_that_wants_a_certificate_and_gets_none_is_a_503(authority: Authority, mutual: Desk) -> None:
    context = ssl.create_default_context(cafile=authority.file)
    server = mutual.server(PublicClient(CLIENT), http_client=lambda: httpx.AsyncClient(verify=context))
    assert "Error" in await mutual.why(server)
    assert not mutual.hits["/introspect"]


async def test_a_server_of_an_authority_that_is_not_trusted_never_sees_the_token(
    authority: Authority, mutual: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    server = mutual.server(TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    assert "CERTIFICATE_VERIFY_FAILED" in await mutual.why(server)
    assert not mutual.hits


# --- where such clients ask (RFC 8705 section 5) ---


def published(web: LoopbackServer, mutual: Desk, **members: Any) -> None:
    aliases = {"introspection_endpoint": f"{mutual.web.url}/introspect"}
    described = {"issuer": web.url, "introspection_endpoint": f"{web.url}/introspect", "jwks_uri": f"{web.url}/jwks"}
    web.answers["/.well-known/oauth-authorization-server"] = document(
        {**described, "mtls_endpoint_aliases": aliases, **members}
    )
    web.answers["/introspect"] = document(ACTIVE)


async def test_clients_with_a_certificate_ask_at_the_alias(
    web: LoopbackServer, authority: Authority, mutual: Desk
) -> None:
    published(web, mutual)
    server = AuthorizationServer(web.url, client_auth=TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    mutual.servers.append(server)
    assert await server.introspect("token") == ACTIVE
    assert (mutual.asked.certificate, web.hits["/introspect"]) == (CLIENT, 0)


async def test_clients_without_a_certificate_do_not(web: LoopbackServer, mutual: Desk) -> None:
    published(web, mutual)
    server = AuthorizationServer(web.url, client_auth=ClientSecretBasic("api", "secret"))
    mutual.servers.append(server)
    assert await server.introspect("token") == ACTIVE
    assert (web.hits["/introspect"], mutual.web.connections) == (1, 0)


async def test_without_an_alias_they_ask_where_everybody_does(
    web: LoopbackServer, authority: Authority, mutual: Desk
) -> None:
    published(web, mutual, mtls_endpoint_aliases={"token_endpoint": f"{mutual.web.url}/token"})
    server = AuthorizationServer(web.url, client_auth=TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    mutual.servers.append(server)
    assert await server.introspect("token") == ACTIVE
    assert (web.hits["/introspect"], mutual.web.connections) == (1, 0)


async def test_an_alias_alone_will_do(web: LoopbackServer, authority: Authority, mutual: Desk) -> None:
    published(web, mutual, introspection_endpoint=None)
    server = AuthorizationServer(web.url, client_auth=TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    mutual.servers.append(server)
    assert await server.introspect(TOKEN) == ACTIVE


async def test_an_endpoint_given_by_hand_comes_before_the_alias(
    web: LoopbackServer, authority: Authority, mutual: Desk
) -> None:
    published(web, mutual)
    client = TLSClientAuth(CLIENT, *authority.issue(CLIENT))
    server = AuthorizationServer(web.url, client_auth=client, introspection_endpoint=f"{web.url}/introspect")
    mutual.servers.append(server)
    assert await server.introspect("token") == ACTIVE
    assert mutual.web.connections == 0


# --- construction, and files that change ---


@pytest.mark.parametrize(
    "which", ["no certificate", "no key", "another key", "no PEM", "a locked key", "a wrong password"]
)
def test_what_cannot_be_loaded_is_said_at_construction(authority: Authority, tmp_path: Path, which: str) -> None:
    certificate, key = authority.issue(CLIENT)
    (tmp_path / "text").write_text("s3cret")
    locked = authority.issue("locked", password="s3cret")
    files: dict[str, tuple[Any, ...]] = {
        "no certificate": (str(tmp_path / "missing"), key, None),
        "no key": (certificate, str(tmp_path / "missing"), None),
        "another key": (certificate, authority.issue("other")[1], None),
        "no PEM": (str(tmp_path / "text"), key, None),
        "a locked key": (*locked, None),
        "a wrong password": (*locked, "wr0ng"),
    }
    *paths, password = files[which]
    with pytest.raises(ConfigurationError) as caught:
        TLSClientAuth(CLIENT, *paths, password=password)
    sentence = str(caught.value)
    assert sentence.startswith("TLSClientAuth cannot load the certificate (")
    assert sentence.endswith("); give the paths of two PEM files")
    assert not [word for word in ("s3cret", "wr0ng") if word in sentence]


def test_a_certificate_is_shown_by_one_of_two_and_not_by_both_or_neither(authority: Authority) -> None:
    ours, bare = TLSClientAuth(CLIENT, *authority.issue(CLIENT)), TLSClientAuth(CLIENT)
    assert (ours.has_certificate, bare.has_certificate) == (True, False)
    for options in ({"client_auth": bare}, {"client_auth": ours, "http_client": httpx.AsyncClient}):
        with pytest.raises(ConfigurationError, match=r"^a client certificate is shown either by ours or by your own"):
            AuthorizationServer("https://id.example.com", **options)


def test_a_key_without_a_certificate_is_refused(authority: Authority) -> None:
    with pytest.raises(ConfigurationError):
        TLSClientAuth(CLIENT, private_key=authority.issue(CLIENT)[1])


async def test_a_certificate_that_is_gone_when_it_is_needed_is_a_503(authority: Authority, mutual: Desk) -> None:
    server = mutual.server(TLSClientAuth(CLIENT, *authority.issue(CLIENT)))
    authority.withdraw(CLIENT)
    why = await mutual.why(server)
    assert why.startswith("no client to ask with: TLSClientAuth cannot load the certificate (FileNotFoundError); give")
