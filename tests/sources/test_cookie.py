"""The token in a cookie, and the proof that a page of ours has sent it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard import ConfigurationError, Cookie, InvalidRequest, Reason
from bearer_guard.sources.reading import LONGEST_TOKEN
from tests.sources import TOKEN, Fields, found, handshake, request, why_refused

OURS: Fields = ((b"sec-fetch-site", b"same-origin"),)
APP = "https://app.example.com"


def cookie(value: str | bytes = f"session={TOKEN}") -> tuple[bytes, bytes]:
    return (b"cookie", value if isinstance(value, bytes) else value.encode())


def posted(*headers: tuple[bytes, bytes], name: str = "session", **members: Any) -> dict[str, Any]:
    """An unsafe request that carries the cookie."""
    return request(cookie(f"{name}={TOKEN}"), *headers, **{"method": "POST", **members})


def from_page(origin: str, *, host: str = "api.example.com") -> Fields:
    return ((b"host", host.encode("latin-1")), (b"origin", origin.encode("latin-1")))


# --- found ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"session={TOKEN}", id="alone"),
        pytest.param(f"a=1; session={TOKEN}; b=2", id="RFC 6265 4.2.1 among others"),
        pytest.param(f"a=1;session={TOKEN};b=2", id="without spaces"),
        pytest.param(f"\ta=1 ;\t session={TOKEN} ", id="with white space"),
        pytest.param(f"xsession=no; session2=no; Session=no; session={TOKEN}", id="names that only look alike"),
        pytest.param(f"session; =session; session={TOKEN}", id="cookies without a name or a value"),
    ],
)
def test_the_token_is_found(value: str) -> None:
    assert found(Cookie("session"), request(cookie(value))) == TOKEN


def test_the_token_is_found_in_the_second_of_two_fields() -> None:
    # RFC 9113 section 8.2.3: HTTP/2 clients may split the field.
    assert found(Cookie("session"), request(cookie("a=1"), cookie())) == TOKEN


@pytest.mark.parametrize("headers", [(), (cookie("a=1"),), (cookie("session="),), (cookie(""),)], ids=repr)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_the_cookie_has_no_credentials(headers: Fields, method: str) -> None:
    assert found(Cookie("session"), request(*headers, method=method)) is None


@pytest.mark.parametrize(
    "value", ['session="a.b.c"', "session=a b", "session=a,b", "session=ä", "session=a=b"], ids=str
)
def test_what_is_no_token_is_malformed(value: str) -> None:
    assert why_refused(Cookie("session"), request(cookie(value))) is Reason.MALFORMED_COOKIE


@pytest.mark.parametrize(
    "fields",
    [(cookie("session=a; session=b"),), (cookie("session=a; session="),), (cookie("session=a"), cookie("session=a"))],
    ids=["two", "one of them empty", "in two fields"],
)
def test_two_cookies_of_the_name_are_refused(fields: Fields) -> None:
    # RFC 6265 section 5.4: which comes first depends on paths and ages; a sibling domain could have planted one.
    assert why_refused(Cookie("session"), request(*fields)) is Reason.SEVERAL_TOKENS


def test_the_longest_token_is_found_and_one_byte_more_is_refused() -> None:
    longest = "a" * LONGEST_TOKEN
    assert found(Cookie("session"), request(cookie(f"session={longest}"))) == longest
    assert why_refused(Cookie("session"), request(cookie(f"session=a{longest}"))) is Reason.TOKEN_TOO_LONG


# --- where it comes from ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_may_come_from_anywhere(method: str) -> None:
    scope = request(cookie(), (b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.example"), method=method)
    assert found(Cookie("session"), scope) == TOKEN


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "get", "PROPFIND", "QUERY"])
def test_any_other_method_must_show_where_it_comes_from(method: str) -> None:
    assert why_refused(Cookie("session"), posted(method=method)) is Reason.CROSS_SITE_COOKIE
    assert found(Cookie("session"), posted(*OURS, method=method)) == TOKEN


def test_a_websocket_handshake_must_show_where_it_comes_from() -> None:
    # RFC 6455 section 10.2: no browser asks CORS before it, and it is a GET.
    assert why_refused(Cookie("session"), handshake(cookie())) is Reason.CROSS_SITE_COOKIE
    assert found(Cookie("session"), handshake(cookie(), *OURS)) == TOKEN


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "Same-Origin", "same-origin, same-origin"])
def test_another_word_of_the_browser_is_no_proof_whatever_the_origin_says(site: str) -> None:
    headers = (*from_page("http://api.example.com"), (b"sec-fetch-site", site.encode()))
    assert why_refused(Cookie("session"), posted(*headers)) is Reason.CROSS_SITE_COOKIE


@pytest.mark.parametrize("second", ["same-origin", "cross-site"])
def test_two_words_of_the_browser_are_no_proof(second: str) -> None:
    assert why_refused(Cookie("session"), posted(*OURS, (b"sec-fetch-site", second.encode()))) is (
        Reason.CROSS_SITE_COOKIE
    )


# scheme of the connection as the server sees it, its Host, and the Origin that a page of ours has there
OWN = {
    "http": ("http", "api.example.com", "http://api.example.com"),
    "https": ("https", "api.example.com", "https://api.example.com"),
    "ws": ("ws", "api.example.com", "http://api.example.com"),
    "wss": ("wss", "api.example.com", "https://api.example.com"),
    "a port": ("https", "api.example.com:8443", "https://api.example.com:8443"),
    "an address": ("http", "[::1]:8000", "http://[::1]:8000"),
    "a host in upper case": ("http", "API.Example.com", "http://api.example.com"),
    "no scheme": (None, "api.example.com", "http://api.example.com"),
}


def arriving(scheme: str | None, host: str, origin: str, *, name: str = "session") -> dict[str, Any]:
    scope = posted(*from_page(origin, host=host), name=name, scheme=scheme)
    if scheme is None:
        del scope["scheme"]
    return {**scope, "type": "websocket"} if scheme in ("ws", "wss") else scope


@pytest.mark.parametrize(("scheme", "host", "origin"), OWN.values(), ids=OWN)
def test_the_origin_of_the_request_itself_will_do(scheme: str | None, host: str, origin: str) -> None:
    assert found(Cookie("session"), arriving(scheme, host, origin)) == TOKEN


@pytest.mark.parametrize(
    ("scheme", "origin"),
    [
        pytest.param("http", "null", id="an opaque origin"),
        pytest.param("http", "", id="nothing"),
        pytest.param("http", "https://api.example.com", id="another scheme"),
        pytest.param("https", "http://api.example.com", id="a page that anybody on the way could have written"),
        pytest.param("ws", "ws://api.example.com", id="the scheme of the socket, which no page has"),
        pytest.param("http", "http://api.example.com:80", id="the default port, which no browser writes"),
        pytest.param("http", "http://api.example.com:8080", id="another port"),
        pytest.param("http", "http://example.com", id="the parent"),
        pytest.param("http", "http://evil.api.example.com", id="a child"),
        pytest.param("http", "http://api.example.com.evil.example", id="a host that only begins alike"),
        pytest.param("http", "http://api.example.com/", id="a trailing slash"),
        pytest.param("http", "http://evil@api.example.com", id="a user"),
        pytest.param("http", "HTTP://API.EXAMPLE.COM", id="upper case, which no browser writes"),
        pytest.param("http", "http://api.example.com http://evil.example", id="a list"),
        pytest.param("http", "http://\xe4pi.example.com", id="no ASCII"),
    ],
)
def test_another_origin_will_not_do(scheme: str, origin: str) -> None:
    scope = arriving(scheme, "api.example.com", origin)
    assert why_refused(Cookie("session"), scope) is Reason.CROSS_SITE_COOKIE


@pytest.mark.parametrize("second", ["http://api.example.com", "http://evil.example", "null"])
def test_two_origins_are_no_proof(second: str) -> None:
    headers = (*from_page("http://api.example.com"), (b"origin", second.encode()))
    assert why_refused(Cookie("session"), posted(*headers)) is Reason.CROSS_SITE_COOKIE


@pytest.mark.parametrize(
    "hosts",
    [(), (b"api.example.com", b"api.example.com"), (b"evil.example", b"api.example.com")],
    ids=["none", "the same twice", "two"],
)
def test_without_one_host_nobody_knows_which_origin_is_ours(hosts: tuple[bytes, ...]) -> None:
    headers = [(b"host", host) for host in hosts]
    scope = posted(*headers, (b"origin", b"http://api.example.com"))
    assert why_refused(Cookie("session"), scope) is Reason.CROSS_SITE_COOKIE


@pytest.mark.parametrize("name", ["session", "__Host-session"])
@pytest.mark.parametrize("scheme", ["http", "https", "ws", None])
@pytest.mark.parametrize(
    "host",
    [
        "",
        "[::",
        "]",
        "[",
        "api.example.com:port",
        "user@api.example.com",
        "api.example.com/x",
        "\x00",
        "\xff",
        "a\r\nb",
    ],
    ids=ascii,
)
def test_a_host_that_is_none_is_the_origin_of_no_page(host: str, scheme: str | None, name: str) -> None:
    scope = arriving(scheme, host, "https://api.example.com", name=name)
    assert why_refused(Cookie(name), scope) is Reason.CROSS_SITE_COOKIE


def test_no_page_has_an_origin_without_a_host() -> None:
    assert why_refused(Cookie("session"), arriving("http", "", "http://")) is Reason.CROSS_SITE_COOKIE


# --- names that browsers set over https only (RFC 6265bis section 4.1.3) ----------------------------------------------


@pytest.mark.parametrize("name", ["__Host-session", "__Secure-session"])
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss", None])
def test_such_a_name_proves_https_in_front_of_every_proxy(name: str, scheme: str | None) -> None:
    good = arriving(scheme, "api.example.com", "https://api.example.com", name=name)
    bad = arriving(scheme, "api.example.com", "http://api.example.com", name=name)
    assert found(Cookie(name), good) == TOKEN
    assert why_refused(Cookie(name), bad) is Reason.CROSS_SITE_COOKIE


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_on_loopback_such_a_name_proves_nothing(host: str, scheme: str) -> None:
    # Browsers trust http there, and set these cookies.
    assert found(Cookie("__Host-session"), arriving(scheme, host, f"{scheme}://{host}", name="__Host-session")) == TOKEN


@pytest.mark.parametrize("host", ["localhost.evil.example", "localhost@evil.example", "127.0.0.1.evil.example"])
def test_a_host_that_only_looks_like_loopback_is_none(host: str) -> None:
    scope = arriving("http", host, f"http://{host}", name="__Host-session")
    assert why_refused(Cookie("__Host-session"), scope) is Reason.CROSS_SITE_COOKIE


@pytest.mark.parametrize("name", ["x__Host-session", "__host-session", "Host-session"])
def test_a_name_that_only_looks_alike_proves_nothing(name: str) -> None:
    scope = arriving("http", "api.example.com", "https://api.example.com", name=name)
    assert why_refused(Cookie(name), scope) is Reason.CROSS_SITE_COOKIE


# --- allowed_origins= -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(from_page(APP), id="Origin alone"),
        pytest.param((*from_page(APP), (b"sec-fetch-site", b"same-site")), id="Sec-Fetch-Site: same-site"),
        pytest.param((*from_page(APP), (b"sec-fetch-site", b"cross-site")), id="Sec-Fetch-Site: cross-site"),
        pytest.param((*OURS, (b"origin", b"https://api.example.com")), id="our own, as the browser says"),
    ],
)
@pytest.mark.parametrize("connection", [posted, handshake])
def test_pages_of_a_listed_origin_get_in(connection: Any, headers: Fields) -> None:
    source = Cookie("session", allowed_origins={APP, "http://localhost:3000"})
    others = (cookie(),) if connection is handshake else ()
    assert found(source, connection(*others, *headers)) == TOKEN


@pytest.mark.parametrize(
    "origin",
    [f"{APP}/", f"{APP}:443", "https://evil.example", "null", "https://APP.example.com", f"{APP}.evil.example"],
)
def test_pages_of_other_origins_do_not(origin: str) -> None:
    source = Cookie("session", allowed_origins={APP})
    assert why_refused(source, posted(*from_page(origin))) is Reason.CROSS_SITE_COOKIE


def test_a_listed_origin_beside_another_is_no_proof() -> None:
    source = Cookie("session", allowed_origins={APP})
    scope = posted(*from_page(APP), (b"origin", b"https://evil.example"))
    assert why_refused(source, scope) is Reason.CROSS_SITE_COOKIE


# --- whatever comes ---------------------------------------------------------------------------------------------------

_names = st.sampled_from([b"cookie", b"origin", b"host", b"sec-fetch-site"])
_values = st.one_of(
    st.binary(),
    st.binary().map(lambda rest: b"session=a; " + rest),
    st.binary().map(lambda rest: b"https://" + rest),
    st.sampled_from([b"session=a.b.c", b"[::", b"same-origin", b"http://[", b"localhost"]),
)


@given(
    st.lists(st.tuples(_names, _values), max_size=6),
    st.sampled_from([request, handshake]),
    st.sampled_from(["http", "https", "ws", "wss", "", None]),
    st.sampled_from(["session", "__Host-session"]),
)
def test_whatever_a_request_carries_it_is_a_token_or_none_or_refused(
    headers: list[tuple[bytes, bytes]], connection: Any, scheme: str | None, name: str
) -> None:
    renamed = [(field, value.replace(b"session", name.encode())) for field, value in headers]
    try:
        credentials = Cookie(name).find(connection(*renamed, method="POST", scheme=scheme))
    except InvalidRequest:
        return
    assert credentials is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", credentials.token)


# --- wrong constructions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "ä", 5, None], ids=repr)
def test_a_name_that_no_cookie_can_have_is_told_what_to_write_instead(name: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write Cookie('__Host-access_token')")):
        Cookie(name)


def test_one_origin_as_a_string_is_told_what_to_write_instead() -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"write allowed_origins={{'{APP}'}}")):
        Cookie("session", allowed_origins=APP)


@pytest.mark.parametrize(
    "origin",
    [
        *("", "*", "null", "app.example.com", "//app.example.com", "https://", "wss://app.example.com"),
        *(f"{APP}/", f"{APP}/path", f"{APP}?x", f"{APP}#x", "https://App.example.com", "HTTPS://app.example.com"),
        b"https://app.example.com",
    ],
    ids=repr,
)
def test_an_origin_that_is_none_is_told_what_to_write_instead(origin: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write one like 'https://app.example.com'")):
        Cookie("session", allowed_origins={origin})


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("https://[::", id="an address that ends nowhere"),
        pytest.param(5, id="no text"),
        pytest.param("https://user@app.example.com", id="a user"),
        pytest.param("https://app.example.com:443", id="the default port of https"),
        pytest.param("http://app.example.com:80", id="the default port of http"),
        pytest.param("https://app.example.com:99999", id="a port that is none"),
        pytest.param("https://*.example.com", id="a pattern"),
        pytest.param("https://b\xfccher.example", id="no ASCII: browsers write xn--"),
    ],
)
def test_an_origin_that_no_browser_ever_writes_is_told_what_to_write_instead(origin: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write one like 'https://app.example.com'")):
        Cookie("session", allowed_origins={origin})


def test_it_is_shown_by_its_name_and_its_origins() -> None:
    assert repr(Cookie("session")).startswith("Cookie('session'")
    assert APP in repr(Cookie("session", allowed_origins={APP}))
