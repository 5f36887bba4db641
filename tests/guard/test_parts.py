"""The parts of a guard beside its validator: what cannot be one, and how they end with it."""

from typing import Any

import pytest

from bearer_guard import (
    BearerGuard,
    ByFormat,
    ConfigurationError,
    IntrospectionValidator,
    JWTValidator,
    MemoryRevocations,
    UserInfo,
)
from bearer_guard.testing import FakeIssuer
from tests.guard import Listed, Looked, Validator


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("revocations", MemoryRevocations(), r"is no list; write revocations=\[MemoryRevocations\(\)\]"),
        ("revocations", None, "is no list"),
        ("revocations", "redis://", "is no list"),
        ("revocations", {MemoryRevocations()}, "is no list"),
        ("revocations", [MemoryRevocations], r"is none of what revocations= takes; write revocations="),
        ("revocations", ["redis"], "is none of what revocations= takes"),
        ("revocations", [MemoryRevocations(), None], "None is none of what revocations= takes"),
        ("userinfo", UserInfo, r"asks nobody; write userinfo=UserInfo\(server\)"),
        ("userinfo", "https://issuer.test/userinfo", "asks nobody"),
        ("userinfo", True, "userinfo=True asks nobody"),
    ],
)
def test_what_cannot_be_a_part_is_told_what_to_write_instead(option: str, value: Any, sentence: str) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(ConfigurationError, match=sentence):
        BearerGuard(Validator(), **options)


def test_userinfo_is_asked_of_one_who_issues_the_tokens(issuer: FakeIssuer) -> None:
    other = FakeIssuer("https://other.test")
    jwt, opaque = JWTValidator(issuer.server, audience="a"), IntrospectionValidator(other.server, audience="a")
    for validator, asked in ((jwt, other), (opaque, issuer), (ByFormat(jwt=jwt, opaque=opaque), FakeIssuer("x.test"))):
        with pytest.raises(ConfigurationError, match=r"userinfo= asks '.*', and the tokens are of '.*'; give both the"):
            BearerGuard(validator, userinfo=UserInfo(asked.server))
    for asked in (issuer, other):
        BearerGuard(ByFormat(jwt=jwt, opaque=opaque), userinfo=UserInfo(asked.server))
    BearerGuard(Validator(), userinfo=UserInfo(issuer.server))


def test_a_guard_shows_who_is_asked_about_users() -> None:
    looked = Looked()
    assert BearerGuard(Validator(), userinfo=looked).userinfo is looked
    assert BearerGuard(Validator()).userinfo is None


# --- the end ----------------------------------------------------------------------------------------------------------


class Closing:
    """Something that is to be closed. `log`: where it writes that it was."""

    def __init__(self, name: str, log: list[str], error: Exception | None = None) -> None:
        self._name, self._log, self._error = name, log, error

    async def aclose(self) -> None:
        self._log.append(self._name)
        if self._error is not None:
            raise self._error


class ClosingValidator(Closing, Validator):
    def __init__(self, log: list[str], error: Exception | None = None) -> None:
        Validator.__init__(self)
        Closing.__init__(self, "validator", log, error)


class ClosingList(Closing, Listed):
    def __init__(self, log: list[str], name: str = "revocations") -> None:
        Listed.__init__(self)
        Closing.__init__(self, name, log)


class ClosingUserinfo(Closing, Looked):
    def __init__(self, log: list[str], error: Exception | None = None) -> None:
        Looked.__init__(self)
        Closing.__init__(self, "userinfo", log, error)


async def test_all_parts_end_with_the_guard_and_those_with_nothing_to_close_are_let_be() -> None:
    log: list[str] = []
    lists = [ClosingList(log, "first"), Listed(), ClosingList(log, "second")]
    async with BearerGuard(ClosingValidator(log), revocations=lists, userinfo=ClosingUserinfo(log)) as guard:
        await guard.validate("token")
        assert log == []
    assert sorted(log) == ["first", "second", "userinfo", "validator"]
    await BearerGuard(Validator(), revocations=[Listed()], userinfo=Looked()).aclose()


async def test_a_guard_that_was_closed_can_be_used_again(issuer: FakeIssuer) -> None:
    issuer.users["alice"] = {"groups": ["staff"]}
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), userinfo=UserInfo(issuer.server))
    for _ in range(2):
        async with guard:
            assert (await guard.validate(issuer.token())).groups == {"staff"}


@pytest.mark.parametrize("failing", ["validator", "userinfo"])
async def test_a_part_that_cannot_be_closed_does_not_keep_the_others_open(failing: str) -> None:
    log: list[str] = []
    errors = {failing: OSError("gone already")}
    guard = BearerGuard(
        ClosingValidator(log, errors.get("validator")),
        revocations=[ClosingList(log)],
        userinfo=ClosingUserinfo(log, errors.get("userinfo")),
    )
    with pytest.raises(OSError, match="gone already"):
        await guard.aclose()
    assert sorted(log) == ["revocations", "userinfo", "validator"]


# --- what stands in for them ------------------------------------------------------------------------------------------


async def test_what_stands_in_for_the_validator_brings_its_own_userinfo_and_the_lists_stay() -> None:
    ours, theirs, listed = Looked(), Looked(), Listed()
    guard = BearerGuard(Validator(), revocations=[listed], userinfo=ours)
    with guard.validating_with(Validator(), theirs):
        assert guard.userinfo is theirs
        await guard.validate("token")
    assert guard.userinfo is ours
    assert (len(ours.asked), len(theirs.asked), len(listed.seen)) == (0, 1, 1)
    with guard.validating_with(Validator()):
        assert guard.userinfo is None
