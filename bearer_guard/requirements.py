"""Question 4: may it do this?  Requirements are pure values: they look at a validated token and at nothing else.

They combine with `&` and `|`. There is no "not": more rights never lose access.
"""

import inspect
import logging
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar, TypeGuard

from bearer_guard.errors import ConfigurationError, Reason
from bearer_guard.tokens import AccessToken, ClaimPath, claim_at, is_claim_path

log = logging.getLogger("bearer_guard.requirements")

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = r"[\x21\x23-\x5b\x5d-\x7e]+"


class Requirement:
    """What an operation requires of a token. Subclasses answer `holds`; `&` and `|` combine them."""

    reason: ClassVar[Reason] = Reason.UNMET_REQUIREMENT

    def holds(self, token: AccessToken) -> bool:
        """Whether the token meets this requirement. Only True counts as a yes."""
        raise NotImplementedError

    def is_met_by(self, token: AccessToken) -> bool:
        """Whether the token meets this requirement; one that raises is not met."""
        try:
            return self.holds(token) is True
        except Exception as error:  # noqa: BLE001  whatever a predicate raises, it did not say yes
            log.warning("%r raised %s: it counts as not met", self, type(error).__name__)
            return False

    def unmet(self, token: AccessToken) -> "Requirement":
        """The part that stands in the way: not met, and not to be met by more scopes."""
        return self

    def scopes_for(self, token: AccessToken | None) -> tuple[str, ...] | None:
        """All scopes of the first way to meet this requirement that lacks nothing but scopes; None if none would help.

        `token`: the token in hand, or None where there is none.
        """
        return () if token is not None and self.is_met_by(token) else None

    def __bool__(self) -> bool:
        # `Scopes("a") and Groups("b")` would be Groups("b") alone, and nobody would notice.
        raise ConfigurationError(f"{self!r} is neither true nor false; write & for and, | for or; there is no not")

    def __and__(self, other: "Requirement") -> "Requirement":
        return AllOf(self, other)

    def __or__(self, other: "Requirement") -> "Requirement":
        return AnyOf(self, other)


class _Names(Requirement):
    """Several names always mean all of them."""

    def __init__(self, *names: str) -> None:
        kind = type(self).__name__
        if not names:
            raise ConfigurationError(f"{kind}() requires nothing; name at least one, as in {kind}('a', 'b')")
        for name in names:
            if not isinstance(name, str) or not name:
                raise ConfigurationError(f"{kind}() takes names, not {name!r}; write {kind}('a', 'b')")
        self.names = tuple(dict.fromkeys(names))
        self._required = frozenset(names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.names))})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.names == self.names

    def __hash__(self) -> int:
        return hash((type(self), self.names))


class Scopes(_Names):
    """The token carries all of these scopes, compared exactly (RFC 6749 section 3.3).

    Raises `ConfigurationError` for a name that cannot be a scope, such as two of them in one string.
    """

    reason = Reason.INSUFFICIENT_SCOPE

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        for name in names:
            if not re.fullmatch(_SCOPE_TOKEN, name):
                raise ConfigurationError(f"{name!r} is not one scope (RFC 6749 section 3.3); write {_advice(name)}")

    def holds(self, token: AccessToken) -> bool:
        return self._required <= token.scopes

    def scopes_for(self, token: AccessToken | None) -> tuple[str, ...] | None:
        return self.names


def _advice(name: str) -> str:
    several = name.split()
    if several and all(re.fullmatch(_SCOPE_TOKEN, name) for name in several):
        return f"Scopes({', '.join(map(repr, several))})"
    return "names of printable ASCII, without spaces, quotes and backslashes"


class Groups(_Names):
    """The token's subject is in all of these groups. One of several: `Groups("a") | Groups("b")`."""

    reason = Reason.MISSING_GROUP

    def holds(self, token: AccessToken) -> bool:
        return self._required <= token.groups


class Roles(_Names):
    """The token carries all of these roles."""

    reason = Reason.MISSING_ROLE

    def holds(self, token: AccessToken) -> bool:
        return self._required <= token.roles


Scalar = str | int | float | bool
Predicate = Callable[[Any], bool]


class Claim(Requirement):
    """A claim has this value, or is an array that contains it.

    `path`: where the claim stands (see `ClaimPath`).
    `value`: a string, number or boolean, compared with its type (True is not 1); or a predicate on the claim's value,
    of which only True counts as a yes. A claim that is not there never meets it.
    """

    reason = Reason.UNMET_CLAIM

    def __init__(self, path: ClaimPath, value: Scalar | Predicate) -> None:
        if not is_claim_path(path):
            raise ConfigurationError(f"{path!r} is not the path of a claim; write Claim('tenant', 'acme')")
        if not (callable(value) or isinstance(value, Scalar)):
            raise ConfigurationError(f"Claim({path!r}, ...) compares with a string, number or boolean, not {value!r}")
        if inspect.iscoroutinefunction(value):
            raise ConfigurationError(f"the predicate of Claim({path!r}, ...) is async; requirements wait for nothing")
        self.path = path
        self.value = value.value if isinstance(value, Enum) else value

    def holds(self, token: AccessToken) -> bool:
        found = claim_at(token.claims, self.path)
        if found is None:
            return False
        if callable(self.value):
            return self.value(found) is True
        members = found if isinstance(found, tuple) else (found,)
        return any(type(member) is type(self.value) and member == self.value for member in members)

    def __repr__(self) -> str:
        return f"Claim({self.path!r}, {self.value!r})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Claim):
            return NotImplemented
        return (self.path, type(self.value), self.value) == (other.path, type(other.value), other.value)

    def __hash__(self) -> int:
        return hash((self.path, type(self.value), self.value))


class _Combination(Requirement):
    _sign: ClassVar[str]

    def __init__(self, *parts: Requirement) -> None:
        kind = type(self).__name__
        if not parts:
            raise ConfigurationError(f"{kind}() of nothing is no requirement; name at least one")
        for part in parts:
            if not is_requirement(part):
                raise ConfigurationError(f"{kind}() takes requirements such as Scopes('read'), not {part!r}")
        self.parts = tuple(self._flat(parts))

    def _flat(self, parts: tuple[Requirement, ...]) -> list[Requirement]:
        flat: list[Requirement] = []
        for part in parts:
            members = part.parts if isinstance(part, type(self)) else (part,)
            flat.extend(member for member in members if not any(_is_same(member, other) for other in flat))
        return flat

    def __repr__(self) -> str:
        return "(" + f" {self._sign} ".join(map(repr, self.parts)) + ")"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.parts == self.parts

    def __hash__(self) -> int:
        return hash((type(self), self.parts))


def _is_same(one: Requirement, other: Requirement) -> bool:
    # Requirements of one's own may be stricter than their equality tells: those are all kept.
    return one is other or (type(one) in (Scopes, Groups, Roles, Claim) and one == other)


class AllOf(_Combination):
    """All of these: what `&` makes."""

    _sign = "&"

    def holds(self, token: AccessToken) -> bool:
        return all(part.is_met_by(token) for part in self.parts)

    def unmet(self, token: AccessToken) -> Requirement:
        return next((part.unmet(token) for part in self.parts if part.scopes_for(token) is None), self)

    def scopes_for(self, token: AccessToken | None) -> tuple[str, ...] | None:
        scopes: list[str] = []
        for part in self.parts:
            wanted = part.scopes_for(token)
            if wanted is None:
                return None
            scopes.extend(wanted)
        return tuple(dict.fromkeys(scopes))


class AnyOf(_Combination):
    """At least one of these: what `|` makes."""

    _sign = "|"

    def holds(self, token: AccessToken) -> bool:
        return any(part.is_met_by(token) for part in self.parts)

    def unmet(self, token: AccessToken) -> Requirement:
        return self.parts[0].unmet(token)

    def scopes_for(self, token: AccessToken | None) -> tuple[str, ...] | None:
        ways = (part.scopes_for(token) for part in self.parts)
        return next((way for way in ways if way is not None), None)


def is_requirement(value: object) -> TypeGuard[Requirement]:
    """Whether a value is a requirement and not, say, the name of a scope."""
    return isinstance(value, Requirement)
