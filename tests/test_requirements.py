"""What an operation requires of a token: truth tables, the laws of `&` and `|`, and the scopes of the challenge."""

import asyncio
import functools
import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard import (
    AccessToken,
    AllOf,
    AnyOf,
    Claim,
    ConfigurationError,
    Groups,
    Reason,
    Requirement,
    Roles,
    Scopes,
)
from bearer_guard.requirements import is_requirement
from tests.test_tokens import token_with

ALICE = token_with(
    {
        "tenant": "acme",
        "regions": ["eu", "us"],
        "level": 1,
        "levels": [1, 2.0],
        "ratio": 1.0,
        "verified": True,
        "nothing": None,
        "empty": [],
        "address": {"country": "at", "zip": ["1010"]},
        "nested": [["eu"]],
        "https://acme.com/team": "blue",
    },
    scopes=frozenset({"read", "write"}),
    groups=frozenset({"staff", "ops"}),
    roles=frozenset({"admin", "auditor"}),
)


# --- one requirement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        (Scopes("read"), True),
        (Scopes("read", "write"), True),
        (Scopes("write", "read", "read"), True),
        (Scopes("read", "delete"), False),
        (Scopes("Read"), False),
        (Scopes("rea"), False),
        (Scopes("staff"), False),
        (Groups("staff"), True),
        (Groups("staff", "ops"), True),
        (Groups("staff", "board"), False),
        (Groups("read"), False),
        (Roles("admin"), True),
        (Roles("admin", "auditor"), True),
        (Roles("admin", "owner"), False),
        (Roles("staff"), False),
    ],
    ids=repr,
)
def test_several_names_mean_all_of_them(requirement: Requirement, met: bool) -> None:  # noqa: FBT001  a table
    assert requirement.is_met_by(ALICE) is met


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        (Claim("tenant", "acme"), True),
        (Claim("tenant", "ACME"), False),
        (Claim("tenant", "acm"), False),
        (Claim("regions", "eu"), True),
        (Claim("regions", "asia"), False),
        (Claim("empty", "eu"), False),
        (Claim("level", 1), True),
        (Claim("level", 2), False),
        (Claim("verified", True), True),  # noqa: FBT003  a claim's value
        (Claim("address.country", "at"), True),
        (Claim("address.zip", "1010"), True),
        (Claim(("address", "country"), "at"), True),
        (Claim("https://acme.com/team", "blue"), True),
        (Claim("missing", "acme"), False),
        (Claim("tenant.name", "acme"), False),
        (Claim("nothing", "None"), False),
        # With its type: what JSON tells apart stays apart.
        (Claim("level", True), False),  # noqa: FBT003
        (Claim("level", 1.0), False),
        (Claim("level", "1"), False),
        (Claim("verified", 1), False),
        (Claim("verified", "true"), False),
        (Claim("ratio", 1.0), True),
        (Claim("ratio", 1), False),
        (Claim("levels", 2), False),
        (Claim("levels", 2.0), True),
        # A member of the array itself, not of one inside it; an object equals nothing.
        (Claim("nested", "eu"), False),
        (Claim("address", "at"), False),
    ],
    ids=repr,
)
def test_a_claim_is_compared_with_its_type(requirement: Claim, met: bool) -> None:  # noqa: FBT001  a table
    assert requirement.is_met_by(ALICE) is met


def _raises(_: Any) -> bool:
    raise ValueError("acme is not wanted here")


@pytest.mark.parametrize(
    ("path", "predicate", "met"),
    [
        ("level", lambda level: level >= 1, True),
        ("level", lambda level: level > 1, False),
        ("regions", lambda regions: "eu" in regions, True),
        ("address", lambda address: address["country"] == "at", True),
        ("level", lambda _: 1, False),
        ("level", lambda _: "yes", False),
        ("level", lambda _: None, False),
        ("missing", lambda _: True, False),
        ("nothing", lambda _: True, False),
        ("tenant", _raises, False),
        ("tenant", lambda: True, False),
    ],
    ids=["yes", "no", "array", "object", "truthy", "string", "none", "not there", "null", "raises", "no parameter"],
)
def test_of_a_predicate_only_true_is_a_yes(path: str, predicate: Callable[..., Any], met: bool) -> None:  # noqa: FBT001
    assert Claim(path, predicate).is_met_by(ALICE) is met


def test_a_predicate_that_raises_is_logged_without_what_it_says_of_the_claim(caplog: pytest.LogCaptureFixture) -> None:
    Claim("tenant", _raises).is_met_by(ALICE)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("bearer_guard.requirements", logging.WARNING)
    assert "raised ValueError: it counts as not met" in record.getMessage()
    assert "acme" not in record.getMessage()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_predicate_does_not_swallow_what_ends_the_task(stop: type[BaseException]) -> None:
    def interrupted(_: Any) -> bool:
        raise stop

    with pytest.raises(stop):
        Claim("tenant", interrupted).is_met_by(ALICE)


class Subject(Requirement):
    """A requirement of an application's own."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def holds(self, token: AccessToken) -> bool:
        answer: bool = self.answer
        return answer


def test_a_requirement_of_your_own_says_yes_with_true_alone() -> None:
    assert Subject(answer=True).is_met_by(ALICE)
    for answer in (1, "yes", [True], None, False):
        assert not Subject(answer).is_met_by(ALICE)


def test_a_requirement_that_forgot_to_say_anything_is_not_met() -> None:
    assert not Requirement().is_met_by(ALICE)


def test_a_requirement_of_your_own_combines_and_names_no_scope() -> None:
    denied = Subject(answer=False)
    assert (Scopes("read") & Subject(answer=True)).is_met_by(ALICE)
    assert not (Scopes("read") & denied).is_met_by(ALICE)
    assert denied.reason is Reason.UNMET_REQUIREMENT
    assert denied.unmet(ALICE) is denied
    assert denied.scopes_for(ALICE) is None
    assert denied.scopes_for(None) is None
    assert Subject(answer=True).scopes_for(ALICE) == ()
    assert Subject(answer=True).scopes_for(None) is None


def test_a_requirement_of_your_own_may_be_a_dataclass() -> None:
    @dataclass
    class Tenant(Requirement):
        name: str

        def holds(self, token: AccessToken) -> bool:
            return token.claims.get("tenant") == self.name

    assert (Tenant("acme") & Scopes("read")).is_met_by(ALICE)


class Region(StrEnum):
    EU = "eu"


def test_names_may_be_members_of_an_enumeration() -> None:
    class Scope(StrEnum):
        READ = "read"

    assert Scopes(Scope.READ).is_met_by(ALICE)
    assert " ".join(Scopes(Scope.READ).names) == "read"


def test_a_claim_may_be_compared_with_a_member_of_an_enumeration() -> None:
    assert Claim("regions", Region.EU).is_met_by(ALICE)


# --- wrong constructions ----------------------------------------------------------------------------------------------


def some_function() -> None:
    raise AssertionError("nobody calls it")


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "Scopes()": (Scopes, r"Scopes\(\) requires nothing; name at least one, as in Scopes\('a', 'b'\)"),
    "Groups()": (Groups, r"Groups\(\) requires nothing; name at least one, as in Groups\('a', 'b'\)"),
    "Roles()": (Roles, r"Roles\(\) requires nothing; .* Roles\('a', 'b'\)"),
    "Scopes('a b')": (lambda: Scopes("a b"), r"'a b' is not one scope .*; write Scopes\('a', 'b'\)"),
    "Scopes('x', 'a b')": (lambda: Scopes("x", "a b"), r"'a b' is not one scope .*; write Scopes\('a', 'b'\)"),
    "Scopes('ä')": (lambda: Scopes("ä"), r"'ä' is not one scope"),
    "Scopes('a\\n')": (lambda: Scopes("a\n"), r"is not one scope"),
    "Scopes('a\"b')": (lambda: Scopes('a"b'), r"is not one scope"),
    "Scopes(' ')": (lambda: Scopes(" "), r"' ' is not one scope"),
    "Scopes('')": (lambda: Scopes(""), r"Scopes\(\) takes names, not ''; write Scopes\('a', 'b'\)"),
    "Scopes(function)": (lambda: Scopes(some_function), r"takes names, not <function some_function .*; write Scopes"),  # type: ignore[arg-type]
    "Scopes([...])": (lambda: Scopes(["a", "b"]), r"takes names, not \['a', 'b'\]; write Scopes\('a', 'b'\)"),  # type: ignore[arg-type]
    "Groups(None)": (lambda: Groups(None), r"Groups\(\) takes names, not None; write Groups\('a', 'b'\)"),  # type: ignore[arg-type]
    "Roles(1)": (lambda: Roles(1), r"Roles\(\) takes names, not 1"),  # type: ignore[arg-type]
    "Claim('x', None)": (lambda: Claim("x", None), r"Claim\('x', ...\) compares with a string, number .*, not None"),  # type: ignore[arg-type]
    "Claim('x', [...])": (lambda: Claim("x", ["a"]), r"compares with a string, number or boolean, not \['a'\]"),  # type: ignore[arg-type]
    "Claim('', 1)": (lambda: Claim("", 1), r"'' is not the path of a claim; write Claim\('tenant', 'acme'\)"),
    "Claim('a..b', 1)": (lambda: Claim("a..b", 1), r"'a..b' is not the path of a claim"),
    "Claim((), 1)": (lambda: Claim((), 1), r"\(\) is not the path of a claim"),
    "Claim(('a', ''), 1)": (lambda: Claim(("a", ""), 1), r"is not the path of a claim"),
    "Claim((1,), 1)": (lambda: Claim((1,), 1), r"\(1,\) is not the path of a claim"),  # type: ignore[arg-type]
    "AllOf()": (AllOf, r"AllOf\(\) of nothing is no requirement; name at least one"),
    "AnyOf()": (AnyOf, r"AnyOf\(\) of nothing is no requirement"),
    "AllOf('a')": (lambda: AllOf("a"), r"AllOf\(\) takes requirements such as Scopes\('read'\), not 'a'"),  # type: ignore[arg-type]
    "AnyOf([...])": (lambda: AnyOf([Scopes("a")]), r"AnyOf\(\) takes requirements such as .*, not \[Scopes\('a'\)\]"),  # type: ignore[arg-type]
    "Scopes & str": (lambda: Scopes("a") & "b", r"AllOf\(\) takes requirements .*, not 'b'"),  # type: ignore[operator]
    "Scopes | type": (lambda: Scopes("a") | Groups, r"AnyOf\(\) takes requirements .*, not <class"),
}


@pytest.mark.parametrize(("construct", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_construction_is_told_what_to_write_instead(construct: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        construct()


@pytest.mark.parametrize("path", [["address", "country"], 5], ids=repr)
def test_a_claim_path_of_a_wrong_type_is_told_what_to_write_instead(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not the path of a claim"):
        Claim(path, "at")


@pytest.mark.parametrize("name", [" ", 'a"b', "ä"], ids=repr)
def test_what_is_advised_instead_of_a_wrong_scope_can_be_written(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Scopes(name)
    advice = str(refused.value).rpartition("write ")[2]
    assert advice not in (f"Scopes({name!r})", "Scopes()")


@pytest.mark.parametrize(
    "construct",
    [lambda: Scopes("a") and Groups("b"), lambda: Scopes("a") or Groups("b"), lambda: not Scopes("a")],
    ids=["and", "or", "not"],
)
def test_a_requirement_has_no_truth_value_of_its_own(construct: Callable[[], object]) -> None:
    with pytest.raises((ConfigurationError, TypeError), match="&"):
        construct()


def test_a_predicate_that_is_async_is_refused_at_construction() -> None:
    async def is_acme(value: str) -> bool:
        return value == "acme"

    with pytest.raises(ConfigurationError):
        Claim("tenant", is_acme)  # type: ignore[arg-type]


# --- values -----------------------------------------------------------------------------------------------------------


def test_a_requirement_reads_as_it_was_written() -> None:
    either = Scopes("read", "write") & (Groups("ops") | Claim("level", 1)) & Roles("admin")
    assert repr(either) == "(Scopes('read', 'write') & (Groups('ops') | Claim('level', 1)) & Roles('admin'))"


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (Scopes("a", "b"), Scopes("a", "b"), True),
        (Scopes("a", "a"), Scopes("a"), True),
        (Scopes("a"), Groups("a"), False),
        (Groups("a"), Roles("a"), False),
        (Claim("a", 1), Claim("a", 1), True),
        (Claim("a", 1), Claim("a", True), False),  # noqa: FBT003
        (Claim("a", 1), Claim("a", 1.0), False),
        (Claim("a", 1), Scopes("a"), False),
        (Scopes("a") & Groups("b"), AllOf(Scopes("a"), Groups("b")), True),
        (Scopes("a") & Groups("b"), Scopes("a") | Groups("b"), False),
        (Scopes("a"), "a", False),
        (Claim("a", 1), 1, False),
    ],
    ids=repr,
)
def test_requirements_are_values(one: Requirement, other: object, are_equal: bool) -> None:  # noqa: FBT001  a table
    assert (one == other) is are_equal
    if are_equal:
        assert hash(one) == hash(other)


def test_doubles_and_nesting_are_flattened_and_the_order_stays() -> None:
    a, b, c = Scopes("a"), Scopes("b"), Scopes("c")
    assert ((a & b) & (c & a)).parts == (a, b, c)  # type: ignore[attr-defined]
    assert ((a | b) | (c | a)).parts == (a, b, c)  # type: ignore[attr-defined]
    assert ((a & b) | c).parts == (a & b, c)  # type: ignore[attr-defined]
    assert AllOf(Claim("n", 1), Claim("n", True)).parts == (Claim("n", 1), Claim("n", True))  # noqa: FBT003


def test_a_requirement_is_told_from_the_name_of_one() -> None:
    assert is_requirement(Scopes("a"))
    assert not is_requirement("a")
    assert not is_requirement(Scopes)


@pytest.mark.parametrize(
    ("requirement", "part"),
    [
        (Scopes("read") & Groups("board") & Roles("owner"), Groups("board")),
        (Scopes("read") & (Groups("board") | Roles("owner")), Groups("board")),
        ((Groups("board") & Roles("owner")) | Scopes("delete"), Groups("board")),
        (Scopes("delete"), Scopes("delete")),
    ],
    ids=repr,
)
def test_the_first_part_that_is_not_met_is_named(requirement: Requirement, part: Requirement) -> None:
    assert requirement.unmet(ALICE) == part


def test_a_predicate_that_changes_its_mind_still_leaves_something_to_name() -> None:
    answers = iter((False, True))
    moody = AllOf(Claim("tenant", lambda _: next(answers)))
    assert not moody.is_met_by(ALICE)
    assert moody.unmet(ALICE) is moody


# --- the laws ---------------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")
some_names = st.frozensets(st.sampled_from(NAMES))
leaves = st.one_of(
    st.builds(lambda names: Scopes(*names), st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)),
    st.builds(Groups, st.sampled_from(NAMES)),
    st.builds(Roles, st.sampled_from(NAMES)),
    st.builds(Claim, st.just("tags"), st.sampled_from(NAMES)),
)
requirements = st.recursive(
    leaves,
    lambda parts: st.builds(
        lambda kind, several: kind(*several), st.sampled_from([AllOf, AnyOf]), st.lists(parts, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@dataclass(frozen=True)
class Rights:
    """All that a token of these tests may carry."""

    scopes: frozenset[str]
    groups: frozenset[str]
    roles: frozenset[str]
    tags: frozenset[str]

    def token(self) -> AccessToken:
        return token_with({"tags": sorted(self.tags)}, scopes=self.scopes, groups=self.groups, roles=self.roles)

    def __or__(self, other: "Rights") -> "Rights":
        names = ("scopes", "groups", "roles", "tags")
        return Rights(**{name: getattr(self, name) | getattr(other, name) for name in names})


rights = st.builds(Rights, some_names, some_names, some_names, some_names)


@given(requirements, rights, rights)
def test_more_rights_never_turn_a_yes_into_a_no(requirement: Requirement, some: Rights, more: Rights) -> None:
    if requirement.is_met_by(some.token()):
        assert requirement.is_met_by((some | more).token())


@given(requirements, requirements, rights)
def test_and_is_and_or_is_or(one: Requirement, other: Requirement, held: Rights) -> None:
    token = held.token()
    verdicts = one.is_met_by(token), other.is_met_by(token)
    assert (one & other).is_met_by(token) is all(verdicts)
    assert (one | other).is_met_by(token) is any(verdicts)


@pytest.mark.parametrize("sign", [Requirement.__and__, Requirement.__or__], ids=["&", "|"])
@given(requirements, requirements, requirements, rights)
def test_order_and_brackets_do_not_matter_to_the_verdict(
    sign: Callable[[Requirement, Requirement], Requirement],
    one: Requirement,
    two: Requirement,
    three: Requirement,
    held: Rights,
) -> None:
    ways = itertools.permutations((one, two, three))
    grouped = [sign(sign(a, b), c) for a, b, c in ways] + [sign(one, sign(two, three))]
    assert len({requirement.is_met_by(held.token()) for requirement in grouped}) == 1


def evaluated(requirement: Requirement, token: AccessToken) -> bool:
    """The verdict by the book, from the leaves up."""
    if isinstance(requirement, AllOf):
        return all(evaluated(part, token) for part in requirement.parts)
    if isinstance(requirement, AnyOf):
        return any(evaluated(part, token) for part in requirement.parts)
    return requirement.is_met_by(token)


@given(st.lists(requirements, min_size=1, max_size=3), rights)
def test_flattening_keeps_the_verdict(parts: list[Requirement], held: Rights) -> None:
    token = held.token()
    assert AllOf(*parts).is_met_by(token) is all(evaluated(part, token) for part in parts)
    assert AnyOf(*parts).is_met_by(token) is any(evaluated(part, token) for part in parts)


def branches(requirement: Requirement) -> Iterator[tuple[Requirement, ...]]:
    """All ways to meet a requirement, in order; each a tuple of leaves that must all be met."""
    if isinstance(requirement, AnyOf):
        yield from itertools.chain.from_iterable(map(branches, requirement.parts))
    elif isinstance(requirement, AllOf):
        for ways in itertools.product(*map(branches, requirement.parts)):
            yield functools.reduce(lambda one, other: one + other, ways)
    else:
        yield (requirement,)


def scopes_by_the_book(requirement: Requirement, token: AccessToken | None) -> tuple[str, ...] | None:
    """DESIGN section 5: those of the first branch whose unmet leaves are all scopes, whole; if there is none, none."""
    for branch in branches(requirement):
        unmet = [leaf for leaf in branch if token is None or not leaf.is_met_by(token)]
        if all(isinstance(leaf, Scopes) for leaf in unmet):
            return tuple(dict.fromkeys(name for leaf in branch if isinstance(leaf, Scopes) for name in leaf.names))
    return None


@given(requirements, st.none() | rights)
def test_the_scopes_of_the_challenge_are_those_of_the_design(requirement: Requirement, held: Rights | None) -> None:
    token = None if held is None else held.token()
    assert requirement.scopes_for(token) == scopes_by_the_book(requirement, token)


@given(requirements, rights)
def test_a_token_with_the_scopes_of_the_challenge_is_let_in(requirement: Requirement, held: Rights) -> None:
    scopes = requirement.scopes_for(held.token())
    if scopes is not None:
        assert requirement.is_met_by((held | Rights(frozenset(scopes), *[frozenset[str]()] * 3)).token())


@pytest.mark.parametrize(
    ("requirement", "scopes"),
    [
        (Scopes("read", "delete"), ("read", "delete")),
        (Scopes("delete") & Scopes("read"), ("delete", "read")),
        (Scopes("delete") & Groups("staff"), ("delete",)),
        (Scopes("delete") & Groups("board"), None),
        (Groups("board") | Scopes("delete", "read"), ("delete", "read")),
        ((Scopes("delete") & Groups("board")) | Scopes("admin"), ("admin",)),
        ((Scopes("delete") & Groups("staff")) | Scopes("admin"), ("delete",)),
        ((Scopes("delete") | Groups("staff")) & Scopes("admin"), ("delete", "admin")),
        (Groups("board") | Roles("owner"), None),
    ],
    ids=repr,
)
def test_the_scopes_of_the_challenge_in_examples(requirement: Requirement, scopes: tuple[str, ...] | None) -> None:
    assert requirement.scopes_for(ALICE) == scopes
