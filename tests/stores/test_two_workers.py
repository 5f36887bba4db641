"""Two uvicorn workers, a real Redis between them, and a real authorization server that counts what it is asked."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Self

import httpx
import pytest

from tests.redis_server import RedisServer, running_redis
from tests.stores.authority import Authority, running_authority
from tests.stores.workers import Deployment, Worker, running_workers

ACCEPTED, UNAVAILABLE, REFUSED = (200, None), (503, "temporarily_unavailable"), (401, "invalid_token")
RECOVERY = 5.0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    with running_authority() as authority:
        yield authority


@pytest.fixture(scope="module")
def deployment(
    redis: RedisServer, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    env = {"STORES_ISSUER": authority.issuer, "STORES_REDIS": redis.url, "STORES_KEY": secrets.token_hex(32)}
    with running_workers(tmp_path_factory.mktemp("workers"), env) as deployment:
        yield deployment


@pytest.fixture
def workers(deployment: Deployment, redis: RedisServer, authority: Authority) -> Iterator[tuple[Worker, ...]]:
    """The same two for all tests, which leave Redis running and in use."""
    yield deployment.workers
    authority.is_well = True
    redis.resume()
    if not redis.is_running:
        redis.start()
    token = authority.token()
    for worker in deployment.workers:
        wait_until(lambda worker=worker: worker.says(token, "/revocable/me") == ACCEPTED)  # type: ignore[misc]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RECOVERY
    while not condition():
        assert time.monotonic() < deadline, "it does not recover"
        time.sleep(0.05)


# --- together ---


def test_the_answer_to_one_worker_serves_the_other(workers: tuple[Worker, ...], authority: Authority) -> None:
    token = authority.token(sub="alice")
    subjects = [worker.ask(token, "/cached/me").json() for worker in workers * 5]
    assert subjects == [{"subject": "alice"}] * 10
    assert authority.questions[token] == 1


@pytest.mark.parametrize("logout", ["/revocable/logout", "/revocable/logout/everywhere"])
def test_what_one_worker_revokes_the_very_next_request_to_the_other_is_refused(
    workers: tuple[Worker, ...], authority: Authority, logout: str
) -> None:
    one, other = workers
    token, bystander = authority.token(sub=f"user of {logout}"), authority.token(sub="bystander")
    for path in ("/revocable/me", "/open/me"):
        assert other.says(token, path) == ACCEPTED
    assert one.ask(token, logout, "POST").status_code == 204
    for path in ("/revocable/me", "/open/me"):
        assert other.says(token, path) == one.says(token, path) == REFUSED
        assert other.says(bystander, path) == ACCEPTED


def test_nothing_that_the_workers_keep_in_redis_can_be_read(
    workers: tuple[Worker, ...], authority: Authority, redis: RedisServer
) -> None:
    redis.ask("FLUSHALL")
    token = authority.token(sub="alice-the-first", scope="orders:read")
    assert workers[0].says(token, "/revocable/me") == ACCEPTED
    assert workers[0].ask(token, "/revocable/logout", "POST").status_code == 204
    content = redis.content()
    everything = b"\n".join([*content, *content.values()])
    assert len(content) == 2
    assert not any(word.encode() in everything for word in (token, "alice", authority.issuer, "127.0.0.1", "orders"))
    assert all(left > 0 for left in redis.milliseconds_left())


# --- Redis is away ---


def test_while_redis_is_away_the_authorization_server_is_asked_directly(
    workers: tuple[Worker, ...], authority: Authority, redis: RedisServer
) -> None:
    one, other = workers
    known, revoked = authority.token(), authority.token()
    for token in (known, revoked):
        assert one.says(token, "/cached/me") == ACCEPTED
    authority.revoke(revoked)
    redis.kill()
    assert other.says(known, "/cached/me") == ACCEPTED
    assert other.says(revoked, "/cached/me") == REFUSED
    assert (authority.questions[known], authority.questions[revoked]) == (2, 2)


def test_while_both_are_away_nobody_says_yes(
    workers: tuple[Worker, ...], authority: Authority, redis: RedisServer
) -> None:
    one, other = workers
    token = authority.token()
    assert one.says(token, "/cached/me") == ACCEPTED
    redis.kill()
    authority.is_well = False
    assert other.says(token, "/cached/me")[0] == 503


def test_while_redis_is_away_revocations_are_closed_or_open_as_configured(
    workers: tuple[Worker, ...], authority: Authority, redis: RedisServer
) -> None:
    token = authority.token()
    redis.kill()
    for worker in workers * 3:
        closed = worker.ask(token, "/revocable/me")
        assert (closed.status_code, "retry-after" in closed.headers) == (503, True)
        assert "www-authenticate" not in closed.headers
        assert worker.says(token, "/open/me") == ACCEPTED
        assert worker.ask(token, "/cached/logout", "POST").status_code == 502  # and is told so


def test_a_redis_that_hangs_holds_requests_up_and_lets_them_go(
    workers: tuple[Worker, ...], authority: Authority, redis: RedisServer
) -> None:
    token = authority.token()
    redis.hang()
    began = time.monotonic()
    for worker in workers:
        assert worker.says(token, "/cached/me") == ACCEPTED
        assert worker.says(token, "/revocable/me")[0] == 503
    assert time.monotonic() - began < 20


# --- in mid-traffic ---


class Traffic:
    """Requests with good tokens, from several clients at once, until it ends. `seen`: statuses by path."""

    def __init__(self, workers: tuple[Worker, ...], authority: Authority) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self._authority = authority
        self._ends = threading.Event()
        urls = [str(worker.http.base_url) for worker in workers]
        self._threads = [threading.Thread(target=self._ask, args=(url,)) for url in urls * 3]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, url: str) -> None:
        kept = self._authority.token()
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
            while not self._ends.is_set():
                for path in ("/cached/me", "/revocable/me", "/open/me"):
                    for token in (kept, self._authority.token()):
                        answer = http.get(path, headers={"Authorization": f"Bearer {token}"})
                        self.seen[path, answer.status_code] += 1

    def goes_on(self, path: str, status: int, count: int = 10) -> None:
        """Until so many more of them were seen."""
        target = self.seen[path, status] + count
        wait_until(lambda: self.seen[path, status] >= target)


def test_redis_is_killed_and_restarted_in_mid_traffic_and_no_worker_is(
    workers: tuple[Worker, ...], authority: Authority, redis: RedisServer, deployment: Deployment
) -> None:
    with Traffic(workers, authority) as traffic:
        for _ in range(2):
            traffic.goes_on("/revocable/me", 200)
            redis.kill()
            traffic.goes_on("/revocable/me", 503)
            traffic.goes_on("/cached/me", 200)
            redis.start()
            traffic.goes_on("/revocable/me", 200)
    assert {status for path, status in traffic.seen if path == "/revocable/me"} == {200, 503}
    assert {status for path, status in traffic.seen if path != "/revocable/me"} == {200}
    one, other = workers
    token = authority.token(sub="after the restart")
    assert other.says(token, "/revocable/me") == ACCEPTED
    assert one.ask(token, "/revocable/logout", "POST").status_code == 204
    assert other.says(token, "/revocable/me") == REFUSED
    assert "Redis cannot be asked" in deployment.log()
    assert token not in deployment.log()
