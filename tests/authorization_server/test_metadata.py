"""The metadata document: where it is looked for, and which one is believed."""

from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard.authorization_server.http import Door, NoAnswer
from bearer_guard.authorization_server.metadata import Metadata, discover, metadata_urls
from bearer_guard.tokens import Claims
from tests.authorization_server.conftest import Answer, LoopbackServer, document, reply, silence

RFC_8414 = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"

PLACES = {  # RFC 8414 section 3.1; OpenID Connect Discovery 1.0 section 4
    "https://id.example.com": (f"https://id.example.com{RFC_8414}", f"https://id.example.com{OPENID}"),
    "https://id.example.com/": (f"https://id.example.com{RFC_8414}", f"https://id.example.com{OPENID}"),
    "https://id.example.com:8443": (f"https://id.example.com:8443{RFC_8414}", f"https://id.example.com:8443{OPENID}"),
    "https://id.example.com/realms/a": (
        f"https://id.example.com{RFC_8414}/realms/a",
        f"https://id.example.com/realms/a{OPENID}",
    ),
    "https://id.example.com/realms/a/": (
        f"https://id.example.com{RFC_8414}/realms/a",
        f"https://id.example.com/realms/a{OPENID}",
    ),
    "http://[::1]:9000/oauth2/default": (
        f"http://[::1]:9000{RFC_8414}/oauth2/default",
        f"http://[::1]:9000/oauth2/default{OPENID}",
    ),
    "https://id.example.com/a%2Fb": (
        f"https://id.example.com{RFC_8414}/a%2Fb",
        f"https://id.example.com/a%2Fb{OPENID}",
    ),
}


@pytest.mark.parametrize(("issuer", "urls"), PLACES.items(), ids=PLACES)
def test_the_path_is_behind_the_inserted_name_and_before_the_appended_one(issuer: str, urls: tuple[str, str]) -> None:
    assert metadata_urls(issuer) == urls


def about(issuer: str, /, **members: Any) -> dict[str, Any]:
    return {"issuer": issuer, "jwks_uri": f"{issuer}/jwks", **members}


@pytest.mark.parametrize("path", ["", "/", "/realms/a", "/realms/a/"])
async def test_the_rfc_8414_form_is_asked_first_and_suffices(web: LoopbackServer, path: str) -> None:
    issuer = web.url + path
    web.answers[RFC_8414 + path.rstrip("/")] = document(about(issuer, scopes_supported=["a"]))
    expected = Claims({**about(issuer), "scopes_supported": ("a",)})
    assert await discover(Door(), issuer) == Metadata(issuer, f"{issuer}/jwks", expected)
    assert sum(web.hits.values()) == 1


NOT_THERE = {
    "404": reply(status=404),
    "500": reply(status=500),
    "redirect to a login": reply(status=302, location="/login"),
    "HTML of a single-page app": reply(b"<!doctype html>", content_type="text/html"),
    "compressed": reply(b"{}", content_encoding="gzip"),
    "document of another issuer": document(about("https://other.example.com")),
}


@pytest.mark.parametrize("answer", NOT_THERE.values(), ids=NOT_THERE)
async def test_what_is_no_document_of_ours_falls_through_to_the_openid_form(
    web: LoopbackServer, answer: Answer
) -> None:
    issuer = f"{web.url}/realms/a"
    web.answers[f"{RFC_8414}/realms/a"] = answer
    web.answers[f"/realms/a{OPENID}"] = document(about(issuer))
    assert (await discover(Door(), issuer)).jwks_uri == f"{issuer}/jwks"
    assert list(web.hits) == [f"{RFC_8414}/realms/a", f"/realms/a{OPENID}"]


async def test_a_document_without_the_place_of_the_keys_falls_through_too(web: LoopbackServer) -> None:
    web.answers[RFC_8414] = document({"issuer": web.url})
    web.answers[OPENID] = document(about(web.url))
    assert (await discover(Door(), web.url)).jwks_uri == f"{web.url}/jwks"


async def test_where_neither_form_is_there_both_are_named(web: LoopbackServer) -> None:
    web.answers[RFC_8414] = reply(b"<html>")
    with pytest.raises(NoAnswer) as caught:
        await discover(Door(), web.url)
    assert str(caught.value) == (
        f"GET {web.url}: no metadata found (GET {web.url}{RFC_8414}: the answer is not a JSON object;"
        f" GET {web.url}{OPENID}: answered 404)"
    )
    assert caught.value.reached


async def test_a_server_that_is_away_is_not_asked_for_the_other_form(
    web: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bearer_guard.authorization_server.http.clients.DEADLINE", 0.2)
    web.answers[RFC_8414] = silence
    web.answers[OPENID] = document(about(web.url))
    with pytest.raises(NoAnswer) as caught:
        await discover(Door(), web.url)
    assert not caught.value.reached
    assert web.hits == {RFC_8414: 1}


# --- RFC 8414 section 3.3: the issuer is identical, or one issuer could speak for another ---

OTHER_NAMES: dict[str, Callable[[str], Any]] = {
    "trailing slash": lambda ours: f"{ours}/",
    "path": lambda ours: f"{ours}/a",
    "upper case": str.upper,
    "another port": lambda ours: f"{ours}1",
    "another scheme": lambda ours: ours.replace("http", "https"),
    "white space": lambda ours: f"{ours} ",
    "without the port": lambda ours: ours.rpartition(":")[0],
    "list": lambda ours: [ours],
    "object": lambda ours: {"iss": ours},
    "null": lambda ours: None,
}


@pytest.mark.parametrize("name_of", OTHER_NAMES.values(), ids=OTHER_NAMES)
async def test_a_document_of_any_other_issuer_is_not_believed(
    web: LoopbackServer, name_of: Callable[[str], Any]
) -> None:
    web.answers["/meta"] = document(about(web.url, issuer=name_of(web.url)))
    with pytest.raises(NoAnswer, match=f"its issuer is .*, not '{web.url}': configure the one you trust"):
        await discover(Door(), web.url, f"{web.url}/meta")


async def test_a_document_that_names_no_issuer_is_not_believed(web: LoopbackServer) -> None:
    web.answers["/meta"] = document({"jwks_uri": f"{web.url}/jwks"})
    with pytest.raises(NoAnswer, match=f"its issuer is None, not '{web.url}'"):
        await discover(Door(), web.url, f"{web.url}/meta")


async def test_our_trailing_slash_is_part_of_the_issuer(web: LoopbackServer) -> None:
    web.answers[RFC_8414] = web.answers[OPENID] = document(about(web.url))
    with pytest.raises(NoAnswer, match=f"its issuer is '{web.url}', not '{web.url}/'"):
        await discover(Door(), f"{web.url}/")


async def test_a_foreign_issuer_of_any_length_fills_no_log(web: LoopbackServer) -> None:
    web.answers["/meta"] = document(about(web.url, issuer="x\n" * 10_000))
    with pytest.raises(NoAnswer) as caught:
        await discover(Door(), web.url, f"{web.url}/meta")
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


# --- an explicit URL ---


async def test_an_explicit_url_is_the_only_one_asked_and_may_lie_elsewhere(web: LoopbackServer) -> None:
    issuer = "https://id.example.com/realms/a"
    web.answers["/realms/a/meta?v=2"] = document(about(issuer))
    assert (await discover(Door(), issuer, f"{web.url}/realms/a/meta?v=2")).issuer == issuer
    assert web.hits == {"/realms/a/meta?v=2": 1}


async def test_an_explicit_url_without_a_document_ends_the_search(web: LoopbackServer) -> None:
    web.answers[RFC_8414] = document(about(web.url))
    with pytest.raises(NoAnswer, match="meta: answered 404"):
        await discover(Door(), web.url, f"{web.url}/meta")
    assert web.hits == {"/meta": 1}


# --- documents that do not say where the keys are ---


async def test_a_document_without_the_place_of_the_keys_is_of_use_where_no_other_has_it(web: LoopbackServer) -> None:
    web.answers[RFC_8414] = document({"issuer": web.url, "introspection_endpoint": f"{web.url}/first"})
    web.answers[OPENID] = document({"issuer": web.url, "introspection_endpoint": f"{web.url}/second"})
    found = await discover(Door(), web.url)
    assert (found.jwks_uri, found.introspection_endpoint) == (None, f"{web.url}/first")
    assert web.hits == {RFC_8414: 1, OPENID: 1}


async def test_a_document_without_the_place_of_the_keys_is_of_use_where_the_other_is_not_there(
    web: LoopbackServer,
) -> None:
    web.answers[OPENID] = document({"issuer": web.url, "introspection_endpoint": f"{web.url}/introspect"})
    assert (await discover(Door(), web.url)).introspection_endpoint == f"{web.url}/introspect"


@pytest.mark.parametrize("aliases", [None, 1, [], ["a"], {}, {"introspection_endpoint": 1}], ids=repr)
async def test_aliases_that_are_none_are_passed_over(web: LoopbackServer, aliases: Any) -> None:
    web.answers["/meta"] = document(about(web.url, mtls_endpoint_aliases=aliases))
    assert (await discover(Door(), web.url, f"{web.url}/meta")).mtls_introspection_endpoint is None


def test_metadata_is_shown_by_its_issuer_alone() -> None:
    issuer = "https://id.example.com"
    assert repr(Metadata(issuer, None, Claims({"a": "b"}))) == f"Metadata({issuer!r})"
