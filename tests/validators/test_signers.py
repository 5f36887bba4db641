"""The memory of signers spares reading a header and looking up its key. No verdict comes out of it."""

from collections.abc import Sequence
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    InvalidToken,
    JWTValidator,
    Reason,
    StaticKeys,
    profiles,
)
from bearer_guard.jose import Header, VerificationKey, encode_base64url
from bearer_guard.testing import FakeIssuer, SigningKey
from bearer_guard.validators.signers import Signers

COOLDOWN = 31
DAY = 24 * 3600


def validator_of(issuer: FakeIssuer, **options: Any) -> JWTValidator:
    return JWTValidator(issuer.server, audience="api", **options)


async def reason_of(validator: JWTValidator, token: str) -> Reason:
    with pytest.raises(InvalidToken) as refused:
        await validator.validate(token)
    return refused.value.reason


def forged(token: str) -> str:
    """The same token with another signature."""
    return token.rpartition(".")[0] + "." + encode_base64url(bytes(64)).decode()


async def exchange_keys(issuer: FakeIssuer, validator: JWTValidator, alg: str) -> None:
    """The issuer has new keys, and a token of theirs brings them to the validator."""
    issuer.rotate_keys()
    issuer.clock.advance(COOLDOWN)
    await validator.validate(issuer.token(alg=alg))


def with_header(token: str, header: str) -> str:
    return f"{header}.{token.partition('.')[2]}"


# --- what it holds ----------------------------------------------------------------------------------------------------


async def test_a_header_is_remembered_once_its_signature_was_verified(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    for number in range(3):
        await validator.validate(issuer.token(alg="ES256", sub=f"user {number}"))
    await validator.validate(issuer.token(alg="EdDSA"))
    assert len(validator._signers) == 2


@pytest.mark.parametrize("parameters", [{"kid": "unknown"}, {"kid": None}, {"x5t": "cert"}, {"more": "x"}], ids=str)
async def test_strangers_cannot_fill_it(issuer: FakeIssuer, parameters: dict[str, Any]) -> None:
    validator = validator_of(issuer)
    await validator.validate(issuer.token(alg="ES256"))
    known = dict(validator._signers._signers)
    assert len(known) == 1
    for number in range(3 * Signers.MOST):
        flood = forged(issuer.token(alg="ES256", header={**parameters, "n": number}))
        assert await reason_of(validator, flood) in (Reason.INVALID_SIGNATURE, Reason.UNKNOWN_KEY)
        assert len(validator._signers) <= 1 + Signers.MOST
    assert validator._signers._signers == known


@pytest.mark.parametrize("parameters", [{"crit": ["exp"]}, {"b64": False}, {"typ": 5}, {"cty": "JWT"}], ids=str)
async def test_a_header_that_is_refused_is_refused_again(issuer: FakeIssuer, parameters: dict[str, Any]) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256", header=parameters)
    assert await reason_of(validator, token) == await reason_of(validator, token)
    assert len(validator._signers) == 0


async def test_it_is_bounded_however_many_headers_an_issuer_writes(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    for number in range(2 * Signers.MOST + 5):
        await validator.validate(issuer.token(alg="EdDSA", header={"jti": number}))
        assert 0 < len(validator._signers) <= Signers.MOST


async def test_a_long_header_is_not_remembered(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    token = issuer.token(alg="EdDSA", header={"x5c": ["A" * Signers.LONGEST]})
    assert (await validator.validate(token)).subject == (await validator.validate(token)).subject == "alice"
    assert len(validator._signers) == 0


async def test_it_holds_nothing_of_a_token_but_its_header(issuer: FakeIssuer) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256")
    await validator.validate(token)
    header, payload, signature = token.split(".")
    held = repr(vars(validator._signers))
    assert header in held
    assert payload not in held
    assert signature not in held


async def test_the_type_counts_whether_the_header_is_remembered_or_read(issuer: FakeIssuer) -> None:
    strict = validator_of(issuer, profile=profiles.RFC_9068)
    for typ, is_accepted in (("Application/AT+JWT", True), ("JWT", False)):
        for _ in range(3):
            token = issuer.token(alg="ES256", header={"typ": typ})
            if is_accepted:
                await strict.validate(token)
            else:
                assert await reason_of(strict, token) is Reason.TYPE_NOT_ALLOWED
    assert len(strict._signers) == 2


async def test_tokens_of_several_keys_under_one_header_are_all_verified(issuer: FakeIssuer) -> None:
    # Without a kid each key of the algorithm may have signed it.
    other = SigningKey("ES256")
    issuer._keys["other"] = other
    validator = validator_of(issuer)
    for _ in range(2):
        for key in (issuer.signing_key("ES256"), other):
            assert (await validator.validate(issuer.token(key=key, header={"kid": None}))).subject == "alice"
    assert len(validator._signers) == 1


# --- what it decides: nothing -----------------------------------------------------------------------------------------


async def test_a_withdrawn_key_verifies_nothing_under_a_remembered_header(issuer: FakeIssuer) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256")
    await validator.validate(token)
    await exchange_keys(issuer, validator, "ES256")
    assert await reason_of(validator, token) is Reason.UNKNOWN_KEY


async def test_keys_that_are_too_old_verify_nothing_under_a_remembered_header(issuer: FakeIssuer) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256", exp=10 * DAY)
    await validator.validate(token)
    issuer.go_offline()
    issuer.clock.advance(DAY - 1)
    assert (await validator.validate(token)).subject == "alice"
    issuer.clock.advance(2)
    with pytest.raises(AuthorizationServerUnavailable):
        await validator.validate(token)


@pytest.mark.parametrize(("alg", "reason"), [("ES256", Reason.INVALID_SIGNATURE), ("EdDSA", Reason.UNKNOWN_KEY)])
async def test_another_key_of_the_same_name_inherits_nothing(issuer: FakeIssuer, alg: str, reason: Reason) -> None:
    # The second case is another algorithm under the same name: the key decides about it, not the header.
    validator, token = validator_of(issuer), issuer.token(alg="ES256")
    await validator.validate(token)
    successor = SigningKey(alg)
    successor.key_id = issuer.signing_key("ES256").key_id
    issuer._keys = {"RS256": issuer.signing_key("RS256"), alg: successor}
    assert await issuer.server.refresh_keys()
    assert await reason_of(validator, token) is reason
    assert (await validator.validate(issuer.token(key=successor))).subject == "alice"
    assert await reason_of(validator, token) is reason


async def test_a_header_that_outlives_its_key_set_is_remembered_anew(issuer: FakeIssuer) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256")
    await validator.validate(token)
    issuer._keys = {name: issuer.signing_key(name) for name in ("RS256", "ES256")}  # another set: it still stands
    assert await issuer.server.refresh_keys()
    await validator.validate(token)
    (signer,) = validator._signers._signers.values()
    assert signer.epoch is issuer.server.epoch


async def test_validators_that_share_a_server_keep_their_own_conditions(issuer: FakeIssuer) -> None:
    lenient = validator_of(issuer)
    choosy = validator_of(issuer, algorithms={"EdDSA"})
    strict = validator_of(issuer, profile=profiles.RFC_9068)
    token = issuer.token(alg="ES256", header={"typ": "JWT"})
    for _ in range(2):
        await lenient.validate(token)
        assert await reason_of(choosy, token) is Reason.ALGORITHM_NOT_ALLOWED
        assert await reason_of(strict, token) is Reason.TYPE_NOT_ALLOWED


async def test_a_twin_with_another_server_asks_that_server(issuer: FakeIssuer) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256")
    await validator.validate(token)
    keys = StaticKeys({"keys": [SigningKey("ES256").public_jwk()]})
    twin = validator.with_server(AuthorizationServer(issuer.issuer, keys=keys, clock=issuer.clock))
    assert await reason_of(twin, token) is Reason.UNKNOWN_KEY
    assert (await validator.validate(token)).subject == "alice"


async def test_another_spelling_of_a_remembered_header_is_refused(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    token = issuer.token(alg="ES256", header={"pad": ""})
    while len(token.partition(".")[0]) % 4 == 0:  # so that its last character has bits that are thrown away
        token = issuer.token(alg="ES256", header={"pad": "x"})
    await validator.validate(token)
    header = token.partition(".")[0]
    spellings = [header + "=", header + "\n", header[:-1] + chr(ord(header[-1]) + 1), header + "A"]
    for spelling in spellings:
        assert await reason_of(validator, with_header(token, spelling)) is Reason.MALFORMED_TOKEN


# --- keys that nobody has ---------------------------------------------------------------------------------------------

# What is remembered is that nobody would be asked: the answer must be the one that asking anew would give.


def retired(issuer: FakeIssuer) -> tuple[SigningKey, str]:
    """A key of our issuer that is not published yet, and a token of it."""
    key = SigningKey("ES256")
    return key, issuer.token(key=key)


def publish(issuer: FakeIssuer, key: SigningKey) -> None:
    issuer._keys = {**issuer._keys, key.algorithm: key}


async def test_a_key_that_appears_is_found_after_the_cooldown(issuer: FakeIssuer) -> None:
    validator, (key, token) = validator_of(issuer), retired(issuer)
    await validator.validate(issuer.token(alg="EdDSA"))
    for _ in range(3):
        assert await reason_of(validator, token) is Reason.UNKNOWN_KEY
    publish(issuer, key)
    assert await reason_of(validator, token) is Reason.UNKNOWN_KEY
    issuer.clock.advance(COOLDOWN)
    assert (await validator.validate(token)).subject == "alice"
    assert (await validator.validate(token)).subject == "alice"


async def test_once_nobody_can_be_asked_nobody_is_sure(issuer: FakeIssuer) -> None:
    validator, (_, token) = validator_of(issuer), retired(issuer)
    await validator.validate(issuer.token(alg="EdDSA"))
    for _ in range(2):
        assert await reason_of(validator, token) is Reason.UNKNOWN_KEY
    issuer.go_offline()
    issuer.clock.advance(COOLDOWN)
    for _ in range(2):
        with pytest.raises(AuthorizationServerUnavailable):
            await validator.validate(token)


async def test_of_another_issuer_nothing_is_remembered(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    await validator.validate(issuer.token(alg="EdDSA"))
    stranger = issuer.token(iss="https://other.test", header={"kid": "theirs"})
    for _ in range(2):
        assert await reason_of(validator, stranger) is Reason.ISSUER_MISMATCH
    assert len(validator._signers) == 1


async def test_keys_of_a_configuration_never_change(issuer: FakeIssuer) -> None:
    keys = StaticKeys({"keys": [issuer.signing_key("EdDSA").public_jwk()]})
    validator = JWTValidator(AuthorizationServer(issuer.issuer, keys=keys, clock=issuer.clock), audience="api")
    for _ in range(2):
        assert await reason_of(validator, issuer.token(alg="ES256")) is Reason.UNKNOWN_KEY
    assert (await validator.validate(issuer.token(alg="EdDSA"))).subject == "alice"
    assert len(validator._signers) == 2


class Growing(StaticKeys):
    """A source of somebody's own, which finds keys later."""

    def __init__(self, issuer: FakeIssuer) -> None:
        super().__init__(issuer.jwks())
        self.issuer, self.has_more = issuer, False

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        return self.held(header) or (StaticKeys(self.issuer.jwks()).held(header) if self.has_more else ())


async def test_of_sources_of_others_no_absence_is_remembered(issuer: FakeIssuer) -> None:
    issuer.token()
    source, (key, token) = Growing(issuer), retired(issuer)
    validator = JWTValidator(AuthorizationServer(issuer.issuer, keys=source, clock=issuer.clock), audience="api")
    assert await reason_of(validator, token) is Reason.UNKNOWN_KEY
    publish(issuer, key)
    source.has_more = True
    assert (await validator.validate(token)).subject == "alice"


@pytest.mark.parametrize("is_reached", [True, False], ids=["reached", "out of reach"])
async def test_a_malformed_signature_causes_no_fetch(issuer: FakeIssuer, *, is_reached: bool) -> None:
    validator, (_, token) = validator_of(issuer), retired(issuer)
    if is_reached:
        await validator.validate(issuer.token(alg="EdDSA"))
    else:
        issuer.go_offline()
    asked = list(issuer.requests)
    assert await reason_of(validator, token[:-4] + "!!!!") is Reason.MALFORMED_TOKEN
    assert issuer.requests == asked


async def test_a_withdrawn_key_is_a_stranger_like_any_other(issuer: FakeIssuer) -> None:
    validator, token = validator_of(issuer), issuer.token(alg="ES256")
    await validator.validate(token)
    await exchange_keys(issuer, validator, "EdDSA")
    for _ in range(3):
        assert await reason_of(validator, token) is Reason.UNKNOWN_KEY
    assert (len(validator._signers._signers), len(validator._signers._strangers)) == (1, 1)
