"""JWTValidator: from the compact form to the AccessToken, with real signatures and a clock that stands still."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    ConfigurationError,
    InvalidToken,
    JWTValidator,
    Profile,
    Reason,
    StaticKeys,
    profiles,
)
from bearer_guard.authorization_server.epochs import Always
from bearer_guard.jose import ALGORITHMS, Header, VerificationKey
from bearer_guard.testing import FakeIssuer, MovableClock, SigningKey
from bearer_guard.tokens import Epoch

NOW = 1_700_000_000


class StillClock(MovableClock):
    """A clock that moves only when it is told to."""

    def time(self) -> float:
        return NOW + self._offset

    def monotonic(self) -> float:
        return self._offset


@pytest.fixture
def issuer(issuer: FakeIssuer) -> FakeIssuer:
    """The shared issuer, at a time that stands still."""
    issuer.clock = StillClock()
    issuer.server = AuthorizationServer(issuer.issuer, http_client=issuer.http_client, clock=issuer.clock)
    return issuer


def validator_of(issuer: FakeIssuer, **options: Any) -> JWTValidator:
    return JWTValidator(issuer.server, **{"audience": "api", **options})


async def refusal(validator: JWTValidator, token: str) -> InvalidToken:
    with pytest.raises(InvalidToken) as refused:
        await validator.validate(token)
    return refused.value


async def verdict(validator: JWTValidator, token: str) -> tuple[Reason, str | None]:
    """Why a token is refused, and which claim is at fault."""
    error = await refusal(validator, token)
    return error.reason, error.claim


# --- the validated token ----------------------------------------------------------------------------------------------


async def test_a_good_token_becomes_an_access_token(issuer: FakeIssuer) -> None:
    presented = issuer.token(scope="read write", groups=["ops"], roles=["admin"], aud=["api", "files"], exp=60.5)
    token = await validator_of(issuer, leeway=10).validate(presented)
    assert token.issuer == "https://issuer.test"
    assert token.subject == "alice"
    assert token.audience == ("api", "files")
    assert token.client_id == "test-client"
    assert token.scopes == {"read", "write"}
    assert token.groups == {"ops"}
    assert token.roles == {"admin"}
    assert token.expires_at == NOW + 60.5
    assert token.accepted_until == NOW + 70.5
    assert token.claims["aud"] == ("api", "files")
    assert token.epoch is not None


async def test_a_token_that_names_neither_subject_nor_client_is_accepted(issuer: FakeIssuer) -> None:
    token = await validator_of(issuer).validate(issuer.token(sub=None, client_id=None))
    assert (token.subject, token.client_id, token.audience) == (None, None, ("api",))


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_every_algorithm_is_accepted(issuer: FakeIssuer, alg: str) -> None:
    token = await validator_of(issuer).validate(issuer.token(alg=alg))
    assert token.subject == "alice"


async def test_keys_of_your_own_need_no_network(issuer: FakeIssuer) -> None:
    server = AuthorizationServer(issuer.issuer, keys=StaticKeys(issuer.jwks()), clock=issuer.clock)
    token = await JWTValidator(server, audience="api").validate(issuer.token())
    assert token.epoch is not None
    assert issuer.requests == []


@pytest.mark.parametrize("audience", ["api", {"api", "files"}, ["files"], ("x", "api", "files")], ids=repr)
async def test_one_of_the_names_of_the_api_suffices(issuer: FakeIssuer, audience: Any) -> None:
    token = await validator_of(issuer, audience=audience).validate(issuer.token(aud=["files", "api"]))
    assert token.subject == "alice"


@pytest.mark.parametrize("algorithms", ["ES256", {"ES256"}, ["ES256", "EdDSA"]], ids=repr)
async def test_only_the_configured_algorithms_are_accepted(issuer: FakeIssuer, algorithms: Any) -> None:
    validator = validator_of(issuer, algorithms=algorithms)
    assert await verdict(validator, issuer.token(alg="RS256")) == (Reason.ALGORITHM_NOT_ALLOWED, "alg")
    assert issuer.requests == [], "an algorithm is refused before anybody is asked"
    assert (await validator.validate(issuer.token(alg="ES256"))).subject == "alice"


async def test_only_the_listed_clients_are_accepted(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer, client_ids=["batch", "cron"])
    assert (await validator.validate(issuer.token(client_id="cron"))).client_id == "cron"
    assert await verdict(validator, issuer.token()) == (Reason.CLIENT_NOT_ALLOWED, "client_id")
    assert await verdict(validator, issuer.token(client_id=None)) == (Reason.CLIENT_NOT_ALLOWED, "client_id")


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "reason", "claim"),
    [
        ({"exp": -31}, Reason.EXPIRED, "exp"),
        ({"exp": None}, Reason.CLAIM_MISSING, "exp"),
        ({"nbf": 31}, Reason.NOT_YET_VALID, "nbf"),
        ({"iat": 31}, Reason.ISSUED_IN_FUTURE, "iat"),
        ({"aud": "other"}, Reason.AUDIENCE_MISMATCH, "aud"),
        ({"aud": None}, Reason.AUDIENCE_MISSING, "aud"),
        ({"iss": "https://evil.test"}, Reason.ISSUER_MISMATCH, "iss"),
        ({"cnf": "thumbprint"}, Reason.MALFORMED_CLAIM, "cnf"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
async def test_a_genuine_token_that_is_not_for_us_or_not_good_any_more(
    issuer: FakeIssuer, claims: dict[str, Any], reason: Reason, claim: str
) -> None:
    validator = validator_of(issuer)
    await validator.validate(issuer.token())
    assert await verdict(validator, issuer.token(**claims)) == (reason, claim)


@pytest.mark.parametrize("audience", ["api", ["client", "api"]], ids=repr)
@pytest.mark.parametrize("telltale", [{"nonce": "n"}, {"at_hash": "h"}, {"token_use": "id"}, {"typ": "ID"}], ids=str)
async def test_an_id_token_is_refused_by_its_name_though_its_audience_is_ours(
    issuer: FakeIssuer, telltale: dict[str, Any], audience: Any
) -> None:
    id_token = issuer.token(header={"typ": "JWT"}, aud=audience, **telltale)
    assert await verdict(validator_of(issuer), id_token) == (Reason.ID_TOKEN_USED, next(iter(telltale)))


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt", "Application/AT+JWT"])
async def test_a_media_type_is_compared_without_case_and_prefix(issuer: FakeIssuer, typ: str) -> None:
    # RFC 9068 section 2.1, RFC 7515 section 4.1.9
    strict = validator_of(issuer, profile=profiles.RFC_9068)
    assert (await strict.validate(issuer.token(header={"typ": typ}))).subject == "alice"


@pytest.mark.parametrize("typ", ["JWT", None], ids=str)
async def test_the_strict_profile_wants_its_own_type(issuer: FakeIssuer, typ: str | None) -> None:
    token = issuer.token(header={"typ": typ})
    assert (await validator_of(issuer).validate(token)).subject == "alice"
    strict = validator_of(issuer, profile=profiles.RFC_9068)
    assert await verdict(strict, token) == (Reason.TYPE_NOT_ALLOWED, "typ")


async def test_a_token_of_okta_is_read_in_its_dialect(issuer: FakeIssuer) -> None:
    presented = issuer.token(header={"typ": None}, scp=["orders:read"], cid="0oa1", client_id=None, groups=["ops"])
    token = await validator_of(issuer, profile=profiles.OKTA, client_ids={"0oa1"}).validate(presented)
    assert token.scopes == {"orders:read"}
    assert token.client_id == "0oa1"
    assert token.groups == {"ops"}


async def test_a_forged_signature_is_refused_and_fetches_nothing(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    await validator.validate(issuer.token())
    asked = list(issuer.requests)
    forger = SigningKey("RS256")
    forger.key_id = issuer.signing_key().key_id
    assert await verdict(validator, issuer.token(key=forger)) == (Reason.INVALID_SIGNATURE, None)
    assert issuer.requests == asked


async def test_a_signature_of_another_token_is_refused(issuer: FakeIssuer) -> None:
    one, other = issuer.token(sub="alice"), issuer.token(sub="bob")
    mixed = ".".join([*one.split(".")[:2], other.split(".")[2]])
    assert await verdict(validator_of(issuer), mixed) == (Reason.INVALID_SIGNATURE, None)


async def test_a_key_that_our_issuer_does_not_have_is_looked_for_once_and_refused(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    stranger = issuer.token(header={"kid": "stranger"})
    assert await verdict(validator, stranger) == (Reason.UNKNOWN_KEY, "kid")
    asked = list(issuer.requests)
    assert await verdict(validator, stranger) == (Reason.UNKNOWN_KEY, "kid")
    assert issuer.requests == asked, "within the cooldown nobody is asked again"


@pytest.mark.parametrize(
    ("issuer_claim", "reason"),
    [
        ("https://evil.test", Reason.ISSUER_MISMATCH),
        ("https://issuer.test/", Reason.ISSUER_MISMATCH),
        (7, Reason.MALFORMED_CLAIM),
        (None, Reason.CLAIM_MISSING),
    ],
)
async def test_a_token_of_a_wrong_issuer_with_an_unknown_kid_fetches_nothing(
    issuer: FakeIssuer, issuer_claim: Any, reason: Reason
) -> None:
    token = issuer.token(iss=issuer_claim, header={"kid": "stranger"})
    assert await verdict(validator_of(issuer), token) == (reason, "iss")
    assert issuer.requests == []


async def test_without_keys_nothing_is_known_about_a_token(issuer: FakeIssuer) -> None:
    issuer.go_offline()
    with pytest.raises(AuthorizationServerUnavailable) as unknown:
        await validator_of(issuer).validate(issuer.token())
    assert unknown.value.reason is Reason.KEYS_UNAVAILABLE


async def test_refusals_hold_no_part_of_the_token(issuer: FakeIssuer) -> None:
    token = issuer.token(exp=-60, sub="alice-the-secret")
    error = await refusal(validator_of(issuer), token)
    assert "alice" not in str(error) + repr(error) + repr(vars(error))
    assert token.split(".")[1] not in repr(error) + repr(vars(error))


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leeway", [0, 30, 120])
async def test_a_token_expires_to_the_second_of_its_leeway(issuer: FakeIssuer, leeway: int) -> None:
    validator = validator_of(issuer, leeway=leeway)
    token = issuer.token(exp=10)
    issuer.clock.advance(10 + leeway - 0.001)
    assert (await validator.validate(token)).accepted_until == NOW + 10 + leeway
    issuer.clock.advance(0.001)
    assert await verdict(validator, token) == (Reason.EXPIRED, "exp")


@pytest.mark.parametrize(("name", "reason"), [("nbf", Reason.NOT_YET_VALID), ("iat", Reason.ISSUED_IN_FUTURE)])
async def test_a_token_begins_to_the_second_of_its_leeway(issuer: FakeIssuer, name: str, reason: Reason) -> None:
    validator = validator_of(issuer, leeway=30)
    at_the_edge: dict[str, Any] = {name: 30}
    beyond: dict[str, Any] = {name: 31}
    assert (await validator.validate(issuer.token(**at_the_edge))).claims[name] == NOW + 30
    assert await verdict(validator, issuer.token(**beyond)) == (reason, name)


# --- what may be remembered -------------------------------------------------------------------------------------------


class ExchangedKeys:
    """A key source whose set is exchanged while a token waits for it: what it hands out it no longer holds."""

    def __init__(self, keys: StaticKeys) -> None:
        self._keys = keys
        self.was_closed = False

    @property
    def epoch(self) -> Epoch | None:
        return self._keys.epoch

    def held(self, header: Header) -> Sequence[VerificationKey]:
        return ()

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        return self._keys.held(header)

    async def aclose(self) -> None:
        self.was_closed = True


async def test_a_token_whose_keys_were_exchanged_meanwhile_is_valid_and_not_remembered(issuer: FakeIssuer) -> None:
    keys = ExchangedKeys(StaticKeys(issuer.jwks()))
    validator = JWTValidator(AuthorizationServer(issuer.issuer, keys=keys, clock=issuer.clock), audience="api")
    token = await validator.validate(issuer.token())
    assert token.subject == "alice"
    assert token.epoch is None
    assert len(validator._signers) == 0


class Turning(ExchangedKeys):
    """A key source whose set is exchanged right after each look at it, as another thread may do it."""

    def __init__(self, keys: StaticKeys) -> None:
        super().__init__(keys)
        self.epochs: list[Epoch] = [Always()]

    @property
    def epoch(self) -> Epoch:
        return self.epochs[-1]

    @property
    def absence(self) -> Epoch:
        return self.epochs[-1]

    def held(self, header: Header) -> Sequence[VerificationKey]:
        found = self._keys.held(header)
        self.epochs.append(Always())
        return found

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        return self.held(header)


async def test_a_token_is_remembered_with_the_set_that_was_in_force_before_its_key_was_looked_up(
    issuer: FakeIssuer,
) -> None:
    keys = Turning(StaticKeys(issuer.jwks()))
    validator = JWTValidator(AuthorizationServer(issuer.issuer, keys=keys, clock=issuer.clock), audience="api")
    before = keys.epoch
    assert (await validator.validate(issuer.token())).epoch is before


async def test_a_missing_key_is_remembered_with_what_was_true_before_it_was_asked_for(issuer: FakeIssuer) -> None:
    # Else an answer from one key set would count for the next one, if that came in just then.
    validator, token = JWTValidator(issuer.server, audience="api"), issuer.token(header={"kid": "unknown"})
    await validator.validate(issuer.token())
    issuer.rotate_keys()
    issuer.clock.advance(31)
    assert await verdict(validator, token) == (Reason.UNKNOWN_KEY, "kid")  # after it was asked: there is a new set
    (stranger,) = validator._signers._strangers.values()
    assert stranger.epoch is not None
    assert not stranger.epoch.still_good(issuer.clock.monotonic())
    assert await verdict(validator, token) == (Reason.UNKNOWN_KEY, "kid")
    (stranger,) = validator._signers._strangers.values()
    assert stranger.epoch is not None
    assert stranger.epoch.still_good(issuer.clock.monotonic())


class AskedEpoch(Always):
    """An epoch that writes down at which times it was asked about."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []

    def still_good(self, now: float) -> bool:
        self.asked_at.append(now)
        return super().still_good(now)


async def test_whether_a_signer_still_counts_is_asked_in_seconds_that_are_never_set_back(issuer: FakeIssuer) -> None:
    keys = StaticKeys(issuer.jwks())
    keys.epoch = epoch = AskedEpoch()
    validator = JWTValidator(AuthorizationServer(issuer.issuer, keys=keys, clock=issuer.clock), audience="api")
    for _ in range(2):
        await validator.validate(issuer.token())
    assert epoch.asked_at == [issuer.clock.monotonic()]


class Careless(ExchangedKeys):
    """A key source that hands out whatever it has, whether or not it serves the algorithm."""

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        return self._keys.held(Header("ES256", None, None))


async def test_a_key_that_does_not_serve_the_algorithm_is_no_key_for_it(issuer: FakeIssuer) -> None:
    keys = Careless(StaticKeys(issuer.jwks()))
    validator = JWTValidator(AuthorizationServer(issuer.issuer, keys=keys, clock=issuer.clock), audience="api")
    assert await verdict(validator, issuer.token(alg="EdDSA")) == (Reason.UNKNOWN_KEY, "kid")
    assert (await validator.validate(issuer.token(alg="ES256"))).subject == "alice"


async def test_closing_the_validator_closes_its_server(issuer: FakeIssuer) -> None:
    keys = ExchangedKeys(StaticKeys(issuer.jwks()))
    await JWTValidator(AuthorizationServer(issuer.issuer, keys=keys), audience="api").aclose()
    assert keys.was_closed


async def test_nobody_can_be_asked_whether_a_jwt_is_still_good(issuer: FakeIssuer) -> None:
    with pytest.raises(ConfigurationError, match="cannot ask whether a token is still good; leave max_age out"):
        await validator_of(issuer).validate(issuer.token(), max_age=0)


# --- construction -----------------------------------------------------------------------------------------------------


def test_an_issuer_is_the_short_form_of_a_server() -> None:
    validator = JWTValidator("https://id.example.com/", audience={"b", "a"})
    assert validator.server.issuer == "https://id.example.com/"
    assert repr(validator) == "JWTValidator(AuthorizationServer('https://id.example.com/'), audience=['a', 'b'])"


def test_its_clock_is_that_of_its_server(issuer: FakeIssuer) -> None:
    assert validator_of(issuer).clock is issuer.clock


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no audience": ({"audience": None}, r"needs the audience that names your API.*; write audience='https://api"),
    "empty audience": ({"audience": ""}, r"needs the audience that names your API"),
    "empty audiences": ({"audience": []}, r"needs the audience that names your API"),
    "audience with an empty name": (
        {"audience": ["api", ""]},
        r"audience=\['api', ''\] must be names; write audience=",
    ),
    "audience of a number": ({"audience": [7]}, r"audience=\[7\] must be names; write audience=\{'a', 'b'\}"),
    "audience as bytes": ({"audience": b"api"}, r"audience=b'api' must be names"),
    "client_ids as a string": ({"client_ids": "batch"}, r"client_ids='batch' must be names; write client_ids=\{'a', "),
    "client_ids with None": ({"client_ids": {None}}, r"client_ids=\{None\} must be names"),
    "HS256": ({"algorithms": ["HS256"]}, r"HS256 signs with a shared secret.*Let the .* sign with RS256 or ES256"),
    "HS512 among others": ({"algorithms": ["RS256", "HS512"]}, r"algorithm HS512 signs with a shared secret"),
    "none": ({"algorithms": ["none"]}, r"algorithm 'none' is not known; write some of RS256, RS384"),
    "unknown algorithm": ({"algorithms": "RS257"}, r"algorithm 'RS257' is not known; write some of RS256"),
    "algorithm in small letters": ({"algorithms": {"rs256"}}, r"algorithm 'rs256' is not known; write some of RS256"),
    "algorithm None": ({"algorithms": [None]}, r"algorithms=\[None\] must be names"),
    "no algorithms": ({"algorithms": []}, r"algorithms=\[\] must be names; write algorithms="),
    "leeway too long": ({"leeway": 121}, r"leeway=121 is out of range; write seconds from 0 to 120"),
    "leeway negative": ({"leeway": -1}, r"leeway=-1 is out of range"),
    "leeway not a number": ({"leeway": math.nan}, r"leeway=nan is out of range"),
    "leeway infinite": ({"leeway": math.inf}, r"leeway=inf is out of range"),
    "leeway True": ({"leeway": True}, r"leeway=True is out of range"),
    "leeway a string": ({"leeway": "30"}, r"leeway='30' is out of range"),
    "leeway None": ({"leeway": None}, r"leeway=None is out of range"),
    "profile by its name": ({"profile": "okta"}, r"profile='okta' is none; write profile=profiles.OKTA"),
    "profile None": ({"profile": None}, r"profile=None is none"),
    "profile the class": ({"profile": Profile}, r"is none; write profile=profiles.OKTA"),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_told_what_to_write_instead(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        JWTValidator("https://id.example.com", **{"audience": "api", **options})


SLIPS: dict[str, Callable[[], JWTValidator]] = {
    "audience a number": lambda: JWTValidator("https://id.example.com", audience=5),  # type: ignore[arg-type]
    "client_ids a number": lambda: JWTValidator("https://id.example.com", audience="api", client_ids=5),  # type: ignore[arg-type]
    "algorithms None": lambda: JWTValidator("https://id.example.com", audience="api", algorithms=None),  # type: ignore[arg-type]
    "client_ids empty": lambda: JWTValidator("https://id.example.com", audience="api", client_ids=[]),
}


@pytest.mark.parametrize("construct", SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_what_to_write_instead(construct: Callable[[], JWTValidator]) -> None:
    with pytest.raises(ConfigurationError):
        construct()


def test_a_profile_may_be_made_from_another() -> None:
    mine = replace(profiles.OAUTH2, name="mine", required=("sub",))
    assert JWTValidator("https://id.example.com", audience="api", profile=mine).algorithms == set(ALGORITHMS)
