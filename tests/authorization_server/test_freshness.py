"""What the server of a key set may say about its freshness: shorten it, and nothing else (RFC 9111)."""

import pytest

from tests.authorization_server.conftest import DAY, Remote, asks_for


async def fetched(*, max_age: float | None, fresh_for: float = 600) -> Remote:
    """Keys that were fetched just now, and their server said this."""
    remote = Remote(fresh_for=fresh_for)
    remote.publisher.max_age = max_age
    await remote.warm_up()
    return remote


SPANS = {  # what the server says, what we were told at construction, what holds
    "nothing": (None, 600, 600),
    "less": (120, 600, 120),
    "as much": (600, 600, 600),
    "more": (2 * DAY, 600, 600),
    "a huge number": (9_999_999_999, 600, 600),
    "less than the floor": (5, 600, 60),
    "nought": (0, 600, 60),
    "all of it spent on the way": (-380, 600, 60),
    "nought, where ours is shorter than the floor": (0, 20, 20),
    "more, where ours is shorter than the floor": (2 * DAY, 20, 20),
}


@pytest.mark.parametrize(("max_age", "fresh_for", "seconds"), SPANS.values(), ids=SPANS)
async def test_a_server_may_shorten_freshness_to_a_floor_and_never_lengthen_it(
    max_age: float | None, fresh_for: float, seconds: float
) -> None:
    remote = await fetched(max_age=max_age, fresh_for=fresh_for)
    remote.clock.advance(0.74 * seconds)
    assert await remote.can_serve()
    assert remote.publisher.fetches == 1
    remote.clock.advance(0.07 * seconds)
    assert await remote.can_serve()  # the refresh runs in the background
    await remote.landed()
    assert remote.publisher.fetches == 2


@pytest.mark.parametrize(("max_age", "fresh_for", "seconds"), SPANS.values(), ids=SPANS)
async def test_beyond_that_freshness_the_set_is_asked_for_before_it_is_used(
    max_age: float | None, fresh_for: float, seconds: float
) -> None:
    remote = await fetched(max_age=max_age, fresh_for=fresh_for)
    withdrawn = remote.publisher.key
    remote.publisher.rotate()
    remote.clock.advance(seconds + 1)
    assert not remote.held(asks_for(withdrawn.key_id))
    await remote.warm_up()
    assert not remote.held(asks_for(withdrawn.key_id))
    assert await remote.can_serve()
    assert remote.publisher.fetches == 2


async def test_no_store_does_not_make_each_token_cause_a_fetch() -> None:
    remote = await fetched(max_age=0)
    for _ in range(44):
        assert await remote.can_serve()
        remote.clock.advance(1)
    assert remote.publisher.fetches == 1


@pytest.mark.parametrize("max_age", [0, DAY], ids=str)
async def test_however_fresh_a_set_is_called_an_unknown_kid_is_looked_for(max_age: float) -> None:
    remote = await fetched(max_age=max_age)
    assert await remote.can_serve(remote.publisher.rotate())
    assert remote.publisher.fetches == 2


async def test_each_answer_is_asked_anew_how_fresh_it_is() -> None:
    remote = await fetched(max_age=60)
    remote.publisher.max_age = None  # the same set, and no word about its age
    remote.clock.advance(61)
    assert await remote.can_serve()
    remote.clock.advance(449)
    assert await remote.can_serve()
    assert remote.publisher.fetches == 2


async def test_a_short_freshness_does_not_shorten_what_is_kept_through_an_outage() -> None:
    remote = await fetched(max_age=0)
    await remote.stay_out_for(23 * 3600, step=300)
    assert await remote.can_serve()


async def test_a_key_of_a_short_lived_set_is_withdrawn_within_its_freshness_by_warm_hits_alone() -> None:
    remote = await fetched(max_age=60)
    epoch, withdrawn = remote.epoch, remote.publisher.key
    remote.publisher.rotate()
    assert epoch is not None
    remote.clock.advance(48.1)  # 80 % of a minute
    epoch.still_good(remote.clock.monotonic())
    await remote.landed()
    assert not epoch.still_good(remote.clock.monotonic())
    assert not remote.held(asks_for(withdrawn.key_id))
    assert remote.held(asks_for(remote.publisher.key.key_id))
