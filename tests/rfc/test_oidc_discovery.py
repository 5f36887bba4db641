"""OpenID Connect Discovery 1.0: what it asks of whoever reads a provider's configuration.

No concern of a resource server: 2 (WebFinger), 3 (all members but issuer and jwks_uri), 5 (languages), 8 (registries).
"""

from typing import Any

import httpx
import pytest

from bearer_guard import AuthorizationServer, AuthorizationServerUnavailable, BearerGuard, JWTValidator, Reason
from bearer_guard.testing import FakeIssuer
from tests.rfc.material import ACCEPTED, verdict
from tests.rfc.metadata_host import Hosts, Page, page

ISSUER = "https://op.test"
URL = "https://op.test/.well-known/openid-configuration"
URL_OF_RFC_8414 = "https://op.test/.well-known/oauth-authorization-server"
JWKS_URI = "https://op.test/jwks"


def configuration(**changed: Any) -> Page:
    """The configuration of our provider, with changes."""
    return page({"issuer": ISSUER, "jwks_uri": JWKS_URI, "subject_types_supported": ["public"], **changed})


def guard_of(hosts: Hosts, issuer: FakeIssuer) -> BearerGuard:
    """A guard to which these hosts are all there is."""
    server = AuthorizationServer(issuer.issuer, http_client=hosts.http_client, clock=issuer.clock)
    return BearerGuard(JWTValidator(server, audience="api"))


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        pytest.param("https://op.test", URL, id="4 no path"),
        pytest.param("https://op.test/", URL, id="4 a terminating slash is removed"),
        pytest.param("https://op.test/a", "https://op.test/a/.well-known/openid-configuration", id="4.1 behind a path"),
        pytest.param(
            "https://op.test/a/b/",
            "https://op.test/a/b/.well-known/openid-configuration",
            id="4.1 its slash is removed",
        ),
    ],
)
async def test_the_well_known_name_is_appended_to_the_issuer(issuer: str, url: str) -> None:
    hosts = Hosts({url: page({"issuer": issuer, "jwks_uri": JWKS_URI})})
    assert (await hosts.metadata(issuer)).jwks_uri == JWKS_URI
    assert hosts.asked[-1] == f"GET {url}"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(Page(b"", 404), id="4 there is none"),
        pytest.param(Page(b"", 403), id="4 it is forbidden"),
        pytest.param(Page(b"", 500), id="4 it fails"),
        pytest.param(Page(b"<!doctype html>", content_type="text/html"), id="4 every path answers with a page"),
        pytest.param(page({"issuer": "https://other.test", "jwks_uri": JWKS_URI}), id="4 it belongs to another"),
        pytest.param(page({"issuer": ISSUER}), id="4 it names no keys"),
    ],
)
async def test_the_configuration_is_asked_for_where_rfc_8414_brings_nothing(first: Page) -> None:
    hosts = Hosts({URL_OF_RFC_8414: first, URL: configuration()})
    assert (await hosts.metadata(ISSUER)).jwks_uri == JWKS_URI
    assert hosts.asked == [f"GET {URL_OF_RFC_8414}", f"GET {URL}"]


async def test_4_a_provider_that_cannot_be_reached_is_not_asked_twice() -> None:
    asked: list[str] = []

    class Away(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            raise httpx.ConnectError("nobody there", request=request)

    server = AuthorizationServer(ISSUER, http_client=lambda: httpx.AsyncClient(transport=Away()))
    with pytest.raises(AuthorizationServerUnavailable):
        await server.metadata()
    assert asked == [URL_OF_RFC_8414]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(Page(b"", 204), "answered 204", id="4.2 not 200"),
        pytest.param(Page(b"<html>"), "not a JSON object", id="4.2 not JSON"),
        pytest.param(page("issuer"), "not a JSON object", id="4.2 no object"),
        pytest.param(configuration(issuer="https://op.test/"), "its issuer is", id="4.3 the issuer is not identical"),
        pytest.param(page({"jwks_uri": JWKS_URI}), "its issuer is", id="4.3 without issuer"),
    ],
)
async def test_what_is_not_our_providers_configuration_is_not_used(answer: Page, why: str) -> None:
    assert why in await Hosts({URL: answer}).why_there_is_none(ISSUER)


@pytest.mark.parametrize(
    "jwks_uri",
    [pytest.param(None, id="3 without jwks_uri"), pytest.param("http://op.test/jwks", id="3 over plain http")],
)
async def test_keys_that_the_configuration_does_not_place_are_not_fetched(
    jwks_uri: str | None, issuer: FakeIssuer
) -> None:
    hosts = Hosts({URL: configuration(jwks_uri=jwks_uri), "http://op.test/jwks": page(issuer.jwks())})
    server = AuthorizationServer(ISSUER, http_client=hosts.http_client, clock=issuer.clock)
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await BearerGuard(JWTValidator(server, audience="api")).validate(issuer.token(iss=ISSUER))
    assert (caught.value.status, caught.value.reason) == (503, Reason.KEYS_UNAVAILABLE)
    assert str(caught.value.__cause__).endswith("its metadata has no usable jwks_uri: give one with jwks_uri=")
    assert hosts.asked == [f"GET {URL_OF_RFC_8414}", f"GET {URL}"]  # metadata, and no keys


async def test_4_3_the_iss_of_tokens_is_the_issuer_of_the_configuration(issuer: FakeIssuer) -> None:
    hosts = Hosts(
        {
            f"{issuer.issuer}/.well-known/openid-configuration": page(issuer.metadata()),
            f"{issuer.issuer}/jwks": page(issuer.jwks()),
        }
    )
    guard = guard_of(hosts, issuer)
    assert await verdict(guard, issuer.token()) is ACCEPTED
    assert await verdict(guard, issuer.token(iss=f"{issuer.issuer}/")) is Reason.ISSUER_MISMATCH


async def test_3_the_keys_may_lie_on_another_host(issuer: FakeIssuer) -> None:
    elsewhere = "https://keys.test/all?version=2"
    hosts = Hosts(
        {
            f"{issuer.issuer}/.well-known/openid-configuration": page({**issuer.metadata(), "jwks_uri": elsewhere}),
            elsewhere: page(issuer.jwks()),
        }
    )
    assert await verdict(guard_of(hosts, issuer), issuer.token()) is ACCEPTED
    assert hosts.asked[-1] == f"GET {elsewhere}"
