"""The authorization server: what it may be told at construction, and what the wire sees of it."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from bearer_guard import AuthorizationServer, BearerGuard, JWTValidator
from bearer_guard.authorization_server import StaticKeys
from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, InvalidToken, Reason
from bearer_guard.jose import Header
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.authorization_server.conftest import TLS, LoopbackServer, WireIssuer, document, reply, silence, until

ISSUER = "https://id.example.com"
JWKS = f"{ISSUER}/jwks"
RFC_8414 = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
KEYS = StaticKeys({"keys": [SigningKey("ES256").public_jwk()]})
UNKNOWN = Header("ES256", "unknown", None)


# --- construction ---

WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a switch as text": (ISSUER, {"allow_insecure_http": "false"}, r"^allow_insecure_http='false' is neither True nor"),
    "issuer None": (None, {}, r"issuer None is no issuer; write the iss of the tokens, as a string"),
    "issuer empty": ("", {}, r"issuer '' is no issuer; write the iss"),
    "issuer bytes": (b"https://id.example.com", {}, r"is no issuer; write the iss of the tokens, as a string"),
    "issuer no URL": ("accounts.example.com", {}, r"'accounts.example.com' is not a URL, .* give jwks_uri="),
    "issuer of another scheme": ("ftp://id.example.com", {}, r"write one that begins with https://"),
    "issuer without a host": ("https://", {}, r"write one that begins with https://"),
    "issuer plain http": ("http://id.example.com", {}, r"write https://, or allow_insecure_http=True"),
    "issuer with a query": (f"{ISSUER}?a=b", {}, r"has a query \(RFC 8414 section 2 allows none\); leave it out$"),
    "issuer with a fragment": (f"{ISSUER}#a", {}, r"must have neither a user nor a fragment; leave them out"),
    "issuer with a user": ("https://me@id.example.com", {}, r"must have neither a user nor a fragment"),
    "jwks_uri no URL": (ISSUER, {"jwks_uri": "/jwks"}, r"^jwks_uri '/jwks' is not a URL; write one that begins"),
    "jwks_uri empty": (ISSUER, {"jwks_uri": ""}, r"^jwks_uri '' is not a URL"),
    "jwks_uri plain http": (ISSUER, {"jwks_uri": "http://keycloak:8080/jwks"}, r"^jwks_uri .* is plain http"),
    "metadata_url no URL": (ISSUER, {"metadata_url": "meta"}, r"^metadata_url 'meta' is not a URL"),
    "metadata_url plain http": (ISSUER, {"metadata_url": "http://keycloak/meta"}, r"^metadata_url .* is plain http"),
    "the metadata document as issuer": (
        f"{ISSUER}/realms/a/.well-known/openid-configuration?key=secret",
        {},
        r"realms/a/.well-known/openid-configuration' is its metadata document; write .*: '" + ISSUER + "/realms/a'$",
    ),
    "two places": (
        ISSUER,
        {"jwks_uri": JWKS, "metadata_url": f"{ISSUER}/meta"},
        r"^jwks_uri and metadata_url both say where the keys are; give one of them$",
    ),
    "a place and keys": (ISSUER, {"metadata_url": f"{ISSUER}/meta", "keys": KEYS}, r"^metadata_url and keys both say"),
    "fresh 0": (ISSUER, {"keys_fresh_for": 0}, r"do not fit; write 0 < fresh <= kept \(seconds\)"),
    "fresh below 0": (ISSUER, {"keys_fresh_for": -1}, r"keys_fresh_for=-1 .* do not fit"),
    "fresh not a number": (ISSUER, {"keys_fresh_for": math.nan}, r"keys_fresh_for=nan .* do not fit"),
    "kept shorter than fresh": (ISSUER, {"keys_kept_for": 599}, r"keys_fresh_for=600 and keys_kept_for=599 do not fit"),
    "no cooldown": (ISSUER, {"refetch_cooldown": 0}, r"refetch_cooldown=0 would let strangers .* write at least 1 s"),
    "fresh as text": (ISSUER, {"keys_fresh_for": "600"}, r"'600' is no time; write seconds, as a number"),
    "fresh a bool": (ISSUER, {"keys_fresh_for": True}, r"True is no time"),
    "cooldown None": (ISSUER, {"refetch_cooldown": None}, r"None is no time; write seconds, as a number"),
    "a key set as keys": (
        ISSUER,
        {"keys": {"keys": []}},
        r"takes a key source, not dict; write keys=StaticKeys\(jwks\)",
    ),
    "an empty object as keys": (ISSUER, {"keys": {}}, r"takes a key source, not dict; write keys=StaticKeys\(jwks\)"),
    "jwks_uri an object": (ISSUER, {"jwks_uri": httpx.URL(JWKS)}, r"^jwks_uri URL\(.*\) is not a URL; write one that"),
    "metadata_url a number": (ISSUER, {"metadata_url": 1}, r"^metadata_url 1 is not a URL; write one that begins"),
    "a client that is not async": (
        ISSUER,
        {"http_client": httpx.Client(verify=TLS)},
        r"a client like httpx.AsyncClient",
    ),
    "the name of a client": (ISSUER, {"http_client": "httpx"}, r"a client like httpx.AsyncClient\(\), or a function"),
    "no clock": (ISSUER, {"clock": None}, r"clock=None tells no time; leave it out"),
    "half a clock": (ISSUER, {"clock": datetime}, r"clock=.* tells no time; leave it out"),
    "white space before the issuer": (f" {ISSUER}", {}, r"is no issuer; write the iss of the tokens"),
    "white space behind the issuer": (f"{ISSUER} ", {}, r"is no issuer; write the iss of the tokens"),
    "a line end behind the issuer": (f"{ISSUER}\n", {}, r"is no issuer; write the iss of the tokens"),
    "cooldown not a number": (ISSUER, {"refetch_cooldown": math.nan}, r"refetch_cooldown=nan would let strangers"),
}


@pytest.mark.parametrize(("issuer", "options", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_at_construction(issuer: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        AuthorizationServer(issuer, **options)


def test_of_a_metadata_document_as_rfc_8414_places_it_the_issuer_is_named_with_its_path() -> None:
    with pytest.raises(ConfigurationError, match=f"write the issuer itself: '{ISSUER}/realms/a'$"):
        AuthorizationServer(f"{ISSUER}{RFC_8414}/realms/a")


def test_an_issuer_with_a_query_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AuthorizationServer(f"{ISSUER}?key=secret")
    assert "secret" not in str(caught.value)


RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "https": (ISSUER, {}),
    "loopback": ("http://127.0.0.1:8080/realms/a", {}),
    "plain http by a long word": ("http://keycloak:8080", {"allow_insecure_http": True}),
    # AD FS: its tokens name an http issuer, its keys come over https.
    "http issuer, https keys": ("http://fs.example.com/adfs/services/trust", {"jwks_uri": JWKS}),
    "http issuer, https metadata": ("http://fs.example.com/adfs", {"metadata_url": f"{ISSUER}/meta"}),
    "http issuer, keys at hand": ("http://fs.example.com/adfs", {"keys": KEYS}),
    "issuer no URL, with its keys": ("accounts.example.com", {"jwks_uri": JWKS}),
    "issuer a URN, with its metadata": ("urn:example:issuer", {"metadata_url": f"{ISSUER}/meta"}),
    "issuer a word, keys at hand": ("test", {"keys": KEYS}),
    "keys with a query": (ISSUER, {"jwks_uri": f"{JWKS}?p=b2c_1_signin"}),
    "fresh as long as kept": (ISSUER, {"keys_fresh_for": 60, "keys_kept_for": 60}),
    "kept for ever": (ISSUER, {"keys_kept_for": math.inf}),
    "shortest cooldown": (ISSUER, {"refetch_cooldown": 1}),
}


@pytest.mark.parametrize(("issuer", "options"), RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_taken_as_it_stands(issuer: str, options: dict[str, Any]) -> None:
    server = AuthorizationServer(issuer, **options)
    assert server.issuer == issuer
    assert repr(server) == f"AuthorizationServer({issuer!r})"
    assert server.held(UNKNOWN) == ()


async def test_with_keys_at_hand_nothing_is_asked() -> None:
    key = SigningKey("ES256")

    def client() -> Any:
        raise AssertionError("asked")

    server = AuthorizationServer(ISSUER, keys=StaticKeys({"keys": [key.public_jwk()]}), http_client=client)
    assert len(await server.keys_for(Header("ES256", key.key_id, None))) == 1
    assert await server.keys_for(UNKNOWN) == ()
    assert server.epoch is not None
    await server.aclose()


async def test_a_key_source_of_ones_own_may_be_empty_at_first() -> None:
    class Mine(StaticKeys):
        def __len__(self) -> int:
            return 0

    keys = Mine({"keys": [SigningKey("ES256").public_jwk()]})
    assert AuthorizationServer(ISSUER, keys=keys).epoch is keys.epoch


# --- on the wire ---


class OnTheWire:
    """A validator of tokens whose issuer is a real server on loopback."""

    def __init__(self, issuer: WireIssuer, **options: Any) -> None:
        self.issuer = issuer
        self.hits = issuer.web.hits
        self.server = AuthorizationServer(issuer.issuer, clock=issuer.clock, **options)
        self.validator = JWTValidator(self.server, audience="api")

    async def accepts(self, **token: Any) -> bool:
        await self.validator.validate(self.issuer.token(**{"alg": "ES256", **token}))
        return True

    async def refuses(self, token: str) -> Reason:
        with pytest.raises(InvalidToken) as caught:
            await self.validator.validate(token)
        return caught.value.reason

    async def fails(self, **token: Any) -> AuthorizationServerUnavailable:
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await self.accepts(**token)
        return caught.value


@pytest.fixture
async def wire(wire_issuer: WireIssuer) -> AsyncIterator[OnTheWire]:
    wire = OnTheWire(wire_issuer)
    yield wire
    await wire.validator.aclose()


async def test_a_thousand_requests_on_a_cold_start_cause_one_discovery_and_one_fetch(wire: OnTheWire) -> None:
    token = wire.issuer.token(alg="ES256")
    await asyncio.gather(*(wire.validator.validate(token) for _ in range(1000)))
    assert wire.hits == {RFC_8414: 1, "/jwks": 1}


async def test_a_refresh_asks_for_the_keys_alone(wire: OnTheWire) -> None:
    assert await wire.accepts()
    wire.issuer.clock.advance(601)
    assert await wire.accepts()
    assert wire.hits == {RFC_8414: 1, "/jwks": 2}


async def test_an_explicit_jwks_uri_skips_the_search(wire_issuer: WireIssuer) -> None:
    wire = OnTheWire(wire_issuer, jwks_uri=f"{wire_issuer.web.url}/jwks")
    assert await wire.accepts()
    assert wire.hits == {"/jwks": 1}


async def test_an_explicit_metadata_url_may_lie_on_another_host(wire_issuer: WireIssuer) -> None:
    other = LoopbackServer()
    other.answers["/meta"] = document(wire_issuer.metadata())
    await other.start()
    wire = OnTheWire(wire_issuer, metadata_url=f"{other.url}/meta")
    assert await wire.accepts()
    await other.stop()
    assert (other.hits, wire.hits) == ({"/meta": 1}, {"/jwks": 1})


async def test_a_jwks_uri_in_plain_http_beyond_loopback_is_never_asked(wire: OnTheWire) -> None:
    wire.issuer.web.answers[RFC_8414] = document({**wire.issuer.metadata(), "jwks_uri": "http://keys.example.com/"})
    error = await wire.fails()
    assert str(error.__cause__).startswith("GET http://keys.example.com/: the URL 'http://keys.example.com/' is plain")


async def test_an_issuer_that_is_away_is_a_503_and_no_verdict(wire: OnTheWire) -> None:
    await wire.issuer.web.stop()
    error = await wire.fails()
    assert (error.status, error.reason, error.retry_after) == (503, Reason.KEYS_UNAVAILABLE, 5)
    await wire.issuer.web.start()
    assert (await wire.fails()).retry_after == 5  # the pause is not over: nobody is asked
    wire.issuer.clock.advance(5)
    assert await wire.accepts()


async def test_a_503_says_to_the_log_what_was_asked_and_what_came(wire: OnTheWire) -> None:
    wire.issuer.web.answers["/jwks"] = reply(b"<html>")
    error = await wire.fails()
    assert str(error.__cause__) == f"GET {wire.issuer.issuer}/jwks: the answer is not a JSON object"


async def test_keys_that_moved_are_searched_for_again(wire: OnTheWire) -> None:
    assert await wire.accepts()
    answers = wire.issuer.web.answers
    answers[RFC_8414] = document({**wire.issuer.metadata(), "jwks_uri": f"{wire.issuer.web.url}/moved"})
    answers["/moved"] = answers.pop("/jwks")
    wire.issuer.clock.advance(601)
    assert await wire.accepts()  # with the kept keys: the fetch from the old place failed
    wire.issuer.clock.advance(601)
    assert await wire.accepts()
    assert wire.hits == {RFC_8414: 2, "/jwks": 2, "/moved": 1}


async def test_keys_that_moved_and_left_an_empty_set_behind_are_searched_for_again(wire: OnTheWire) -> None:
    assert await wire.accepts()
    answers = wire.issuer.web.answers
    answers[RFC_8414] = document({**wire.issuer.metadata(), "jwks_uri": f"{wire.issuer.web.url}/moved"})
    answers["/moved"], answers["/jwks"] = answers["/jwks"], document({"keys": []})
    for _ in range(3):
        wire.issuer.clock.advance(601)
        assert await wire.accepts()
    assert wire.hits["/moved"]


async def test_a_redirect_of_the_keys_is_not_followed(wire: OnTheWire) -> None:
    wire.issuer.web.answers["/elsewhere"] = wire.issuer.web.answers["/jwks"]
    wire.issuer.web.answers["/jwks"] = reply(status=302, location=f"{wire.issuer.web.url}/elsewhere")
    await wire.fails()
    assert wire.hits["/elsewhere"] == 0


# --- metadata() ---


async def test_the_metadata_is_fetched_once(wire: OnTheWire) -> None:
    first = await wire.server.metadata()
    assert await wire.server.metadata() is first
    assert first.document == {**wire.issuer.metadata(), "response_types_supported": ("code",)}
    assert wire.hits == {RFC_8414: 1}


async def test_the_metadata_and_the_keys_share_one_discovery(wire: OnTheWire) -> None:
    await wire.server.metadata()
    assert await wire.accepts()
    assert wire.hits == {RFC_8414: 1, "/jwks": 1}


async def test_metadata_that_cannot_be_had_is_a_503_with_its_cause_and_can_be_had_later(wire: OnTheWire) -> None:
    wire.issuer.web.answers[RFC_8414] = reply(status=500)
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await wire.server.metadata()
    assert caught.value.reason is Reason.METADATA_UNAVAILABLE
    assert "no metadata found" in str(caught.value.__cause__)
    wire.issuer.publish()
    assert (await wire.server.metadata()).issuer == wire.issuer.issuer


async def test_a_broken_jwks_uri_that_was_mended_is_used(wire: OnTheWire) -> None:
    wire.issuer.web.answers[RFC_8414] = document({**wire.issuer.metadata(), "jwks_uri": "https://[::1"})
    await wire.fails()
    wire.issuer.publish()
    wire.issuer.clock.advance(5)
    assert await wire.accepts()


# --- aclose() ---


async def test_closing_ends_a_fetch_that_hangs_and_the_server_can_be_used_again(wire: OnTheWire) -> None:
    assert await wire.accepts()
    wire.issuer.web.answers["/jwks"] = silence
    wire.issuer.clock.advance(481)
    assert await wire.accepts()
    await until(lambda: wire.hits["/jwks"] == 2)
    await wire.validator.aclose()
    wire.issuer.publish()
    wire.issuer.clock.advance(120)
    assert await wire.accepts()
    assert wire.hits["/jwks"] == 3


# --- which tokens cause calls (through the validator; the issuer answers in memory) ---


class Strangers:
    """Tokens that are to be refused. `keys`: those of the issuer."""

    def __init__(self, issuer: FakeIssuer) -> None:
        self._issuer = issuer
        self._forger = SigningKey("ES256")

    def forged(self) -> str:
        """A known kid, and a signature by somebody else."""
        return self._by_the_forger(kid=self._issuer.signing_key("ES256").key_id)

    def nameless(self) -> str:
        """No kid at all."""
        return self._by_the_forger(kid=None)

    def of_another_issuer(self) -> str:
        """An unknown kid, and another iss."""
        return self._by_the_forger(iss="https://evil.example.com")

    def of_no_issuer(self) -> str:
        """An unknown kid, and no iss."""
        return self._by_the_forger(iss=None)

    def of_another_algorithm(self) -> str:
        """An unknown kid, and an algorithm that is not asked for."""
        return self._by_the_forger(alg="HS256")

    def unknown(self) -> str:
        """An unknown kid: the one that may be a key we have not seen yet."""
        return self._by_the_forger()

    def _by_the_forger(self, **changes: Any) -> str:
        header = {name: value for name, value in changes.items() if name != "iss"}
        claims = {name: value for name, value in changes.items() if name == "iss"}
        return self._issuer.token(key=self._forger, header=header, **claims)


CAUSES_NOTHING: dict[Callable[[Strangers], str], Reason] = {
    Strangers.forged: Reason.INVALID_SIGNATURE,
    Strangers.nameless: Reason.INVALID_SIGNATURE,
    Strangers.of_another_issuer: Reason.ISSUER_MISMATCH,
    Strangers.of_no_issuer: Reason.CLAIM_MISSING,
    Strangers.of_another_algorithm: Reason.ALGORITHM_NOT_ALLOWED,
}


@pytest.fixture
async def memory_guard(issuer: FakeIssuer) -> AsyncIterator[BearerGuard]:
    """A guard that has its keys already; its issuer counts from now on."""
    async with BearerGuard(JWTValidator(issuer.server, audience="api")) as guard:
        await guard.validate(issuer.token(alg="ES256"))
        issuer.requests.clear()
        yield guard


async def refused(guard: BearerGuard, token: str) -> Reason:
    with pytest.raises(InvalidToken) as caught:
        await guard.validate(token)
    return caught.value.reason


@pytest.mark.parametrize(("make", "reason"), CAUSES_NOTHING.items(), ids=[make.__name__ for make in CAUSES_NOTHING])
async def test_a_token_that_no_new_key_could_help_causes_no_call(
    issuer: FakeIssuer, memory_guard: BearerGuard, make: Callable[[Strangers], str], reason: Reason
) -> None:
    for _ in range(10):
        assert await refused(memory_guard, make(Strangers(issuer))) is reason
    assert issuer.requests == []


@pytest.mark.parametrize("make", [Strangers.of_another_issuer, Strangers.of_no_issuer, Strangers.of_another_algorithm])
async def test_on_a_cold_start_a_stranger_causes_no_call_either(
    issuer: FakeIssuer, guard: BearerGuard, make: Callable[[Strangers], str]
) -> None:
    await refused(guard, make(Strangers(issuer)))
    assert issuer.requests == []


async def test_unknown_keys_of_our_issuer_cause_one_call_in_a_cooldown(
    issuer: FakeIssuer, memory_guard: BearerGuard
) -> None:
    for _ in range(100):
        assert await refused(memory_guard, Strangers(issuer).unknown()) is Reason.UNKNOWN_KEY
    assert issuer.requests == ["/jwks"]
    issuer.clock.advance(30)
    await refused(memory_guard, Strangers(issuer).unknown())
    assert Counter(issuer.requests) == {"/jwks": 2}


async def test_a_withdrawn_key_ends_a_remembered_token(issuer: FakeIssuer, memory_guard: BearerGuard) -> None:
    token = issuer.token(alg="ES256", exp=3600)
    await memory_guard.validate(token)
    issuer._keys["ES256"] = SigningKey("ES256")
    issuer.clock.advance(601)
    assert await refused(memory_guard, token) is Reason.UNKNOWN_KEY


async def test_a_remembered_token_is_accepted_through_an_outage(issuer: FakeIssuer, memory_guard: BearerGuard) -> None:
    token = issuer.token(alg="ES256", exp=12 * 3600)
    issuer.go_offline()
    for _ in range(20):
        issuer.clock.advance(1800)
        assert (await memory_guard.validate(token)).subject == "alice"
