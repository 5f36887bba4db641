"""FakeIssuer.in_place_of(guard): an issuer of a test's own for an application whose guard is made at import."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from threading import Barrier, Thread
from typing import Any

import pytest

from bearer_guard import (
    AccessToken,
    AuthorizationServer,
    BearerGuard,
    ConfigurationError,
    InvalidToken,
    JWTValidator,
    Reason,
    StaticKeys,
    profiles,
)
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient


@pytest.fixture
def substitute_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each issuer of a test has keys of its own; RSA keys take long to make, and elliptic curves prove the same."""
    monkeypatch.setattr("bearer_guard.testing.issuer.new_keys", lambda: {"RS256": SigningKey("ES256")})


pytestmark = pytest.mark.usefixtures("substitute_keys")


async def why_refused(guard: BearerGuard, token: str) -> Reason:
    with pytest.raises(InvalidToken) as caught:
        await guard.validate(token)
    return caught.value.reason


def at_import(issuer: str = "https://id.acme.example/realms/ops", **options: Any) -> BearerGuard:
    """A guard as it is made at import, for an issuer that no test can reach."""
    return BearerGuard(JWTValidator(issuer, **{"audience": {"orders", "billing"}, **options}))


# --- what stands in ---------------------------------------------------------------------------------------------------


async def test_the_issuer_has_the_name_the_audience_and_the_profile_of_the_guard() -> None:
    guard = at_import(profile=profiles.OKTA)
    with FakeIssuer.in_place_of(guard) as issuer:
        assert (issuer.issuer, issuer.audience) == ("https://id.acme.example/realms/ops", "billing")
        assert issuer.profile is profiles.OKTA
        token = await guard.validate(issuer.token(scope="read", client_id="batch"))
    assert (token.issuer, token.audience) == (issuer.issuer, ("billing",))
    assert (token.claims["scp"], token.claims["cid"]) == ("read", "batch")
    assert (token.scopes, token.client_id) == (frozenset({"read"}), "batch")


@pytest.mark.parametrize(
    "name", ["accounts.acme.example", "urn:acme:id", "http://id.acme.example", "http://127.0.0.1:9"]
)
async def test_an_issuer_may_be_a_name_that_is_no_url_to_ask(name: str) -> None:
    server = AuthorizationServer(name, keys=StaticKeys({"keys": [SigningKey("ES256").public_jwk()]}))
    guard = BearerGuard(JWTValidator(server, audience="api"))
    with FakeIssuer.in_place_of(guard) as issuer:
        assert (await guard.validate(issuer.token())).issuer == name


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "other"}, Reason.AUDIENCE_MISMATCH),
        ({"iss": "https://other.example"}, Reason.ISSUER_MISMATCH),
        ({"exp": -60}, Reason.EXPIRED),
        ({"client_id": "stranger"}, Reason.CLIENT_NOT_ALLOWED),
        ({"alg": "RS256", "header": {"alg": "RS256"}}, Reason.ALGORITHM_NOT_ALLOWED),
        ({"nonce": "x"}, Reason.ID_TOKEN_USED),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
async def test_the_guard_is_as_strict_as_before(claims: dict[str, Any], reason: Reason) -> None:
    guard = at_import(client_ids={"batch"}, algorithms={"ES256"})
    with FakeIssuer.in_place_of(guard) as issuer:
        assert (await guard.validate(issuer.token(client_id="batch"))).client_id == "batch"
        assert await why_refused(guard, issuer.token(**{"client_id": "batch", **claims})) is reason


async def test_time_comes_from_the_issuer() -> None:
    guard = at_import()
    with FakeIssuer.in_place_of(guard) as issuer:
        token = issuer.token()
        await guard.validate(token)
        issuer.clock.advance(300 + 31)
        assert await why_refused(guard, token) is Reason.EXPIRED


def test_it_stands_in_for_a_whole_application(make_client: MakeClient) -> None:
    guard = at_import()
    client = make_client(guard)
    with FakeIssuer.in_place_of(guard) as issuer:
        assert client.get("/me", headers=issuer.bearer(scope="read")).json()["scopes"] == ["read"]
        assert client.get("/me").status_code == 401
        issuer.go_offline()
        issuer.clock.advance(25 * 3600)
        assert client.get("/me", headers=issuer.bearer()).status_code == 503


async def test_the_own_keys_of_the_guard_open_nothing_meanwhile(issuer: FakeIssuer, guard: BearerGuard) -> None:
    with FakeIssuer.in_place_of(guard):
        assert await why_refused(guard, issuer.token()) is Reason.UNKNOWN_KEY


# --- afterwards -------------------------------------------------------------------------------------------------------


async def test_afterwards_all_is_as_it_was(issuer: FakeIssuer, guard: BearerGuard) -> None:
    validator = guard.validator
    with FakeIssuer.in_place_of(guard) as substitute:
        theirs = substitute.token()
        await guard.validate(theirs)
        assert guard.validator is not validator
    assert guard.validator is validator
    assert (await guard.validate(issuer.token())).subject == "alice"
    assert await why_refused(guard, theirs) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
async def test_also_after_an_exception(error: type[BaseException], issuer: FakeIssuer, guard: BearerGuard) -> None:
    validator = guard.validator
    with pytest.raises(error), FakeIssuer.in_place_of(guard):
        raise error
    assert guard.validator is validator
    assert (await guard.validate(issuer.token())).subject == "alice"


async def test_what_was_remembered_before_is_still_remembered_and_the_rest_forgotten(
    issuer: FakeIssuer, guard: BearerGuard
) -> None:
    ours = issuer.token()
    remembered: AccessToken = await guard.validate(ours)
    with FakeIssuer.in_place_of(guard) as substitute:
        assert await why_refused(guard, ours) is Reason.UNKNOWN_KEY  # not even what was remembered
        theirs = substitute.token()
        assert await guard.validate(theirs) is await guard.validate(theirs)
    assert await guard.validate(ours) is remembered
    assert await why_refused(guard, theirs) is Reason.UNKNOWN_KEY


# --- several ----------------------------------------------------------------------------------------------------------


async def test_the_inner_one_of_two_counts_until_it_ends(guard: BearerGuard) -> None:
    with FakeIssuer.in_place_of(guard) as outer:
        with FakeIssuer.in_place_of(guard) as inner:
            assert (await guard.validate(inner.token())).subject == "alice"
            assert await why_refused(guard, outer.token()) is Reason.UNKNOWN_KEY
        assert (await guard.validate(outer.token())).subject == "alice"
        assert await why_refused(guard, inner.token()) is Reason.UNKNOWN_KEY


async def test_two_that_end_in_the_wrong_order_end_all_the_same(issuer: FakeIssuer, guard: BearerGuard) -> None:
    validator = guard.validator
    first, second = ExitStack(), ExitStack()
    one, two = (stack.enter_context(FakeIssuer.in_place_of(guard)) for stack in (first, second))
    first.close()
    assert (await guard.validate(two.token())).subject == "alice"
    assert await why_refused(guard, one.token()) is Reason.UNKNOWN_KEY
    second.close()
    assert guard.validator is validator
    assert (await guard.validate(issuer.token())).subject == "alice"


async def test_two_guards_have_an_issuer_each() -> None:
    orders, billing = at_import(audience="orders"), at_import("https://other.example", audience="billing")
    with FakeIssuer.in_place_of(orders) as one, FakeIssuer.in_place_of(billing) as two:
        assert (await orders.validate(one.token())).issuer == one.issuer
        assert (await billing.validate(two.token())).issuer == two.issuer
        assert await why_refused(billing, one.token()) is Reason.ISSUER_MISMATCH


def in_threads(number: int, work: Callable[[], object]) -> None:
    """Does the work in several threads that begin together; raises what they raised."""
    barrier = Barrier(number)
    errors: list[BaseException] = []

    def begin_together() -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  it is raised below
            errors.append(error)

    threads = [Thread(target=begin_together) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def test_tests_in_several_threads_see_each_its_own_issuer(make_client: MakeClient) -> None:
    guard = at_import()
    validator = guard.validator
    served: list[str] = []

    def one_test() -> None:
        for _ in range(3):
            with FakeIssuer.in_place_of(guard) as issuer:
                for _ in range(3):
                    # TestClient runs the application in yet another thread.
                    answer = make_client(guard).get("/me", headers=issuer.bearer(sub=str(id(issuer))))
                    assert answer.json()["subject"] == str(id(issuer))
                    served.append(answer.json()["subject"])

    in_threads(4, one_test)
    assert len(served) == 4 * 3 * 3
    assert guard.validator is validator


def test_a_block_may_be_left_in_another_thread_than_it_was_entered(guard: BearerGuard) -> None:
    # Frameworks run the two halves of a sync fixture or dependency in whatever thread of their pool is free.
    validator = guard.validator
    block = ExitStack()
    in_threads(1, lambda: block.enter_context(FakeIssuer.in_place_of(guard)))
    block.close()
    assert guard.validator is validator


# --- what cannot be stood in for --------------------------------------------------------------------------------------


class ValidatorOfOurs:
    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        raise InvalidToken(Reason.NOT_A_JWT)


def test_another_validator_is_refused_with_advice() -> None:
    guard = BearerGuard(ValidatorOfOurs())
    with (
        pytest.raises(ConfigurationError, match="ValidatorOfOurs cannot be stood in for; make the guard in a function"),
        FakeIssuer.in_place_of(guard),
    ):
        pytest.fail("something stands in for it")


def test_a_server_of_another_issuer_is_no_substitute(issuer: FakeIssuer) -> None:
    validator = JWTValidator("https://id.acme.example", audience="api")
    with pytest.raises(ConfigurationError, match="is another issuer than"):
        validator.with_server(issuer.server)
