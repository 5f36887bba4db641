"""Faults to survive: what a guard says while its authorization server misbehaves on real HTTP, and how often it asks.

Proven over real HTTP elsewhere: an endpoint down at start and then up
(`test_server.py`, `test_an_issuer_that_is_away_is_a_503_and_no_verdict`); 1000 requests on a cold start
(`test_server.py`, `test_a_thousand_requests_on_a_cold_start_cause_one_discovery_and_one_fetch`); that a flood is cut
off while it is read (`test_http.py`, `test_a_flood_is_cut_off_at_the_largest_size`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from bearer_guard import AuthorizationServer, BearerGuard, JWTValidator
from bearer_guard.authorization_server.http import clients
from bearer_guard.errors import AuthorizationServerUnavailable, BearerError, InvalidToken, Reason
from bearer_guard.testing import SigningKey
from tests.authorization_server.conftest import Answer, Wire, WireIssuer, document, reply, until

RFC_8414 = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
HOUR = 3600
REFRESH_IS_DUE = 481
"""Seconds: 80 % of ten minutes, and one."""


class Api:
    """An API behind a guard whose authorization server is a real one on loopback. `hits`: what that was asked."""

    def __init__(self, issuer: WireIssuer) -> None:
        self.issuer = issuer
        self.web = issuer.web
        self.hits = issuer.web.hits
        self.clock = issuer.clock
        self.server = AuthorizationServer(issuer.issuer, clock=issuer.clock)
        self.guard = BearerGuard(JWTValidator(self.server, audience="api"))

    def token(self, key: SigningKey | None = None, **options: object) -> str:
        """A good one, that nobody has seen yet."""
        return self.issuer.token(key=key or self.issuer.signing_key("ES256"), **options)  # type: ignore[arg-type]

    async def outcome(self, token: str) -> Reason | None:
        """None: the token is accepted."""
        try:
            await self.guard.validate(token)
        except BearerError as error:
            return error.reason
        return None

    async def outcomes(self, tokens: Iterable[str]) -> Counter[Reason | None]:
        """Of many requests at once."""
        return Counter(await asyncio.gather(*map(self.outcome, tokens)))

    async def accepts(self, token: str | None = None) -> bool:
        return await self.outcome(token or self.token()) is None

    async def unavailable(self, token: str | None = None) -> AuthorizationServerUnavailable:
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await self.guard.validate(token or self.token())
        return caught.value

    async def landed(self) -> None:
        """Waits for what runs in the background."""
        await until(lambda: not self.server._keys._flight.is_under_way)  # type: ignore[attr-defined]

    async def goes_on_for(self, seconds: int, *, step: int) -> None:
        """Time passes, and every `step` seconds a good token comes."""
        for _ in range(seconds // step):
            self.clock.advance(step)
            assert await self.accepts()
            await self.landed()

    def publish(self, *keys: SigningKey) -> None:
        """These keys and no others."""
        self.web.answers["/jwks"] = document({"keys": [key.public_jwk() for key in keys]})


class Gate:
    """Holds an answer back until it is opened."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._opened = asyncio.Event()
        self.answered = 0

    async def __call__(self, wire: Wire) -> None:
        await self._opened.wait()
        await self._answer(wire)
        self.answered += 1

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
async def cold(wire_issuer: WireIssuer) -> AsyncIterator[Api]:
    api = Api(wire_issuer)
    async with api.guard:
        yield api


@pytest.fixture
async def api(cold: Api) -> Api:
    """An API that has its keys already; the counts begin now."""
    assert await cold.accepts()
    cold.hits.clear()
    return cold


@pytest.fixture
def gate(api: Api) -> Gate:
    """The keys, held back from now on."""
    gate = Gate(api.web.answers["/jwks"])
    api.web.answers["/jwks"] = gate
    return gate


# --- outages ---


async def test_a_cold_start_in_an_outage_is_a_503_for_each_of_1000_and_one_attempt(cold: Api) -> None:
    cold.web.answers.clear()
    answers = [reply(status=500), reply(status=500)]
    cold.web.answers[RFC_8414], cold.web.answers[OPENID] = answers
    assert await cold.outcomes(cold.token() for _ in range(1000)) == {Reason.KEYS_UNAVAILABLE: 1000}
    assert cold.hits == {RFC_8414: 1, OPENID: 1}


async def test_with_warm_keys_nobody_notices_an_outage_of_23_hours(api: Api) -> None:
    remembered = api.token(exp=24 * HOUR)
    assert await api.accepts(remembered)
    await api.web.stop()
    await api.goes_on_for(23 * HOUR, step=600)
    assert await api.accepts(remembered)
    await api.web.start()
    api.clock.advance(31)
    assert await api.accepts()
    await api.landed()
    assert api.server.keys_status().last_error is None
    assert api.hits["/jwks"] == 1


async def test_after_25_hours_of_outage_nothing_is_known_any_more_until_the_server_is_back(api: Api) -> None:
    remembered = api.token(exp=48 * HOUR)
    assert await api.accepts(remembered)
    await api.web.stop()
    await api.goes_on_for(23 * HOUR, step=600)
    api.clock.advance(2 * HOUR)
    for token in (api.token(), remembered):
        assert (await api.unavailable(token)).retry_after <= 30
    await api.web.start()
    api.clock.advance(31)
    assert await api.accepts(remembered)
    assert await api.accepts()
    assert api.hits["/jwks"] == 1


async def test_in_an_outage_the_server_is_asked_at_most_once_a_cooldown_however_many_requests_come(api: Api) -> None:
    api.web.answers["/jwks"] = reply(status=503)
    api.web.answers[RFC_8414] = reply(status=503)
    api.clock.advance(REFRESH_IS_DUE)
    for _ in range(300):
        assert await api.outcomes(api.token() for _ in range(3)) == {None: 3}
        await api.landed()
        api.clock.advance(1)
    # At once, after 5, 10 and 20 s, then 8 times after 30 s. The first asks for the keys, the others search for them.
    assert api.hits == {"/jwks": 1, RFC_8414: 11, OPENID: 11}


# --- answers that are none ---


async def flood(wire: Wire) -> None:
    await wire.head(content_length=100 * 2**20)
    for _ in range(1600):
        await wire.send(b" " * 2**16)


async def drip(wire: Wire) -> None:
    await wire.head(content_length=1000)
    for _ in range(1000):
        await wire.send(b" ")
        await asyncio.sleep(0.05)


async def reset_midway(wire: Wire) -> None:
    await wire.head(content_length=1000)
    await wire.send(b'{"keys": [')
    await asyncio.sleep(0.01)  # so that the head is read before the reset
    wire.reset()


MISBEHAVIOUR: dict[str, Answer] = {
    "500": reply(status=500),
    "garbage": reply(bytes(range(256))),
    "HTML": reply(b"<!doctype html><p>Down for maintenance", content_type="text/html"),
    "an empty set": document({"keys": []}),
    "a set of unusable keys": document({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}),
    "100 MB": flood,
    "a slow drip": drip,
    "a redirect": reply(status=302, location="/elsewhere"),
    "a reset in the middle": reset_midway,
}
misbehaving = pytest.mark.parametrize("answer", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.5)


@misbehaving
@pytest.mark.usefixtures("short_deadline")
async def test_an_answer_that_is_none_hurts_no_good_keys(api: Api, answer: Answer) -> None:
    remembered, rightful = api.token(exp=HOUR), api.web.answers["/jwks"]
    assert await api.accepts(remembered)
    api.web.answers["/elsewhere"] = document({"keys": [SigningKey("ES256").public_jwk()]})
    api.web.answers["/jwks"] = answer
    await api.goes_on_for(HOUR // 2, step=HOUR // 4)
    assert await api.accepts(remembered)
    assert api.server.keys_status().is_usable
    assert api.server.keys_status().last_error
    assert api.hits == {"/jwks": 2, RFC_8414: 1}  # after a failure the keys are searched for, they may have moved
    api.web.answers["/jwks"] = rightful
    api.clock.advance(31)
    assert await api.server.refresh_keys()
    assert await api.accepts(remembered)


@misbehaving
@pytest.mark.usefixtures("short_deadline")
async def test_on_a_cold_start_such_an_answer_is_a_503_and_soon_forgotten(cold: Api, answer: Answer) -> None:
    token, rightful = cold.token(), cold.web.answers["/jwks"]
    cold.web.answers["/jwks"] = answer
    assert (await cold.unavailable(token)).retry_after == 5
    cold.web.answers["/jwks"] = rightful
    cold.clock.advance(5)
    assert await cold.accepts(token)
    assert cold.hits == {"/jwks": 2, RFC_8414: 2}


# --- rotation under load ---


class Load:
    """Four new tokens a second, signed with `key`. `refused`: at which second, and why."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._second = 0
        self.key = api.issuer.signing_key("ES256")
        self.refused: list[tuple[int, Reason]] = []

    async def for_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            outcomes = await self._api.outcomes(self._api.token(self.key) for _ in range(4))
            self.refused += [(self._second, reason) for reason in outcomes.elements() if reason is not None]
            self._api.clock.advance(1)
            self._second += 1


@pytest.mark.parametrize("notice", [0, 1, 700], ids=lambda seconds: f"{seconds} s before it is used")
async def test_a_rotation_that_is_published_first_refuses_no_good_token(api: Api, notice: int) -> None:
    load, old, new = Load(api), api.issuer.signing_key("ES256"), SigningKey("ES256")
    await load.for_seconds(5)
    api.publish(old, new)
    await load.for_seconds(notice)
    load.key = new
    await load.for_seconds(5)
    api.publish(new)
    await load.for_seconds(620)
    assert load.refused == []
    assert await api.outcome(api.token(old)) is Reason.UNKNOWN_KEY
    assert api.hits["/jwks"] <= 5  # two a period of ten minutes, and one for each kid that was not known


async def test_a_rotation_that_is_published_late_refuses_for_one_cooldown_at_most(api: Api) -> None:
    load, new = Load(api), SigningKey("ES256")
    await load.for_seconds(5)
    load.key = new
    await load.for_seconds(2)
    api.publish(new)
    await load.for_seconds(60)
    seconds = {second for second, _ in load.refused}
    assert {5, 6, 20} <= seconds <= set(range(5, 35))  # 30 seconds from the first token that was signed too early
    assert {reason for _, reason in load.refused} == {Reason.UNKNOWN_KEY}
    assert api.hits == {"/jwks": 2}


# --- attacks ---


def strangers(api: Api, count: int) -> list[str]:
    """Tokens in the name of our issuer, each with a kid that nobody has heard of."""
    forger = SigningKey("ES256")
    return [api.token(forger, header={"kid": f"unknown-{number}"}) for number in range(count)]


async def test_1000_unknown_kids_at_once_cause_one_fetch_in_a_cooldown(api: Api) -> None:
    for fetches in (1, 2):
        for _ in range(2):
            assert await api.outcomes(strangers(api, 1000)) == {Reason.UNKNOWN_KEY: 1000}
            assert api.hits == {"/jwks": fetches}
        api.clock.advance(30)


async def test_while_unknown_kids_wait_for_an_answer_good_tokens_do_not(api: Api, gate: Gate) -> None:
    attack = asyncio.create_task(api.outcomes(strangers(api, 1000)))
    await until(lambda: api.hits["/jwks"])
    assert await api.outcomes(api.token() for _ in range(100)) == {None: 100}
    assert (gate.answered, attack.done()) == (0, False)
    gate.open()
    assert await attack == {Reason.UNKNOWN_KEY: 1000}
    assert api.hits == {"/jwks": 1}


async def test_an_attack_with_unknown_kids_in_an_outage_neither_locks_out_nor_multiplies(api: Api) -> None:
    await api.web.stop()
    for _ in range(3):
        assert await api.outcomes(strangers(api, 300)) == {Reason.KEYS_UNAVAILABLE: 300}
        assert await api.outcomes(api.token() for _ in range(10)) == {None: 10}
        api.clock.advance(31)


def with_a_bad_signature(api: Api) -> str:
    return api.token(SigningKey("ES256"), header={"kid": api.issuer.signing_key("ES256").key_id})


def of_another_issuer(api: Api) -> str:
    return api.token(SigningKey("ES256"), iss="https://evil.example.com")


def without_a_kid(api: Api) -> str:
    return api.token(SigningKey("ES256"), header={"kid": None})


def without_a_kid_by_a_certificate(api: Api) -> str:
    return api.token(SigningKey("ES256"), header={"kid": None, "x5t": "dW5rbm93bg"})


POINTLESS: dict[Callable[[Api], str], Reason] = {
    with_a_bad_signature: Reason.INVALID_SIGNATURE,
    of_another_issuer: Reason.ISSUER_MISMATCH,
    without_a_kid: Reason.INVALID_SIGNATURE,
    without_a_kid_by_a_certificate: Reason.INVALID_SIGNATURE,
}


@pytest.mark.parametrize(("make", "reason"), POINTLESS.items(), ids=[make.__name__ for make in POINTLESS])
async def test_a_token_that_no_fetch_could_help_causes_none(
    api: Api, make: Callable[[Api], str], reason: Reason
) -> None:
    assert await api.outcomes(make(api) for _ in range(200)) == {reason: 200}
    assert not api.hits


async def test_a_token_of_ad_fs_is_accepted_by_its_certificate_alone(api: Api) -> None:
    keys = [SigningKey("ES256") for _ in range(6)]
    published = [{**key.public_jwk(), "x5t": f"print-{number}"} for number, key in enumerate(keys)]
    api.web.answers["/jwks"] = document({"keys": published})
    assert await api.server.refresh_keys()
    # The sixth is beyond the four that are tried where nothing chooses.
    assert await api.accepts(api.token(keys[5], header={"kid": None, "x5t": "print-5"}))
    assert await api.outcome(api.token(keys[5], header={"kid": None, "x5t": "print-4"})) is Reason.INVALID_SIGNATURE


# --- freshness ---


async def test_when_freshness_runs_out_there_is_one_fetch_and_no_request_waits_for_it(api: Api, gate: Gate) -> None:
    remembered = api.token(exp=HOUR)
    assert await api.accepts(remembered)
    api.clock.advance(REFRESH_IS_DUE)
    tokens = [remembered if number % 2 else api.token() for number in range(1000)]
    assert await api.outcomes(tokens) == {None: 1000}
    await until(lambda: api.hits["/jwks"])
    assert gate.answered == 0  # all were answered, and the fetch was not
    gate.open()
    await api.landed()
    assert await api.outcomes(tokens) == {None: 1000}
    assert api.hits == {"/jwks": 1}


async def test_a_server_that_shortens_freshness_is_asked_as_often_and_not_oftener(api: Api) -> None:
    keys = {"keys": [api.issuer.signing_key("ES256").public_jwk()]}
    api.web.answers["/jwks"] = reply(str(keys).replace("'", '"').encode(), cache_control="no-store")
    assert await api.server.refresh_keys()
    await api.goes_on_for(600, step=1)
    # Once every 45 to 48 seconds: 75 to 80 % of the minute that no-store gets.
    assert 1 + 12 <= api.hits["/jwks"] <= 1 + 15  # a little of the time is real


async def test_a_withdrawn_key_ends_a_remembered_token_within_the_freshness_by_warm_hits_alone(api: Api) -> None:
    token, began = api.token(exp=HOUR), api.clock.monotonic()
    assert await api.accepts(token)
    api.publish(SigningKey("ES256"))
    while await api.accepts(token):
        await api.landed()
        api.clock.advance(10)
    assert api.clock.monotonic() - began <= 600
    assert await api.outcome(token) is Reason.UNKNOWN_KEY


# --- not knowing is not no ---


async def test_a_503_is_bounded_by_the_rest_of_the_cooldown_is_no_verdict_and_is_not_remembered(api: Api) -> None:
    new = SigningKey("ES256")
    token = api.token(new)
    rightful = api.web.answers["/jwks"]
    api.web.answers["/jwks"] = reply(status=500)
    assert (await api.unavailable(token)).retry_after == 30
    api.clock.advance(20)
    error = await api.unavailable(token)
    assert error.retry_after == 10
    refusal = api.guard.refusal(error)
    assert refusal.status == 503
    assert ("retry-after", "10") in [(name.lower(), value) for name, value in refusal.headers]
    assert "invalid_token" not in repr(refusal)
    api.web.answers["/jwks"] = rightful
    api.publish(api.issuer.signing_key("ES256"), new)
    api.clock.advance(10)
    assert await api.accepts(token)


async def test_an_unknown_key_that_is_published_later_is_not_remembered_as_unknown(api: Api) -> None:
    new = SigningKey("ES256")
    token = api.token(new)
    with pytest.raises(InvalidToken) as caught:
        await api.guard.validate(token)
    assert caught.value.reason is Reason.UNKNOWN_KEY
    api.publish(new)
    api.clock.advance(30)
    assert await api.accepts(token)
    assert api.hits == {"/jwks": 2}
