"""A token shows itself nowhere: not in logs, errors, reprs, pickles, answers, nor in what is remembered."""

import asyncio
import gc
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from types import FunctionType, ModuleType

import pytest

from bearer_guard import AccessToken, BearerGuard, Credentials, Groups, JWTValidator, Scopes
from bearer_guard.errors import BearerError, Reason
from bearer_guard.jose import CompactJWS, encode_base64url
from bearer_guard.testing import FakeIssuer, SigningKey
from bearer_guard.web import GuardedRequest
from tests.security.target import Target, claims_of, sent, signed, signed_with_secret, unsigned

CANARY = "c4n4ry"
"""Stands in claims and header parameters of all these tokens."""


def bad_tokens(issuer: FakeIssuer) -> dict[str, str]:
    """A token for each way to be refused, all with the canary in them."""
    key, stranger = issuer.signing_key("ES256"), SigningKey("ES256")
    good = claims_of(issuer, sub=CANARY, jti=CANARY, email=f"{CANARY}@a.test")
    first, second, third = signed(key, {"x": CANARY}, good).split(".")
    return {
        "opaque": f"opaque-{CANARY}-token",
        "two segments": f"{first}.{second}",
        "encrypted": f"{first}.{second}.{third}.{second}.{third}",
        "broken base64 in the header": f"{first}A.{second}.{third}",
        "broken base64 in the signature": f"{first}.{second}.{third}~",
        "broken JSON in the header": signed(key, b'{"alg":"ES256","x":"%s"' % CANARY.encode(), good),
        "broken JSON in the payload": signed(key, payload=json.dumps(good).encode()[:-1]),
        "an array": signed(key, payload=[CANARY]),
        "duplicate members": signed(key, payload=b'{"%s":1,"%s":2}' % (CANARY.encode(), CANARY.encode())),
        "a number beyond reason": signed(key, payload=b'{"%s":%s}' % (CANARY.encode(), b"1" * 50)),
        "a lone surrogate": signed(key, payload=b'{"%s":"\\ud800"}' % CANARY.encode()),
        "deep": signed(key, payload=b'{"%s":%s}' % (CANARY.encode(), b"[" * 5000)),
        "alg none": unsigned({"alg": "none", "x": CANARY}, good),
        "an unknown alg": signed(key, {"alg": CANARY}, good),
        "alg no string": signed(key, {"alg": [CANARY]}, good),
        "HMAC": signed_with_secret("HS256", b"secret", {"x": CANARY}, good),
        "crit": signed(key, {"crit": [CANARY]}, good),
        "an unknown kid": signed(key, {"kid": CANARY}, good),
        "a known kid": signed(stranger, {"kid": key.key_id}, good),
        "a type": signed(key, {"typ": CANARY}, good),
        "a tampered payload": f"{first}.{encode_base64url(json.dumps({**good, 'sub': 'x'}).encode()).decode()}.{third}",
        **{
            f"{claim}={value!r}": signed(key, {"x": CANARY}, {**good, claim: value})
            for claim, value in {
                "iss": f"https://{CANARY}.test",
                "aud": CANARY,
                "exp": 1,
                "nbf": 10**12,
                "iat": 10**12,
                "sub": [CANARY],
                "scope": {CANARY: 1},
                "client_id": [CANARY],
                "cnf": {"jkt": CANARY},
                "nonce": CANARY,
                "typ": "Refresh",
                "events": {CANARY: {}},
            }.items()
        },
    }  # fmt: skip


MISSING = {Reason.AUDIENCE_MISSING, Reason.CLAIM_MISSING, Reason.CLIENT_NOT_ALLOWED}
"""Reasons that these tokens do not meet: for them something must be missing."""
TOLD = {Reason.INACTIVE, Reason.REVOKED, Reason.USERINFO_MISMATCH}
"""Reasons that no token carries within itself: for them somebody else is asked, and here is nobody."""


def secrets_of(token: str) -> set[str]:
    """What must show up nowhere: the canary and every segment, whole or in half."""
    segments = [segment for segment in token.split(".") if len(segment) >= 12]
    halves = {segment[start : start + len(segment) // 2] for segment in segments for start in (0, len(segment) // 2)}
    return {CANARY, token, *segments, *halves}


def assert_hidden(token: str, *shown: object) -> None:
    told = "\n".join(map(str, shown))
    assert [secret for secret in secrets_of(token) if secret in told] == []


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The records of all loggers, of all levels."""
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def told_by(record: logging.LogRecord) -> str:
    return f"{record.getMessage()} {record.__dict__!r} {logging.Formatter().format(record)}"


def error_for(target: Target, token: str) -> BearerError:
    target.errors.clear()
    sent(target.guard, b"Bearer " + token.encode())
    [error] = target.errors
    return error


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it, told or suppressed."""
    if error is not None:
        yield error
        yield from chain_of(error.__cause__)
        yield from chain_of(error.__context__)


# --- logs, answers and errors -----------------------------------------------------------------------------------------


def test_no_log_record_and_no_answer_shows_anything_of_a_bad_token(
    target: Target, everything: pytest.LogCaptureFixture
) -> None:
    tokens = bad_tokens(target.issuer)
    answers = {token: sent(target.guard, b"Bearer " + token.encode()) for token in tokens.values()}
    assert {answer.status for answer in answers.values()} == {401}
    refusals = [record for record in everything.records if "refused: " in record.getMessage()]
    assert len(refusals) == len(tokens)
    told = "\n".join(map(told_by, everything.records))
    for token, answer in answers.items():
        assert_hidden(token, told, answer)


def test_the_run_of_bad_tokens_meets_nearly_every_reason(target: Target) -> None:
    met = {error_for(target, token).reason for token in bad_tokens(target.issuer).values()}
    verdicts = list(Reason)[list(Reason).index(Reason.NOT_A_JWT) : list(Reason).index(Reason.INSUFFICIENT_SCOPE)]
    assert set(verdicts) - met == MISSING | TOLD


def test_no_log_record_shows_anything_of_a_malformed_header(
    target: Target, everything: pytest.LogCaptureFixture
) -> None:
    token = target.issuer.token(alg="ES256", sub=CANARY)
    for template in ("Bearer {} x", "Bearer\t{}", "Bearer {0},{0}", "Basic {}", "{}", "Bearer {}" + "x" * 20_000):
        assert_hidden(token, sent(target.guard, template.format(token).encode()))
    assert everything.records
    assert_hidden(token, *map(told_by, everything.records))


def test_no_log_record_shows_anything_of_a_good_token_or_of_one_that_may_not(
    target: Target, everything: pytest.LogCaptureFixture
) -> None:
    token = target.issuer.token(alg="ES256", sub=CANARY, scope=CANARY, groups=[CANARY], client_id=CANARY)
    assert target.status(token) == 200
    with pytest.raises(BearerError) as caught:
        target.guard.authorize(asyncio.run(target.guard.validate(token)), Scopes("admin") & Groups("staff"))
    refusal = target.guard.refusal(caught.value)
    assert_hidden(token, refusal, *map(told_by, everything.records), *map(repr, chain_of(caught.value)))


def test_no_log_record_shows_anything_of_a_token_while_the_issuer_is_away(
    issuer: FakeIssuer, everything: pytest.LogCaptureFixture
) -> None:
    issuer.go_offline()
    target, token = Target(issuer), issuer.token(alg="ES256", sub=CANARY)
    assert sent(target.guard, b"Bearer " + token.encode()).status == 503
    assert any(record.levelno == logging.ERROR for record in everything.records)
    assert_hidden(token, *map(told_by, everything.records), *map(repr, chain_of(target.errors[0])))


def test_no_log_record_shows_anything_of_a_token_when_on_error_fails(
    issuer: FakeIssuer, everything: pytest.LogCaptureFixture
) -> None:
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), on_error=lambda _error, _refusal: 1 // 0)  # type: ignore[arg-type,return-value]
    token = issuer.token(alg="ES256", sub=CANARY, exp=-60)
    assert sent(guard, b"Bearer " + token.encode()).status == 401
    assert any(record.exc_info for record in everything.records)
    assert_hidden(token, *map(told_by, everything.records))


def test_no_error_holds_anything_of_a_token(target: Target) -> None:
    for token in bad_tokens(target.issuer).values():
        error = error_for(target, token)
        for link in chain_of(error):
            assert_hidden(token, str(link), repr(link), repr(link.args), repr(vars(link)))
        assert_hidden(token, *traceback.format_exception(error), pickle.dumps(error))


# --- reprs and pickles ------------------------------------------------------------------------------------------------


async def test_no_repr_shows_anything_of_a_token(target: Target, key: SigningKey) -> None:
    token = signed(key, {"x": CANARY}, claims_of(target.issuer, jti=CANARY, email=CANARY))
    access = await target.guard.validate(token)
    credentials = Credentials(token)
    guarded = GuardedRequest(target.guard, credentials, access, "required")
    objects = (target.guard, target.guard.validator, access, credentials, guarded, CompactJWS(token))
    assert_hidden(token, *map(repr, objects), *map(str, objects))


async def test_a_pickle_of_an_access_token_holds_nothing_of_the_presented_token(
    target: Target, key: SigningKey
) -> None:
    token = signed(key, payload=claims_of(target.issuer))
    access = await target.guard.validate(token)
    assert_hidden(token, pickle.dumps(access))
    assert isinstance(pickle.loads(pickle.dumps(access)), AccessToken)  # noqa: S301  our own


async def test_credentials_are_not_pickled_however_they_are_wrapped(target: Target) -> None:
    token = target.issuer.token(alg="ES256")
    credentials, access = Credentials(token), await target.guard.validate(token)
    for secret in (credentials, [credentials], GuardedRequest(target.guard, credentials, access, "required")):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            # Whatever refuses first: what stands around them cannot be pickled, either.
            with pytest.raises((TypeError, pickle.PicklingError)):
                pickle.dumps(secret, protocol)


# --- memory -----------------------------------------------------------------------------------------------------------


def texts_within(*roots: object) -> Iterator[str]:
    """Every string and every byte string that can be reached from some objects; code is not followed."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, type | ModuleType | FunctionType):
            continue
        seen.add(id(found))
        if isinstance(found, str):
            yield found
        elif isinstance(found, bytes | bytearray):
            yield found.decode("latin-1")
        else:
            waiting.extend(gc.get_referents(found))


def test_what_can_be_reached_is_found() -> None:
    guard = BearerGuard(JWTValidator("https://issuer.test", audience=CANARY))
    assert CANARY in texts_within(guard)


async def test_nothing_of_a_presented_token_can_be_reached_from_a_guard(guard: BearerGuard, issuer: FakeIssuer) -> None:
    good = [issuer.token(alg="ES256", sub=f"{CANARY}-{number}") for number in range(10)]
    bad = bad_tokens(issuer).values()
    for token in good:
        await guard.validate(token)
    for token in bad:
        with pytest.raises(BearerError):
            await guard.validate(token)
    reached = "\n".join(texts_within(guard))
    assert all(f"{CANARY}-{number}" in reached for number in range(10))  # the claims are remembered
    # Headers under a genuine signature are remembered: they say no more than the key set does.
    headers = " ".join(token.partition(".")[0] for token in (*good, *bad))
    spelled = {text for text in set().union(*map(secrets_of, (*good, *bad))) - {CANARY} if text not in headers}
    assert [text for text in spelled if text in reached] == []
