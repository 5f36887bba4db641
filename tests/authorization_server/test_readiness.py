"""A way to look at the keys, and to act: `warm_up()`, `refresh_keys()` and `keys_status()`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx
import pytest

from bearer_guard import AuthorizationServer
from bearer_guard.authorization_server import KeysStatus, StaticKeys
from bearer_guard.authorization_server.keys import RemoteKeys
from bearer_guard.jose import Header, VerificationKey
from bearer_guard.testing import SigningKey
from bearer_guard.tokens import Epoch
from tests.authorization_server.conftest import DAY, TLS, Remote, WireIssuer, asks_for, document, jwks, reply, until

ISSUER = "https://id.example.com"
HMAC = {"kty": "oct", "k": "c2VjcmV0LW9mLWhtYWM", "kid": "shared"}


class Mine:
    """The plainest key source of a user's own."""

    epoch: Epoch | None = None

    def held(self, header: Header) -> Sequence[VerificationKey]:
        return ()

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        raise AssertionError("asked")

    async def aclose(self) -> None:
        pass


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    keys = Remote()
    yield keys
    await keys.aclose()


@pytest.fixture
async def server(wire_issuer: WireIssuer) -> AsyncIterator[AuthorizationServer]:
    """A server on the wire."""
    server = AuthorizationServer(wire_issuer.issuer, clock=wire_issuer.clock)
    yield server
    await server.aclose()


# --- warm_up() ---


async def test_warming_up_fetches_the_keys_once(server: AuthorizationServer, wire_issuer: WireIssuer) -> None:
    assert await server.warm_up()
    assert await server.warm_up()
    assert server.held(asks_for(wire_issuer.signing_key("ES256").key_id))
    assert wire_issuer.web.hits["/jwks"] == 1


async def test_warming_up_does_not_start_the_cooldown(remote: Remote) -> None:
    await remote.warm_up()
    assert await remote.can_serve(remote.publisher.rotate())
    assert remote.publisher.fetches == 2


async def test_warming_up_without_a_server_says_so_and_raises_nothing(
    server: AuthorizationServer, wire_issuer: WireIssuer
) -> None:
    await wire_issuer.web.stop()
    assert not await server.warm_up()
    await wire_issuer.web.start()
    assert not await server.warm_up()  # the pause after a failure is not over: nobody is asked
    wire_issuer.clock.advance(5)
    assert await server.warm_up()


FAILURES = [OSError("away"), ValueError("garbage"), asyncio.CancelledError(), RuntimeError()]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
async def test_warming_up_raises_nothing_whatever_happens(remote: Remote, failure: BaseException) -> None:
    remote.publisher.failure = failure
    assert not await remote.warm_up()


async def test_warming_up_a_set_beyond_its_time_needs_an_answer(remote: Remote) -> None:
    await remote.warm_up()
    remote.publisher.go_away()
    remote.clock.advance(DAY + 1)
    assert not await remote.warm_up()


async def test_warming_up_with_kept_keys_through_an_outage_is_a_yes(remote: Remote) -> None:
    await remote.warm_up()
    remote.publisher.go_away()
    remote.clock.advance(8 * 3600)
    assert await remote.warm_up()


async def test_a_startup_that_is_given_up_does_not_take_the_fetch_with_it(remote: Remote) -> None:
    remote.publisher.may_answer.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await remote.warm_up()
    remote.publisher.may_answer.set()
    assert await remote.warm_up()
    assert remote.publisher.fetches == 1


@pytest.mark.parametrize("keys", [StaticKeys(jwks(SigningKey("ES256"))), Mine()], ids=["StaticKeys", "of one's own"])
async def test_with_keys_at_hand_there_is_nothing_to_fetch(keys: Any) -> None:
    server = AuthorizationServer(ISSUER, keys=keys)
    assert await server.warm_up() is True
    assert await server.refresh_keys() is False
    assert server.keys_status().is_usable


def test_the_status_of_static_keys_is_theirs_and_of_a_source_of_ones_own_unknown() -> None:
    static = StaticKeys(jwks(SigningKey("ES256"), SigningKey("ES384")))
    assert AuthorizationServer(ISSUER, keys=static).keys_status() == KeysStatus(is_usable=True, size=2)
    assert AuthorizationServer(ISSUER, keys=Mine()).keys_status() == KeysStatus(is_usable=True)


# --- refresh_keys() ---


async def test_a_forced_refresh_brings_a_key_before_its_first_token(
    server: AuthorizationServer, wire_issuer: WireIssuer
) -> None:
    await server.warm_up()
    wire_issuer.rotate_keys()
    wire_issuer.publish()
    assert await server.refresh_keys()
    assert server.held(asks_for(wire_issuer.signing_key("ES256").key_id))
    assert wire_issuer.web.hits["/jwks"] == 2


async def test_a_forced_refresh_is_the_first_fetch_where_there_was_none(remote: Remote) -> None:
    assert await remote.refresh()
    assert remote.publisher.fetches == 1


async def test_a_forced_refresh_takes_effect_on_withdrawn_keys_at_once(remote: Remote) -> None:
    await remote.warm_up()
    withdrawn = remote.publisher.key
    remote.publisher.rotate()
    assert await remote.refresh()
    assert not remote.held(asks_for(withdrawn.key_id))


async def test_forced_refreshes_and_unknown_kids_share_one_cooldown(remote: Remote) -> None:
    await remote.warm_up()
    assert await remote.refresh()
    assert not await remote.refresh()
    assert await remote.keys_for(asks_for("unknown")) == ()
    assert remote.publisher.fetches == 2
    remote.clock.advance(30)
    assert await remote.keys_for(asks_for("unknown")) == ()
    assert not await remote.refresh()
    assert remote.publisher.fetches == 3
    remote.clock.advance(30)
    assert await remote.refresh()
    assert remote.publisher.fetches == 4


async def test_a_forced_refresh_that_fails_says_so_keeps_the_keys_and_starts_the_cooldown(remote: Remote) -> None:
    await remote.warm_up()
    remote.publisher.go_away()
    assert not await remote.refresh()
    assert not await remote.refresh()
    assert remote.publisher.fetches == 2
    assert await remote.can_serve()


async def test_a_failure_after_failures_is_no_success(remote: Remote) -> None:
    remote.publisher.go_away()
    assert not await remote.refresh()
    remote.clock.advance(31)
    assert not await remote.refresh()
    assert remote.publisher.fetches == 2


async def test_forced_refreshes_at_once_share_one_fetch_and_its_outcome(remote: Remote) -> None:
    await remote.warm_up()
    remote.publisher.may_answer.clear()
    asked = [asyncio.create_task(remote.refresh()) for _ in range(100)]
    await until(lambda: remote.publisher.fetches == 2)
    remote.publisher.may_answer.set()
    assert all(await asyncio.gather(*asked))
    assert remote.publisher.fetches == 2


async def test_a_forced_refresh_joins_the_one_in_the_background_even_within_the_cooldown(remote: Remote) -> None:
    await remote.refresh()
    remote.publisher.max_age = 0
    remote.clock.advance(31)
    await remote.refresh()  # from here on fresh for a minute
    remote.clock.advance(29)
    await remote.keys_for(asks_for("unknown"))
    remote.publisher.may_answer.clear()
    remote._refresh_at = remote.calm_until = remote.clock.monotonic()
    assert await remote.can_serve()
    await until(lambda: remote.publisher.fetches == 3)
    asked = asyncio.create_task(remote.refresh())
    await asyncio.sleep(0)
    remote.publisher.may_answer.set()
    assert await asked
    assert remote.publisher.fetches == 3


async def test_forced_refreshes_of_a_server_that_was_never_there_respect_the_cooldown(remote: Remote) -> None:
    remote.publisher.go_away()
    for _ in range(10):
        assert not await remote.refresh()
    assert remote.publisher.fetches == 1


async def test_a_forced_refresh_within_one_tick_of_the_clock_is_a_success_all_the_same(remote: Remote) -> None:
    class Standing:
        """As a coarse monotonic clock does for its 16 ms, and one of a test for ever."""

        def time(self) -> float:
            return 1e9

        def monotonic(self) -> float:
            return 1e5

    keys = RemoteKeys(remote.publisher, clock=Standing(), fresh_for=600, kept_for=DAY, cooldown=30)
    assert await keys.warm_up()
    assert await keys.refresh()


# --- keys_status() ---


async def test_before_the_first_fetch_there_is_nothing_and_looking_fetches_nothing(remote: Remote) -> None:
    assert remote.status() == KeysStatus(is_usable=False, next_refresh=0)
    await asyncio.sleep(0)
    assert remote.publisher.fetches == 0


async def test_a_fresh_set_is_usable_and_tells_when_it_is_refreshed(remote: Remote) -> None:
    await remote.warm_up()
    remote.clock.advance(100)
    status = remote.status()
    assert (status.is_usable, status.size, status.skipped, status.last_error) == (True, 1, (), None)
    assert status.age == pytest.approx(100, abs=1)
    assert status.next_refresh is not None
    assert 349 <= status.next_refresh <= 380


async def test_a_refresh_that_is_due_is_due_now_and_looking_does_not_start_it(remote: Remote) -> None:
    await remote.warm_up()
    remote.clock.advance(500)
    assert remote.status().next_refresh == 0
    await asyncio.sleep(0)
    assert remote.publisher.fetches == 1


async def test_a_server_that_shortens_freshness_is_refreshed_sooner(remote: Remote) -> None:
    remote.publisher.max_age = 100
    await remote.warm_up()
    assert remote.status().next_refresh == pytest.approx(77.5, abs=3)


async def test_skipped_keys_are_told_and_are_those_of_the_set_in_force(remote: Remote) -> None:
    remote.publisher.document = {"keys": [HMAC, *jwks(remote.publisher.key)["keys"]]}
    await remote.warm_up()
    assert remote.status().size == 1
    assert remote.status().skipped == ("kid='shared': kty 'oct' with crv None is not supported",)
    remote.publisher.rotate()
    await remote.refresh()
    assert remote.status().skipped == ()


async def test_a_refresh_that_confirms_the_set_does_not_report_its_skipped_keys_again(
    remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    remote.publisher.document = {"keys": [HMAC, *jwks(remote.publisher.key)["keys"]]}
    await remote.warm_up()
    for _ in range(3):
        remote.clock.advance(601)
        assert await remote.warm_up()
    assert remote.publisher.fetches == 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert remote.status().skipped
    remote.publisher.document = {"keys": [HMAC, *jwks(SigningKey("ES256"))["keys"]]}
    await remote.refresh()
    assert len(caplog.records) == 2  # another set, another report


async def test_stale_keys_that_are_kept_through_an_outage_count_as_usable(remote: Remote) -> None:
    await remote.warm_up()
    await remote.stay_out_for(23 * 3600, step=300)
    status = remote.status()
    assert (status.is_usable, status.size, status.last_error) == (True, 1, "nobody is there")
    assert status.age == pytest.approx(23 * 3600, abs=5)
    assert status.next_refresh == pytest.approx(30, abs=1)  # the pause after many failures


async def test_beyond_the_time_for_which_they_are_kept_the_keys_are_not_usable(remote: Remote) -> None:
    await remote.warm_up()
    await remote.stay_out_for(DAY - 300, step=300)
    remote.clock.advance(301)
    status = remote.status()
    assert (status.is_usable, status.size) == (False, 1)
    assert await remote.warm_up() is False


async def test_a_success_clears_the_last_error(remote: Remote) -> None:
    await remote.warm_up()
    remote.publisher.go_away()
    await remote.refresh()
    assert remote.status().last_error == "nobody is there"
    remote.publisher.come_back()
    remote.clock.advance(31)
    assert await remote.refresh()
    assert remote.status().last_error is None


async def test_a_server_that_was_never_there_leaves_the_reason(remote: Remote) -> None:
    remote.publisher.go_away()
    await remote.warm_up()
    status = remote.status()
    assert (status.is_usable, status.size, status.age) == (False, 0, None)
    assert status.last_error == "nobody is there"


async def test_after_a_failed_start_the_status_tells_when_the_next_attempt_is_due(remote: Remote) -> None:
    remote.publisher.go_away()
    await remote.warm_up()
    assert remote.status().next_refresh == pytest.approx(5, abs=0.5)


async def test_a_failure_without_words_is_told_by_its_name(remote: Remote) -> None:
    remote.publisher.failure = RuntimeError()
    await remote.warm_up()
    assert "RuntimeError" in str(remote.status().last_error)


async def test_an_idle_night_does_not_take_an_instance_out_of_rotation(remote: Remote) -> None:
    # A readiness probe that says no keeps the requests away, and only a request would refresh the keys.
    await remote.warm_up()
    remote.clock.advance(8 * 3600)
    assert remote.status().is_usable
    assert await remote.can_serve()


SECRET = "s3cr3t-client-password"


def places_of_secrets(web: Any) -> dict[str, Callable[[], dict[str, Any]]]:
    """Options of a server on the wire whose URLs or client hold a secret."""
    secret_headers = {"authorization": f"Basic {SECRET}"}
    return {
        "query": lambda: {"jwks_uri": f"{web.url}/missing?key={SECRET}"},
        "query, nobody there": lambda: {"jwks_uri": f"http://127.0.0.1:1/jwks?key={SECRET}"},
        "header": lambda: {"http_client": lambda: httpx.AsyncClient(verify=TLS, headers=secret_headers)},
        "proxy": lambda: {
            "http_client": lambda: httpx.AsyncClient(verify=TLS, proxy=f"http://user:{SECRET}@127.0.0.1:1")
        },
    }


@pytest.mark.parametrize("place", ["query", "query, nobody there", "header", "proxy"])
async def test_the_last_error_holds_no_secret(wire_issuer: WireIssuer, place: str) -> None:
    wire_issuer.web.answers["/jwks"] = reply(SECRET.encode(), 401, www_authenticate=SECRET)
    server = AuthorizationServer(wire_issuer.issuer, **places_of_secrets(wire_issuer.web)[place]())
    assert not await server.warm_up()
    assert server.keys_status().last_error
    assert SECRET not in repr(server.keys_status())


async def test_what_is_told_of_skipped_keys_holds_no_key_material(
    server: AuthorizationServer, wire_issuer: WireIssuer
) -> None:
    wire_issuer.web.answers["/jwks"] = document({"keys": [HMAC, *wire_issuer.jwks()["keys"]]})
    assert await server.warm_up()
    assert len(server.keys_status().skipped) == 1
    assert HMAC["k"] not in repr(server.keys_status())
