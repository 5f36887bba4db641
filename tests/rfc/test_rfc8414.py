"""RFC 8414, OAuth 2.0 Authorization Server Metadata: what it asks of whoever reads a metadata document.

No concern of a resource server: 2 (all members but issuer and jwks_uri), 7 (registries). TLS itself (6.1) is tested on
real sockets in `tests/authorization_server/`.
"""

from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    BearerGuard,
    ConfigurationError,
    JWTValidator,
    Reason,
)
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.rfc.material import ACCEPTED, segment, verdict
from tests.rfc.metadata_host import Hosts, Page, page

ISSUER = "https://as.test"
URL = "https://as.test/.well-known/oauth-authorization-server"
JWKS_URI = "https://as.test/jwks"


def metadata(**changed: Any) -> Page:
    """The metadata of our issuer, with changes."""
    return page({"issuer": ISSUER, "jwks_uri": JWKS_URI, "response_types_supported": ["code"], **changed})


def guard_of(hosts: Hosts) -> BearerGuard:
    """A guard to which these hosts are all there is."""
    return BearerGuard(JWTValidator(AuthorizationServer(ISSUER, http_client=hosts.http_client), audience="api"))


async def keys_are_unavailable(guard: BearerGuard, token: str) -> str:
    """Asserts that nothing is known about the token, 503 and not 401, and gives the reason for the log."""
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await guard.validate(token)
    assert (caught.value.status, caught.value.reason) == (503, Reason.KEYS_UNAVAILABLE)
    return str(caught.value.__cause__)


# --- 2: the members ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "sentence"),
    [
        pytest.param("http://as.test", "plain http", id="2 an issuer begins with https"),
        pytest.param("https://as.test?tenant=a", "query", id="2 an issuer has no query"),
        pytest.param("https://as.test#a", "fragment", id="2 an issuer has no fragment"),
        pytest.param("as.test", "not a URL", id="2 an issuer is a URL"),
    ],
)
def test_what_cannot_be_an_issuer_is_a_wrong_configuration(issuer: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        AuthorizationServer(issuer)


async def test_2_members_that_are_not_understood_are_ignored_and_kept() -> None:
    found = await Hosts({URL: metadata(unheard_of={"a": [1]})}).metadata(ISSUER)
    assert (found.issuer, found.jwks_uri) == (ISSUER, JWKS_URI)
    assert found.document["unheard_of"] == {"a": (1,)}


async def test_2_1_signed_metadata_is_ignored_where_it_is_not_supported() -> None:
    claims = {"iss": ISSUER, "issuer": ISSUER, "jwks_uri": "https://mallory.test/jwks"}
    statement = f"{segment({'alg': 'none'})}.{segment(claims)}."
    found = await Hosts({URL: metadata(signed_metadata=statement)}).metadata(ISSUER)
    assert found.jwks_uri == JWKS_URI


@pytest.mark.parametrize(
    "jwks_uri",
    [
        pytest.param(None, id="2 null"),
        pytest.param(7, id="2 a number"),
        pytest.param([JWKS_URI], id="2 an array"),
        pytest.param("http://as.test/jwks", id="2 plain http"),
        pytest.param("/jwks", id="2 relative"),
        pytest.param("file:///etc/jwks", id="2 another scheme"),
    ],
)
async def test_keys_without_a_good_jwks_uri_are_not_fetched(jwks_uri: object, issuer: FakeIssuer) -> None:
    hosts = Hosts({URL: metadata(jwks_uri=jwks_uri), "http://as.test/jwks": page(issuer.jwks())})
    why = await keys_are_unavailable(guard_of(hosts), issuer.token(iss=ISSUER))
    assert why.endswith("its metadata has no usable jwks_uri: give one with jwks_uri=")
    assert all("/.well-known/" in asked for asked in hosts.asked)  # metadata, and no keys


async def test_2_the_rest_of_a_document_without_jwks_uri_is_of_use() -> None:
    found = await Hosts({URL: metadata(jwks_uri=None, introspection_endpoint=f"{ISSUER}/introspect")}).metadata(ISSUER)
    assert (found.jwks_uri, found.introspection_endpoint) == (None, f"{ISSUER}/introspect")


@pytest.mark.parametrize(
    "jwks_uri",
    [
        pytest.param("https://[", id="2 half an address"),
        pytest.param("https:///jwks", id="2 no host"),
        pytest.param("https://as.test:99999/jwks", id="2 an impossible port"),
        pytest.param("https://user:secret@as.test/jwks", id="2 a password in it"),
    ],
)
async def test_a_jwks_uri_that_is_no_url_costs_an_outage_and_no_accident(jwks_uri: str, issuer: FakeIssuer) -> None:
    hosts = Hosts({URL: metadata(jwks_uri=jwks_uri)})
    await keys_are_unavailable(guard_of(hosts), issuer.token(iss=ISSUER))
    assert all("/.well-known/" in asked for asked in hosts.asked)  # metadata, and no keys


# --- 3.1: asking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        pytest.param("https://as.test", URL, id="3.1 no path"),
        pytest.param("https://as.test/", URL, id="3.1 a terminating slash is removed"),
        pytest.param("https://as.test/issuer1", f"{URL}/issuer1", id="3.1 the path follows"),
        pytest.param("https://as.test/a/b", f"{URL}/a/b", id="3.1 a longer path follows"),
        pytest.param("https://as.test/issuer1/", f"{URL}/issuer1", id="3.1 its terminating slash is removed"),
        pytest.param("https://as.test:8443/a", URL.replace("test/", "test:8443/") + "/a", id="3.1 the port stays"),
    ],
)
async def test_the_well_known_name_is_inserted_between_host_and_path(issuer: str, url: str) -> None:
    hosts = Hosts({url: page({"issuer": issuer, "jwks_uri": JWKS_URI})})
    assert (await hosts.metadata(issuer)).jwks_uri == JWKS_URI
    assert hosts.asked == [f"GET {url}"]


async def test_3_1_issuers_that_share_a_host_have_documents_and_keys_of_their_own(
    signing_keys: dict[str, SigningKey],
) -> None:
    ours, theirs = FakeIssuer("https://as.test/ours"), FakeIssuer("https://as.test/theirs")
    for issuer in (ours, theirs):
        issuer._keys = {**signing_keys, "ES256": SigningKey("ES256")}
    guard = BearerGuard(JWTValidator(ours.server, audience="api"))
    assert await verdict(guard, ours.token(alg="ES256")) is ACCEPTED
    assert await verdict(guard, theirs.token(alg="ES256")) is Reason.ISSUER_MISMATCH
    assert await verdict(guard, theirs.token(alg="ES256", iss=ours.issuer)) is Reason.UNKNOWN_KEY


# --- 3.2: the answer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(Page(b"{}", 404), "answered 404", id="3.2 404"),
        pytest.param(Page(b"{}", 500), "answered 500", id="3.2 500"),
        pytest.param(Page(metadata().body, 201), "answered 201", id="3.2 201 with a document"),
        pytest.param(Page(metadata().body, 302), "answered 302", id="3.2 a redirect with a document"),
        pytest.param(Page(b"<!doctype html>", content_type="text/html"), "not a JSON object", id="3.2 200 with HTML"),
        pytest.param(Page(b""), "not a JSON object", id="3.2 200 with nothing"),
        pytest.param(page([ISSUER]), "not a JSON object", id="3.2 200 with an array"),
        pytest.param(
            Page(metadata().body[:-1] + b', "issuer": "https://as.test"}'),
            "not a JSON object",
            id="3.2 a member twice",
        ),
    ],
)
async def test_only_a_200_with_a_json_object_is_a_document(answer: Page, why: str) -> None:
    assert why in await Hosts({URL: answer}).why_there_is_none(ISSUER)


# --- 3.3, 4, 6.2: whose document it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named",
    [
        pytest.param("https://mallory.test", id="6.2 another"),
        pytest.param("https://as.test/", id="3.3 a slash more"),
        pytest.param("https://AS.test", id="3.3 other case"),
        pytest.param("https://as.test:443", id="3.3 the default port written out"),
        pytest.param("http://as.test", id="3.3 another scheme"),
        pytest.param(" https://as.test", id="3.3 a space in front"),
        pytest.param("https://as.test\u200b", id="4 an invisible character"),
        pytest.param("https://\uff41s.test", id="4 no Unicode normalization"),
        pytest.param(None, id="3.3 null"),
        pytest.param([ISSUER], id="3.3 an array"),
    ],
)
async def test_the_issuer_in_the_document_is_identical_with_ours(named: object) -> None:
    assert "its issuer is" in await Hosts({URL: metadata(issuer=named)}).why_there_is_none(ISSUER)


async def test_3_3_a_document_that_names_no_issuer_is_not_used() -> None:
    assert "its issuer is None" in await Hosts({URL: page({"jwks_uri": JWKS_URI})}).why_there_is_none(ISSUER)


async def test_3_3_the_comparison_holds_for_a_metadata_url_of_our_own_choice() -> None:
    inside = "https://inside.test/metadata"
    hosts = Hosts({inside: metadata()})
    assert (await hosts.metadata(ISSUER, metadata_url=inside)).jwks_uri == JWKS_URI
    assert hosts.asked == [f"GET {inside}"]  # and nowhere else
    with pytest.raises(AuthorizationServerUnavailable):
        await hosts.metadata("https://other.test", metadata_url=inside)


async def test_6_2_the_keys_of_a_document_that_is_not_ours_are_never_fetched(issuer: FakeIssuer) -> None:
    elsewhere = "https://mallory.test/jwks"
    hosts = Hosts(
        {URL: metadata(issuer="https://mallory.test", jwks_uri=elsewhere), elsewhere: page(issuer.jwks())},
    )
    await keys_are_unavailable(guard_of(hosts), issuer.token(iss=ISSUER))
    assert f"GET {elsewhere}" not in hosts.asked
