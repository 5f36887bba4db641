"""What the tests of the guard share: its parts, each of which writes down that it was asked."""

from collections.abc import Sequence
from typing import Any

from bearer_guard import AccessToken
from tests.test_tokens import Forever, token_with


class Validator:
    """Finds every token valid, and has it remembered. `asked`: where all parts write their names."""

    def __init__(self, asked: list[str] | None = None, claims: dict[str, Any] | None = None, **members: Any) -> None:
        self.asked = [] if asked is None else asked
        self.token = token_with(claims, epoch=Forever(), expires_at=4e9, **members)

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        self.asked.append("validator")
        return self.token


class Listed:
    """A list of revocations that says what it is told to, or raises it. `seen`: the tokens that it was asked about."""

    def __init__(self, *, says: Any = False, asked: list[str] | None = None, name: str = "revocations") -> None:
        self.says = says
        self.asked = [] if asked is None else asked
        self.name = name
        self.seen: list[AccessToken] = []

    async def is_revoked(self, token: AccessToken) -> bool:
        self.asked.append(self.name)
        self.seen.append(token)
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says  # type: ignore[no-any-return]  # somebody's own list may say anything


class Looked:
    """A source of userinfo that says what it is told to, or raises it."""

    def __init__(self, answer: AccessToken | BaseException | None = None, asked: list[str] | None = None) -> None:
        self.answer = answer
        self.asked = [] if asked is None else asked

    async def enriched(self, token: AccessToken, presented: str) -> AccessToken:
        self.asked.append("userinfo")
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer or token


def drained(names: list[str]) -> Sequence[str]:
    """What was written down since the last look."""
    found = tuple(names)
    names.clear()
    return found
