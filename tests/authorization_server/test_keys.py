"""Where verification keys come from: how long they are good, when they are asked for again, and when not."""

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bearer_guard.authorization_server.key_set import MOST_KEYS, KeySet, KeysStatus
from bearer_guard.authorization_server.keys import StaticKeys
from bearer_guard.errors import ConfigurationError
from bearer_guard.jose import Header, VerificationKey
from bearer_guard.testing import SigningKey
from bearer_guard.tokens import Epoch
from tests.authorization_server.conftest import DAY, Remote, asks_for, jwks, until


def named(keys: Sequence[VerificationKey]) -> list[str | None]:
    return [key.key_id for key in keys]


HMAC = {"kty": "oct", "k": "c2VjcmV0LW9mLWhtYWM", "kid": "h\n1"}


# --- KeySet ---


def test_a_key_is_found_by_its_name_and_algorithm() -> None:
    one, two = SigningKey("ES256"), SigningKey("ES384")
    keys = KeySet(jwks(one, two))
    assert named(keys.find(asks_for(two.key_id, "ES384"))) == [two.key_id]
    assert keys.find(asks_for(two.key_id, "ES256")) == ()
    assert keys.find(asks_for("other")) == ()


def test_a_token_without_a_kid_is_tried_with_every_key_of_its_algorithm() -> None:
    one, two, other = SigningKey("ES256"), SigningKey("ES256"), SigningKey("ES384")
    assert named(KeySet(jwks(one, two, other)).find(asks_for(None))) == [one.key_id, two.key_id]


def test_a_key_without_a_name_serves_tokens_without_one_only() -> None:
    nameless = {name: value for name, value in SigningKey("ES256").public_jwk().items() if name != "kid"}
    keys = KeySet({"keys": [nameless]})
    assert named(keys.find(asks_for(None))) == [None]
    assert keys.find(asks_for("some")) == ()
    assert not keys.key_ids


def test_a_key_without_a_label_serves_every_algorithm_of_its_type(signing_keys: dict[str, SigningKey]) -> None:
    unlabelled = {name: value for name, value in signing_keys["RS256"].public_jwk().items() if name != "alg"}
    keys = KeySet({"keys": [unlabelled]})
    assert all(keys.find(asks_for(unlabelled["kid"], algorithm)) for algorithm in ("RS256", "PS512"))
    assert not keys.find(asks_for(unlabelled["kid"], "ES256"))


@pytest.mark.parametrize("name", [None, "one name"])
def test_at_most_four_keys_are_tried_for_one_token(name: str | None) -> None:
    key = SigningKey("ES256")
    same_name = [{**key.public_jwk(), "kid": "one name"} for _ in range(9)]
    assert len(KeySet({"keys": same_name}).find(asks_for(name))) == 4


def test_a_set_beyond_reason_is_read_up_to_its_512th_key() -> None:
    key = SigningKey("ES256").public_jwk()
    keys = KeySet({"keys": [{**key, "kid": str(number)} for number in range(MOST_KEYS + 1)]})
    assert keys.find(asks_for(str(MOST_KEYS - 1)))
    assert not keys.find(asks_for(str(MOST_KEYS)))


def test_an_unusable_key_is_skipped_with_a_record_and_the_rest_is_used(caplog: pytest.LogCaptureFixture) -> None:
    good = SigningKey("ES256")
    keys = KeySet({"keys": [HMAC, "no object", None, *jwks(good)["keys"]]})
    assert keys.key_ids == {good.key_id}
    assert len(keys) == 1
    assert not caplog.records  # the caller decides whether the set is news
    keys.report()
    assert [record.getMessage() for record in caplog.records] == [
        f"skipped a key of the set: {sentence}" for sentence in keys.skipped
    ]
    assert keys.skipped == [
        r"kid='h\n1': kty 'oct' with crv None is not supported",
        "kid=None: not a JSON object",
        "kid=None: not a JSON object",
    ]


NO_SETS = {
    "no keys": {},
    "keys is null": {"keys": None},
    "keys is an object": {"keys": {"a": {}}},
    "keys is text": {"keys": "[]"},
    "empty": {"keys": []},
    "only HMAC": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
    "only for encryption": {"keys": [{**SigningKey("ES256").public_jwk(), "use": "enc"}]},
    "only garbage": {"keys": [1, None, "x", [], {}]},
}


@pytest.mark.parametrize("content", NO_SETS.values(), ids=NO_SETS)
def test_a_set_without_a_usable_key_is_none(content: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^the key set has no (array of keys|usable key)"):
        KeySet(content)


def test_a_set_without_a_usable_key_says_why_of_its_first_four() -> None:
    with pytest.raises(ValueError, match="no usable key") as caught:
        KeySet({"keys": [HMAC, {**SigningKey("ES256").public_jwk(), "kid": "b", "use": "enc"}, 1, 2, 3, 4]})
    assert str(caught.value).split("; ") == [
        "the key set has no usable key",
        r"kid='h\n1': kty 'oct' with crv None is not supported",
        "kid='b': its use is not sig",
        "kid=None: not a JSON object",
        "kid=None: not a JSON object",
    ]


# --- x5t: how AD FS names its keys ---


def certified(key: SigningKey, thumbprint: Any) -> dict[str, Any]:
    """A published key with the thumbprint of its certificate."""
    return {**key.public_jwk(), "x5t": thumbprint}


def by_certificate(thumbprint: str | None, key_id: str | None = None) -> Header:
    return Header("ES256", key_id, None, thumbprint)


def test_without_a_kid_the_thumbprint_of_the_certificate_chooses() -> None:
    many = [SigningKey("ES256") for _ in range(9)]
    keys = KeySet({"keys": [certified(key, f"print-{number}") for number, key in enumerate(many)]})
    # The ninth, too: the choice comes before the limit of four.
    assert named(keys.find(by_certificate("print-8"))) == [many[8].key_id]


def test_a_thumbprint_that_no_key_has_falls_back_to_all_that_fit() -> None:
    one, two = SigningKey("ES256"), SigningKey("ES256")
    keys = KeySet({"keys": [certified(one, "print-1"), two.public_jwk()]})
    assert named(keys.find(by_certificate("other"))) == [one.key_id, two.key_id]


def test_a_thumbprint_chooses_among_keys_of_the_algorithm_alone() -> None:
    wanted, other = SigningKey("ES256"), SigningKey("ES384")
    keys = KeySet({"keys": [certified(other, "print"), wanted.public_jwk()]})
    assert named(keys.find(by_certificate("print"))) == [wanted.key_id]


def test_beside_a_kid_the_thumbprint_is_no_matter() -> None:
    one, two = SigningKey("ES256"), SigningKey("ES256")
    keys = KeySet({"keys": [certified(one, "print-1"), certified(two, "print-2")]})
    assert named(keys.find(by_certificate("print-2", one.key_id))) == [one.key_id]
    assert keys.find(by_certificate("print-2", "unknown")) == ()
    one_name = [{**certified(key, f"print-{place}"), "kid": "a"} for place, key in enumerate((one, two))]
    assert len(KeySet({"keys": one_name}).find(by_certificate("print-1", "a"))) == 2


@pytest.mark.parametrize("thumbprint", [None, 5, True, [], ["print"], {"print": 1}], ids=repr)
def test_a_published_thumbprint_that_is_no_string_is_as_if_it_were_not_there(thumbprint: Any) -> None:
    one, two = SigningKey("ES256"), SigningKey("ES256")
    keys = KeySet({"keys": [certified(one, thumbprint), certified(two, "print")]})
    assert not keys.skipped
    assert named(keys.find(by_certificate("print"))) == [two.key_id]
    assert named(keys.find(by_certificate(None))) == [one.key_id, two.key_id]


# --- StaticKeys ---


async def test_static_keys_are_found_and_never_asked_for() -> None:
    key = SigningKey("ES256")
    keys = StaticKeys(jwks(key))
    assert named(await keys.keys_for(asks_for(key.key_id))) == named(keys.held(asks_for(None))) == [key.key_id]
    assert await keys.keys_for(asks_for("other")) == ()
    await keys.aclose()
    assert keys.epoch is not None
    assert keys.epoch.still_good(10 * DAY)


@pytest.mark.parametrize("content", [*NO_SETS.values(), [], "{}", None], ids=[*NO_SETS, "list", "text", "None"])
def test_static_keys_say_what_they_take(content: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^StaticKeys\(\) takes a JWK set, as in StaticKeys\({'keys': \["):
        StaticKeys(content)


def test_static_keys_report_the_skipped_ones_once_and_in_their_status(caplog: pytest.LogCaptureFixture) -> None:
    keys = StaticKeys({"keys": [HMAC, SigningKey("ES256").public_jwk()]})
    skipped = (r"kid='h\n1': kty 'oct' with crv None is not supported",)
    assert [record.getMessage() for record in caplog.records] == [f"skipped a key of the set: {skipped[0]}"]
    assert keys.status() == KeysStatus(is_usable=True, size=1, skipped=skipped)


# --- RemoteKeys ---


async def test_nothing_is_fetched_before_it_is_needed(remote: Remote) -> None:
    assert remote.held(asks_for(None)) == ()
    assert remote.epoch is None
    await asyncio.sleep(0)
    assert remote.publisher.fetches == 0


async def test_a_thousand_requests_on_a_cold_start_share_one_fetch(remote: Remote) -> None:
    remote.publisher.may_answer.clear()
    requests = [asyncio.create_task(remote.can_serve()) for _ in range(1000)]
    await until(lambda: remote.publisher.fetches)
    remote.publisher.may_answer.set()
    assert all(await asyncio.gather(*requests))
    assert remote.publisher.fetches == 1


async def test_a_fresh_set_is_used_without_asking(remote: Remote) -> None:
    await remote.can_serve()
    remote.clock.advance(449)  # 75 % of 600 s, less one
    assert await remote.can_serve()
    assert remote.publisher.fetches == 1


async def test_at_80_percent_a_refresh_starts_in_the_background_and_nobody_waits(remote: Remote) -> None:
    await remote.can_serve()
    remote.publisher.may_answer.clear()
    remote.clock.advance(481)
    for _ in range(10):
        assert await remote.can_serve()
    await until(lambda: remote.publisher.fetches == 2)
    remote.publisher.may_answer.set()
    await remote.landed()
    remote.clock.advance(440)  # fresh from the refresh on
    assert await remote.can_serve()
    assert remote.publisher.fetches == 2


async def test_sources_that_started_together_do_not_refresh_together() -> None:
    sources = [Remote() for _ in range(20)]
    for source in sources:
        await source.can_serve()
    seconds = {round(source._refresh_at - source._confirmed_at, 3) for source in sources}
    assert len(seconds) > 10
    assert all(450 <= moment <= 480 for moment in seconds)


async def test_the_epoch_of_warm_traffic_alone_keeps_the_keys_fresh(remote: Remote) -> None:
    await remote.can_serve()
    epoch = remote.epoch
    assert epoch is not None
    for _ in range(20):
        remote.clock.advance(481)
        assert epoch.still_good(remote.clock.monotonic())
        await remote.landed()
    assert remote.epoch is epoch  # the same document: nothing that was remembered is lost
    assert remote.publisher.fetches == 21


async def test_a_stale_set_is_asked_for_before_it_is_used_again(remote: Remote) -> None:
    await remote.can_serve()
    withdrawn, epoch = remote.publisher.key, remote.epoch
    remote.publisher.rotate()
    remote.clock.advance(601)
    assert remote.held(asks_for(withdrawn.key_id)) == ()
    assert epoch is not None
    assert not epoch.still_good(remote.clock.monotonic())
    assert not await remote.can_serve(withdrawn)


async def test_a_withdrawn_key_ends_with_the_refresh_and_so_does_what_was_remembered(remote: Remote) -> None:
    await remote.can_serve()
    withdrawn, epoch = remote.publisher.key, remote.epoch
    remote.publisher.rotate()
    remote.clock.advance(481)
    assert await remote.can_serve(withdrawn)  # from memory, while the refresh is under way
    await remote.landed()
    assert epoch is not None
    assert not epoch.still_good(remote.clock.monotonic())
    assert remote.epoch is not epoch
    assert not await remote.can_serve(withdrawn)
    assert await remote.can_serve()


# --- an outage ---


async def test_keys_are_kept_through_an_outage_of_a_day_and_not_longer(remote: Remote) -> None:
    await remote.can_serve()
    await remote.stay_out_for(DAY - 400, step=500)
    epoch = remote.epoch
    assert epoch is not None
    assert epoch.still_good(remote.clock.monotonic())
    remote.clock.advance(401)
    assert not epoch.still_good(remote.clock.monotonic())
    await remote.refusal(remote.publisher.key.key_id)


async def test_after_an_idle_night_one_attempt_is_made_before_the_kept_keys_are_used(remote: Remote) -> None:
    await remote.can_serve()
    remote.publisher.go_away()
    remote.clock.advance(8 * 3600)
    assert remote.held(asks_for(remote.publisher.key.key_id)) == ()
    for _ in range(10):
        assert await remote.can_serve()
    assert remote.publisher.fetches == 2


async def test_in_an_outage_nobody_waits_and_the_attempts_back_off(remote: Remote) -> None:
    await remote.can_serve()
    remote.clock.advance(1000)
    await remote.stay_out_for(100, step=1)
    # One at once, then after 5, 10, 20, 30 and 30 seconds.
    assert remote.publisher.fetches == 1 + 6


async def test_in_an_outage_nobody_waits_for_an_attempt_that_gets_no_answer(remote: Remote) -> None:
    await remote.can_serve()
    await remote.stay_out_for(1000, step=10)
    remote.publisher.may_answer.clear()
    remote.clock.advance(31)
    async with asyncio.timeout(5):
        assert await remote.can_serve()
    assert remote._flight.is_under_way
    remote.publisher.may_answer.set()
    await remote.landed()


async def test_the_end_of_an_outage_is_noticed_by_the_next_attempt(remote: Remote) -> None:
    await remote.can_serve()
    await remote.stay_out_for(3600, step=30)
    remote.publisher.come_back()
    rotated = remote.publisher.rotate()
    remote.clock.advance(31)
    assert await remote.can_serve(rotated)


async def test_without_keys_an_outage_is_a_503_at_once_and_says_when_to_come_back(remote: Remote) -> None:
    remote.publisher.go_away()
    error = await remote.refusal()
    assert error.retry_after == 5
    assert error.__cause__ is remote.publisher.failure
    remote.clock.advance(3.5)
    assert (await remote.refusal()).retry_after == 2
    assert remote.publisher.fetches == 1


async def test_the_pause_after_each_failure_doubles_up_to_the_cooldown(remote: Remote) -> None:
    remote.publisher.go_away()
    pauses = []
    for _ in range(5):
        pauses.append((await remote.refusal()).retry_after)
        remote.clock.advance(pauses[-1])
    assert pauses == [5, 10, 20, 30, 30]
    assert remote.publisher.fetches == 5


async def test_each_failure_is_logged_with_its_cause(remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    remote.publisher.go_away()
    await remote.refusal()
    remote.clock.advance(6)
    await remote.refusal()
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, f"the keys could not be fetched (attempt {n} since the last success): nobody is there")
        for n in (1, 2)
    ]


async def test_a_success_ends_the_count_of_failures(remote: Remote) -> None:
    remote.publisher.go_away()
    await remote.refusal()
    remote.clock.advance(5)
    remote.publisher.come_back()
    assert await remote.can_serve()
    remote.publisher.go_away()
    remote.clock.advance(DAY)
    assert (await remote.refusal()).retry_after == 5


async def test_the_pause_is_kept_however_long_the_outage_is(remote: Remote) -> None:
    remote.publisher.go_away()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    for _ in range(1100):  # nine hours
        await remote.refusal()
        remote.clock.advance(31)
    fetches = remote.publisher.fetches
    for _ in range(10):
        await remote.refusal()
    assert remote.publisher.fetches == fetches + 1


async def test_kept_keys_are_used_however_short_the_freshness_is() -> None:
    remote = Remote(fresh_for=10, cooldown=30)
    assert await remote.can_serve()
    remote.clock.advance(11)
    await remote.stay_out_for(100, step=1)


@pytest.mark.parametrize("content", NO_SETS.values(), ids=NO_SETS)
async def test_a_set_without_a_usable_key_never_replaces_a_good_one(remote: Remote, content: Mapping[str, Any]) -> None:
    await remote.can_serve()
    epoch = remote.epoch
    remote.publisher.document = content
    remote.clock.advance(481)
    assert await remote.can_serve()
    await remote.landed()
    assert remote.publisher.fetches == 2
    assert await remote.can_serve()
    assert remote.epoch is epoch
    await remote.refusal()  # the last attempt failed: nothing is known about other keys


@pytest.mark.parametrize("content", [[], "text", 1], ids=repr)
async def test_whatever_a_fetch_brings_the_answer_is_a_503(remote: Remote, content: Any) -> None:
    remote.publisher.document = content
    await remote.refusal()


# --- a kid that the set does not hold ---


async def test_a_key_rotated_in_right_after_the_start_is_found_at_once(remote: Remote) -> None:
    await remote.can_serve()
    assert await remote.can_serve(remote.publisher.rotate())
    assert remote.publisher.fetches == 2


async def test_a_thousand_unknown_kids_cause_one_fetch_in_a_cooldown(remote: Remote) -> None:
    await remote.can_serve()
    for number in range(1000):
        assert await remote.keys_for(asks_for(f"kid {number}")) == ()
    assert remote.publisher.fetches == 2
    remote.clock.advance(29)
    assert await remote.keys_for(asks_for("before the end of the cooldown")) == ()
    assert remote.publisher.fetches == 2
    remote.clock.advance(1)
    for number in range(1000):
        assert await remote.keys_for(asks_for(f"kid {number}")) == ()
    assert remote.publisher.fetches == 3


async def test_a_thousand_unknown_kids_at_once_share_one_fetch(remote: Remote) -> None:
    await remote.can_serve()
    remote.publisher.may_answer.clear()
    rotated = remote.publisher.rotate()
    strangers = [asyncio.create_task(remote.keys_for(asks_for(f"kid {number}"))) for number in range(999)]
    rightful = asyncio.create_task(remote.can_serve(rotated))
    await until(lambda: remote.publisher.fetches == 2)
    remote.publisher.may_answer.set()
    assert not any(await asyncio.gather(*strangers))
    assert await rightful
    assert remote.publisher.fetches == 2


async def test_an_attack_with_unknown_kids_locks_nobody_out(remote: Remote) -> None:
    await remote.can_serve()
    epoch = remote.epoch
    for _ in range(100):
        assert await remote.keys_for(asks_for("unknown")) == ()
        assert await remote.can_serve()
        remote.clock.advance(1)
    assert remote.epoch is epoch


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "RS256"])
async def test_a_known_kid_or_none_at_all_never_causes_a_fetch(remote: Remote, algorithm: str) -> None:
    await remote.can_serve()
    for key_id in (remote.publisher.key.key_id, None):
        await remote.keys_for(asks_for(key_id, algorithm))
    assert remote.publisher.fetches == 1


async def test_an_unknown_kid_is_a_no_if_the_last_fetch_succeeded_and_unknown_if_it_failed(remote: Remote) -> None:
    await remote.can_serve()
    assert await remote.keys_for(asks_for("unknown")) == ()
    remote.publisher.go_away()
    remote.clock.advance(30)
    assert (await remote.refusal("unknown")).retry_after == 30
    assert await remote.can_serve()
    remote.publisher.come_back()
    remote.clock.advance(30)
    assert await remote.keys_for(asks_for("unknown")) == ()


async def test_a_failed_search_for_a_kid_starts_the_cooldown_too(remote: Remote) -> None:
    await remote.can_serve()
    remote.publisher.go_away()
    for _ in range(100):
        await remote.refusal("unknown")
    assert remote.publisher.fetches == 2
    remote.clock.advance(3.5)
    assert (await remote.refusal("unknown")).retry_after == 27


# --- ends and odds ---


async def test_a_request_that_goes_away_does_not_take_the_fetch_with_it(remote: Remote) -> None:
    remote.publisher.may_answer.clear()
    first, second = (asyncio.create_task(remote.can_serve()) for _ in range(2))
    await until(lambda: remote.publisher.fetches)
    first.cancel()
    await asyncio.wait({first})
    remote.publisher.may_answer.set()
    assert await second
    assert remote.publisher.fetches == 1


async def test_closing_breaks_off_the_fetch_and_the_source_can_be_used_again(remote: Remote) -> None:
    await remote.can_serve()
    remote.publisher.may_answer.clear()
    remote.clock.advance(481)
    remote.held(asks_for(None))
    await until(lambda: remote.publisher.fetches == 2)
    await remote.aclose()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    remote.publisher.may_answer.set()
    remote.clock.advance(120)
    assert await remote.can_serve()
    assert remote.publisher.fetches == 3


async def test_a_set_fetched_this_moment_is_used_however_short_freshness_is() -> None:
    remote = Remote(fresh_for=1e-9)
    assert await remote.can_serve()


@pytest.mark.parametrize(
    ("age", "key_id"), [(DAY + 1, None), (0, "unknown")], ids=["a set beyond its time", "an unknown kid"]
)
async def test_a_fetch_that_ends_as_if_cancelled_is_a_failed_attempt(
    remote: Remote, age: int, key_id: str | None
) -> None:
    await remote.can_serve()
    remote.publisher.failure = asyncio.CancelledError()  # as of a client whose inner task somebody cancelled
    remote.clock.advance(age)
    await remote.refusal(key_id)


# --- that a key is not there ------------------------------------------------------------------------------------------


async def absence_of(remote: Remote) -> Epoch:
    """What must stay true, once a key was asked for in vain."""
    await remote.warm_up()
    remote.clock.advance(1)
    absence = remote.absence
    assert not absence.still_good(remote.clock.monotonic())  # the next one would ask
    assert not await remote.keys_for(asks_for("unknown"))
    return absence


async def test_an_absence_is_certain_for_the_cooldown(remote: Remote) -> None:
    absence = await absence_of(remote)
    for seconds, is_certain in ((29, True), (1, False)):
        remote.clock.advance(seconds)
        assert absence.still_good(remote.clock.monotonic()) is is_certain


async def test_an_absence_ends_at_the_moment_from_which_the_next_one_would_ask(remote: Remote) -> None:
    absence = await absence_of(remote)
    assert absence.still_good(math.nextafter(remote._refetch_at, 0))
    assert not absence.still_good(remote._refetch_at)


async def test_an_absence_ends_with_the_set_and_while_another_is_fetched() -> None:
    remote = Remote(fresh_for=60, cooldown=300)
    absence = await absence_of(remote)
    remote.publisher.rotate()
    remote.publisher.may_answer.clear()
    remote.clock.advance(50)
    assert not absence.still_good(remote.clock.monotonic())  # it starts the refresh that is due: that may bring the key
    await until(lambda: remote.publisher.fetches == 3)
    remote.publisher.may_answer.set()
    await remote.landed()
    assert not absence.still_good(remote.clock.monotonic())
    assert remote.absence.still_good(remote.clock.monotonic())


async def test_nothing_is_certain_after_a_failure() -> None:
    remote = Remote(fresh_for=60, cooldown=300)
    absence = await absence_of(remote)
    remote.publisher.go_away()
    remote.clock.advance(50)
    await remote.can_serve()
    await remote.landed()
    assert not absence.still_good(remote.clock.monotonic())


async def test_an_absence_is_not_certain_in_the_moment_in_which_a_refresh_is_due() -> None:
    remote = Remote(fresh_for=60, cooldown=60)
    absence = await absence_of(remote)
    remote.clock.advance(50)
    assert not absence.still_good(remote.clock.monotonic())
    await remote.landed()
