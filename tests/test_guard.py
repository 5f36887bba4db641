"""BearerGuard: the five questions in their order, and the memory of validated tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bearer_guard import (
    AccessToken,
    AuthorizationHeader,
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    Claim,
    ConfigurationError,
    Credentials,
    Groups,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    JWTValidator,
    MissingToken,
    Reason,
    Refusal,
    Requirement,
    Roles,
    Scopes,
)
from bearer_guard.testing import FakeIssuer
from tests.test_tokens import token_with
from tests.validators.test_jwt import StillClock


def scope_of(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/", "headers": list(headers)}


def presenting(token: str) -> dict[str, Any]:
    return scope_of((b"authorization", f"Bearer {token}".encode()))


class Epoch:
    """An epoch that ends when it is told to."""

    def __init__(self) -> None:
        self.good = True
        self.asked_at: list[float] = []

    def still_good(self, now: float) -> bool:
        self.asked_at.append(now)
        return self.good


class CountingValidator:
    """A validator of an application's own: it accepts every token, and counts how often it is asked."""

    def __init__(self, epoch: Epoch | None = None, claims: dict[str, Any] | None = None, leeway: float = 0) -> None:
        self.clock = StillClock()
        self.leeway = leeway
        self.asked: list[tuple[str, float | None]] = []
        self.epoch = epoch
        self.claims = claims
        self.was_closed = 0

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        self.asked.append((token, max_age))
        until = self.clock.time() + 60
        return token_with(self.claims, subject=token, expires_at=until, leeway=self.leeway, epoch=self.epoch)

    async def aclose(self) -> None:
        self.was_closed += 1


class PlainValidator:
    """The least that is one: no clock, no epoch, nothing to close."""

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        if token != "good":
            raise InvalidToken(Reason.EXPIRED)
        return token_with()


@dataclass
class Elsewhere:
    """A source of an application's own: the token stands in a header of another name."""

    name: bytes

    def find(self, scope: Mapping[str, Any]) -> Credentials | None:
        values = [value for name, value in scope["headers"] if name == self.name]
        return Credentials(values[0].decode()) if values else None


# --- 1. where is the token --------------------------------------------------------------------------------------------

X, Y = Elsewhere(b"x-token"), Elsewhere(b"y-token")


def test_a_token_is_found_by_whichever_source_has_it() -> None:
    guard = BearerGuard(PlainValidator(), sources=[AuthorizationHeader(), X, Y])
    assert guard.find(presenting("one")) == Credentials("one")
    assert guard.find(scope_of((b"x-token", b"two"))) == Credentials("two")
    assert guard.find(scope_of((b"y-token", b"three"))) == Credentials("three")
    assert guard.find(scope_of()) is None


@pytest.mark.parametrize("second", [b"one", b"two"], ids=["the same token", "another token"])
@pytest.mark.parametrize("sources", [(X, Y), (Y, X), (AuthorizationHeader(), X, Y)], ids=["xy", "yx", "three"])
def test_two_sources_that_both_present_a_token_are_refused(sources: tuple[Any, ...], second: bytes) -> None:
    # RFC 6750 section 2: clients must not use more than one method in each request.
    guard = BearerGuard(PlainValidator(), sources=sources)
    with pytest.raises(InvalidRequest) as refused:
        guard.find(scope_of((b"x-token", b"one"), (b"y-token", second)))
    assert refused.value.reason is Reason.SEVERAL_TOKENS


def test_without_sources_of_your_own_the_authorization_header_alone_is_read() -> None:
    guard = BearerGuard(PlainValidator())
    assert guard.find(presenting("one")) == Credentials("one")
    assert guard.find(scope_of((b"x-token", b"two"), (b"cookie", b"access_token=three"))) is None


# --- the order of the questions ---------------------------------------------------------------------------------------


async def test_a_request_without_a_token_asks_no_validator() -> None:
    validator = CountingValidator()
    assert await BearerGuard(validator).authenticate(scope_of()) is None
    assert validator.asked == []


async def test_a_malformed_request_asks_no_validator() -> None:
    validator = CountingValidator()
    with pytest.raises(InvalidRequest):
        await BearerGuard(validator).authenticate(scope_of((b"authorization", b"Bearer !")))
    assert validator.asked == []


async def test_a_request_with_a_token_is_asked_all_of_them(guard: BearerGuard, issuer: FakeIssuer) -> None:
    token = await guard.authenticate(presenting(issuer.token(scope="read")))
    assert token is not None
    assert token.subject == "alice"
    guard.authorize(token, Scopes("read"))
    with pytest.raises(InsufficientScope):
        guard.authorize(token, Scopes("write"))


async def test_what_the_validator_raises_comes_straight_up() -> None:
    with pytest.raises(InvalidToken):
        await BearerGuard(PlainValidator()).authenticate(presenting("bad"))


def recalled(guard: BearerGuard, token: str) -> AccessToken | None:
    """The token, if nobody has to be waited for."""
    accepted = guard.accepted(Credentials(token))
    if isinstance(accepted, AccessToken):
        return accepted
    accepted.close()
    return None


# --- 3. is it this sender's -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confirmation", [{"jkt": "t"}, {"x5t#S256": "t"}, {}, None], ids=str)
async def test_a_token_that_is_bound_to_a_key_is_refused_from_every_door(confirmation: Any) -> None:
    # RFC 7800 section 3: it is good only with a proof of that key, and nothing here proves one.
    guard = BearerGuard(CountingValidator(Epoch(), {"cnf": confirmation}))
    for ask in (guard.authenticate(presenting("t")), guard.authenticate(presenting("t")), guard.validate("t")):
        with pytest.raises(InvalidToken) as refused:
            await ask
        assert (refused.value.reason, refused.value.claim) == (Reason.UNPROVEN_CONFIRMATION, "cnf")
    assert recalled(guard, "t") is None


async def test_a_signed_token_with_a_confirmation_is_refused(guard: BearerGuard, issuer: FakeIssuer) -> None:
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(issuer.token(cnf={"jkt": "thumbprint"}))
    assert refused.value.reason is Reason.UNPROVEN_CONFIRMATION


# --- 4. may it do this ------------------------------------------------------------------------------------------------

TOKEN = token_with({"tenant": "acme"}, scopes=frozenset({"read"}), groups=frozenset({"staff"}))


class Never(Requirement):
    """A requirement of an application's own that nobody meets."""

    def holds(self, token: AccessToken) -> bool:
        return False


@pytest.mark.parametrize(
    ("requirement", "reason", "scopes"),
    [
        (Scopes("read", "write"), Reason.INSUFFICIENT_SCOPE, ("read", "write")),
        (Scopes("write") & Groups("staff"), Reason.INSUFFICIENT_SCOPE, ("write",)),
        (Groups("board"), Reason.MISSING_GROUP, ()),
        (Scopes("read") & Groups("board"), Reason.MISSING_GROUP, ()),
        (Groups("board") & Scopes("write"), Reason.MISSING_GROUP, ()),
        (Roles("admin"), Reason.MISSING_ROLE, ()),
        (Claim("tenant", "evil"), Reason.UNMET_CLAIM, ()),
        (Never(), Reason.UNMET_REQUIREMENT, ()),
        (Groups("board") | Scopes("write"), Reason.INSUFFICIENT_SCOPE, ("write",)),
        (Groups("board") | Roles("admin"), Reason.MISSING_GROUP, ()),
        (Scopes("write") & Groups("board"), Reason.MISSING_GROUP, ()),
    ],
    ids=repr,
)
def test_a_token_that_may_not_is_told_which_scopes_would_help(
    requirement: Requirement, reason: Reason, scopes: tuple[str, ...]
) -> None:
    with pytest.raises(InsufficientScope) as refused:
        BearerGuard(PlainValidator()).authorize(TOKEN, requirement)
    assert refused.value.reason is reason
    assert refused.value.scopes == scopes
    assert refused.value.requirement == requirement


@pytest.mark.parametrize("requirement", [Scopes("read"), Groups("staff") | Scopes("write"), Claim("tenant", "acme")])
def test_a_token_that_may_passes(requirement: Requirement) -> None:
    BearerGuard(PlainValidator()).authorize(TOKEN, requirement)


@pytest.mark.parametrize(
    ("requirement", "scopes"),
    [(Scopes("a", "b"), ("a", "b")), (Groups("staff"), ()), (Groups("g") | Scopes("a"), ("a",))],
    ids=repr,
)
def test_without_a_token_the_scopes_are_named_that_would_do(requirement: Requirement, scopes: tuple[str, ...]) -> None:
    with pytest.raises(MissingToken) as refused:
        BearerGuard(PlainValidator()).authorize(None, requirement)
    assert refused.value.scopes == scopes


# --- 5. how do we say no ----------------------------------------------------------------------------------------------


def test_a_missing_token_is_401_with_a_bare_challenge_by_default() -> None:
    refusal = BearerGuard(PlainValidator()).refusal(MissingToken())
    assert refusal.status == 401
    assert dict(refusal.headers)["www-authenticate"] == "Bearer"


def test_a_missing_token_is_400_where_that_is_the_convention() -> None:
    refusal = BearerGuard(PlainValidator(), missing_token="invalid_request").refusal(MissingToken(("read",)))
    assert refusal.status == 400
    assert dict(refusal.headers)["www-authenticate"] == (
        'Bearer error="invalid_request", error_description="The access token is missing."'
    )


def test_the_realm_is_named_in_every_challenge() -> None:
    guard = BearerGuard(PlainValidator(), realm="orders")
    for error in (MissingToken(), InvalidToken(Reason.EXPIRED), InvalidRequest(Reason.SEVERAL_TOKENS)):
        assert dict(guard.refusal(error).headers)["www-authenticate"].startswith('Bearer realm="orders"')


def test_a_refusal_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    BearerGuard(PlainValidator()).refusal(InvalidToken(Reason.INVALID_SIGNATURE))
    assert [vars(record)["reason"] for record in caplog.records] == ["invalid_signature"]


def test_on_error_sees_the_error_and_its_refusal_and_what_it_returns_is_sent() -> None:
    seen: list[tuple[BearerError, Refusal]] = []

    def on_error(error: BearerError, refusal: Refusal) -> Refusal:
        seen.append((error, refusal))
        return replace(refusal, status=418)

    error = InvalidToken(Reason.EXPIRED)
    usual = BearerGuard(PlainValidator()).refusal(error)
    assert BearerGuard(PlainValidator(), on_error=on_error).refusal(error) == replace(usual, status=418)
    assert seen == [(error, usual)]


def _raising(error: BearerError, refusal: Refusal) -> Refusal:
    raise RuntimeError("a defect")


@pytest.mark.parametrize(
    "on_error",
    [_raising, lambda _error, _refusal: None, lambda _error, _refusal: {"status": 200}, lambda _error: None],
    ids=["raises", "returns None", "returns a dict", "takes too little"],
)
def test_an_on_error_that_fails_does_not_let_anybody_in(on_error: Any, caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidToken(Reason.EXPIRED)
    usual = BearerGuard(PlainValidator()).refusal(error)
    assert BearerGuard(PlainValidator(), on_error=on_error).refusal(error) == usual
    sentence = "on_error made no refusal that can be sent: the usual one is sent instead"
    assert (sentence, "ERROR") in [(record.getMessage(), record.levelname) for record in caplog.records]


# --- the memory of validated tokens -----------------------------------------------------------------------------------


async def test_a_remembered_token_is_not_validated_again() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator)
    first = await guard.authenticate(presenting("t"))
    assert await guard.authenticate(presenting("t")) is first
    assert await guard.validate("t") is first
    assert validator.asked == [("t", None)]
    await guard.validate("u")
    assert validator.asked[1:] == [("u", None)]


async def test_a_remembered_jwt_is_not_verified_again(guard: BearerGuard, issuer: FakeIssuer) -> None:
    token = issuer.token()
    assert await guard.validate(token) is await guard.validate(token)


async def test_what_has_no_epoch_is_not_remembered() -> None:
    validator = CountingValidator(epoch=None)
    guard = BearerGuard(validator)
    assert await guard.validate("t") is not await guard.validate("t")
    assert len(validator.asked) == 2
    assert len(guard._answering[-1]._remembered) == 0


async def test_remember_0_remembers_nothing() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator, remember=0)
    assert await guard.validate("t") is not await guard.validate("t")
    assert len(validator.asked) == 2


async def test_the_memory_is_bounded_and_forgets_what_was_not_asked_for_longest() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator, remember=4)
    for number in range(100):
        await guard.validate(f"t{number}")
        assert len(guard._answering[-1]._remembered) <= 4
    validator.asked.clear()
    await guard.validate("t99")
    await guard.validate("t0")
    assert validator.asked == [("t0", None)]


async def test_a_remembered_token_expires_to_the_second() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator)
    first = await guard.validate("t")
    validator.clock.advance(59.999)
    assert await guard.validate("t") is first
    validator.clock.advance(0.001)
    assert await guard.validate("t") is not first
    assert len(validator.asked) == 2


async def test_an_epoch_that_says_no_ends_its_tokens() -> None:
    epoch = Epoch()
    validator = CountingValidator(epoch)
    guard = BearerGuard(validator)
    first = await guard.validate("t")
    epoch.good = False
    assert await guard.validate("t") is not first
    # ... and is asked in the seconds of the validator's own clock.
    assert epoch.asked_at == [validator.clock.monotonic()]


async def test_a_withdrawn_key_ends_its_remembered_tokens(guard: BearerGuard, issuer: FakeIssuer) -> None:
    token = issuer.token(exp=3600)
    await guard.validate(token)
    issuer.rotate_keys()
    await guard.validate(issuer.token())
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(token)
    assert refused.value.reason is Reason.UNKNOWN_KEY


async def test_a_remembered_token_that_expired_is_refused(guard: BearerGuard, issuer: FakeIssuer) -> None:
    token = issuer.token(exp=10)
    await guard.validate(token)
    issuer.clock.advance(41)
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(token)
    assert refused.value.reason is Reason.EXPIRED


@pytest.mark.parametrize("what", ["time", "epoch"])
async def test_what_is_no_longer_good_is_forgotten(what: str) -> None:
    epoch = Epoch()
    validator = CountingValidator(epoch)
    guard = BearerGuard(validator)
    await guard.validate("t")
    if what == "time":
        validator.clock.advance(60)
    epoch.good = what != "epoch"
    assert recalled(guard, "t") is None
    assert len(guard._answering[-1]._remembered) == 0


async def test_a_remembered_token_is_recalled_without_waiting() -> None:
    guard = BearerGuard(CountingValidator(Epoch()))
    assert recalled(guard, "t") is None
    remembered = await guard.validate("t")
    assert recalled(guard, "t") is remembered
    assert recalled(guard, "u") is None


async def test_what_is_in_the_older_half_of_the_memory_is_remembered_too() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator, remember=4)
    tokens = [await guard.validate(token) for token in "abc"]
    assert [recalled(guard, token) for token in "abc"] == tokens


async def test_a_remembered_token_is_good_to_the_end_of_its_leeway() -> None:
    validator = CountingValidator(Epoch(), leeway=30)
    guard = BearerGuard(validator)
    remembered = await guard.validate("t")
    validator.clock.advance(89.9)
    assert recalled(guard, "t") is remembered
    validator.clock.advance(0.1)
    assert recalled(guard, "t") is None


async def test_what_was_remembered_counts_for_nothing_while_another_validator_decides() -> None:
    guard = BearerGuard(CountingValidator(Epoch()))
    remembered = await guard.validate("t")
    with guard.validating_with(CountingValidator(Epoch())):
        assert recalled(guard, "t") is None
        substitute = await guard.validate("t")
        assert recalled(guard, "t") is substitute
    assert recalled(guard, "t") is remembered


async def test_a_refused_token_is_not_remembered() -> None:
    class Moody(CountingValidator):
        async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
            accepted = await super().validate(token, max_age=max_age)
            if len(self.asked) == 1:
                raise AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE)
            return accepted

    guard = BearerGuard(Moody(Epoch()))
    with pytest.raises(AuthorizationServerUnavailable):
        await guard.validate("t")
    assert (await guard.validate("t")).subject == "t"


async def test_an_answer_of_a_given_age_is_not_taken_from_memory() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator)
    remembered = await guard.validate("t")
    assert await guard.validate("t", max_age=0) is not remembered
    assert validator.asked == [("t", None), ("t", 0)]
    assert await guard.validate("t") is remembered


async def test_the_memory_holds_no_token() -> None:
    guard = BearerGuard(CountingValidator(Epoch()))
    token = await guard.validate("a-token")
    assert token.subject == "a-token", "this validator puts it there; the keys of the memory must not"
    assert all(
        b"a-token" not in key
        for key in [*guard._answering[-1]._remembered.young, *guard._answering[-1]._remembered._old]
    )


async def test_a_token_of_any_characters_is_a_verdict_and_no_crash(guard: BearerGuard) -> None:
    # An entry point without a request hands over what it has.
    for token in ("", "\ud800", "ä.ö.ü", "a" * 100_000, "..", "a.b.c.d.e"):
        with pytest.raises(InvalidToken):
            await guard.validate(token)


# --- a validator of your own ------------------------------------------------------------------------------------------


async def test_a_validator_needs_neither_clock_nor_epoch_nor_anything_to_close() -> None:
    async with BearerGuard(PlainValidator()) as guard:
        assert (await guard.validate("good")).subject == "alice"
        with pytest.raises(InvalidToken):
            await guard.validate("bad")


async def test_closing_the_guard_closes_its_validator_and_it_can_be_used_again() -> None:
    validator = CountingValidator()
    guard = BearerGuard(validator)
    async with guard as entered:
        assert entered is guard
        assert validator.was_closed == 0
    await guard.aclose()
    assert validator.was_closed == 2
    assert (await guard.validate("t")).subject == "t"


async def test_the_validator_is_closed_when_the_block_fails() -> None:
    validator = CountingValidator()
    with pytest.raises(RuntimeError, match="a defect"):
        async with BearerGuard(validator):
            raise RuntimeError("a defect")
    assert validator.was_closed == 1


def test_a_guard_shows_its_validator() -> None:
    guard = BearerGuard(JWTValidator("https://id.example.com", audience="api"))
    assert repr(guard) == "BearerGuard(JWTValidator(AuthorizationServer('https://id.example.com'), audience=['api']))"


# --- construction -----------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "an issuer for a validator": (
        lambda: BearerGuard("https://id.example.com"),  # type: ignore[arg-type]
        r"takes a validator, not str; write BearerGuard\(JWTValidator\('https://id.example.com', audience=",
    ),
    "None for a validator": (lambda: BearerGuard(None), r"takes a validator, not NoneType"),  # type: ignore[arg-type]
    "no sources": (lambda: BearerGuard(PlainValidator(), sources=[]), r"sources=\[\] would find no token; leave it"),
    "remember True": (lambda: BearerGuard(PlainValidator(), remember=True), r"remember=True is no number of tokens"),
    "remember negative": (lambda: BearerGuard(PlainValidator(), remember=-1), r"remember=-1 .*; write 0 to remember"),
    "remember a half": (lambda: BearerGuard(PlainValidator(), remember=0.5), r"remember=0.5 is no number"),  # type: ignore[arg-type]
    "remember None": (lambda: BearerGuard(PlainValidator(), remember=None), r"remember=None is no number"),  # type: ignore[arg-type]
    "realm with a quote": (lambda: BearerGuard(PlainValidator(), realm='a"b'), r"realm='a\"b' cannot stand in a"),
    "an unknown convention": (
        lambda: BearerGuard(PlainValidator(), missing_token="401"),
        r"missing_token='401' is not known; write missing_token='challenge' .* or missing_token='invalid_request'",
    ),
}


@pytest.mark.parametrize(("construct", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_told_what_to_write_instead(construct: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        construct()


SLIPS: dict[str, dict[str, Any]] = {
    "one source and no list": {"sources": AuthorizationHeader()},
    "a source that finds nothing": {"sources": ["Authorization"]},
    "a source by its class": {"sources": [AuthorizationHeader]},
    "realm a number": {"realm": 5},
    "on_error no function": {"on_error": "log"},
}


@pytest.mark.parametrize("options", SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_what_to_write_instead(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        BearerGuard(PlainValidator(), **options)


def test_what_a_token_may_do_is_not_decided_by_a_subclass_of_the_guard() -> None:
    # A guarded route asks the request's own state: an authorize() of somebody else would not be called there.
    with pytest.raises(ConfigurationError, match="overrides authorize"):

        class Stricter(BearerGuard):
            def authorize(self, token: AccessToken | None, requirement: Requirement | None) -> None:  # type: ignore[misc]
                raise InsufficientScope(Reason.UNMET_REQUIREMENT)


def test_a_subclass_that_leaves_the_decision_alone_is_a_guard_like_any_other() -> None:
    class Named(BearerGuard):
        def __repr__(self) -> str:
            return "Named()"

    assert repr(Named(CountingValidator())) == "Named()"


async def test_what_long_tokens_weigh_together_is_bounded() -> None:
    validator = CountingValidator(Epoch())
    guard = BearerGuard(validator, remember=100_000)
    for number in range(3000):
        await guard.validate(f"{number:04}" + "x" * 16_000)
    remembered = guard._answering[-1]._remembered
    assert 500 < len(remembered) <= 16 * 1024 * 1024 / 16_004
    for number in range(3000):
        await guard.validate(f"{number:04}" + "x" * 1000)
    assert len(remembered) >= 3000  # the short ones are bounded by their number
