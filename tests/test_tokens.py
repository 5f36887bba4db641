"""Claims, credentials, access tokens: what nobody can change, and what gives nothing away."""

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any

import pytest

from bearer_guard import AccessToken, Claims, Credentials, profiles
from bearer_guard.checks import Expectations
from bearer_guard.jose import stated_by
from bearer_guard.tokens import ClaimPath, bearer_credentials, claim_at, fingerprint, frozen
from bearer_guard.validators.claims import judged

DOCUMENT = {
    "sub": "alice",
    "admin": True,
    "tenant": None,
    "aud": ["api", "files"],
    "cognito:groups": ["staff"],
    "https://acme.com/v1.0/groups": ["ops"],
    "acme.com/groups": ["board"],
    "realm_access": {"roles": ["reader"], "depth": {"level": 3}},
    "resource_access": {"api.v1": {"roles": ["writer"]}},
}


class Forever:
    """An epoch that never ends."""

    def still_good(self, now: float) -> bool:
        return True


def token_with(claims: dict[str, Any] | None = None, **members: Any) -> AccessToken:
    """An access token as a validator would make it."""
    usual: dict[str, Any] = {
        "issuer": "https://issuer.test",
        "subject": "alice",
        "audience": ("api",),
        "client_id": "app",
        "scopes": frozenset(),
        "groups": frozenset(),
        "roles": frozenset(),
        "expires_at": 2_000_000_000.0,
        "leeway": 30,
        "user_id": None,
        "epoch": None,
    }
    return AccessToken(**{**usual, **members}, claims=frozen(claims or {}))


def validated(**claims: Any) -> AccessToken:
    """An access token as a validator makes it of claims that are not looked at before."""
    expected = Expectations("https://issuer.test", frozenset({"api"}), None, 30, profiles.OAUTH2)
    usual = {"iss": "https://issuer.test", "aud": "api", "exp": 2_000_000_000}
    return judged(stated_by(frozen({**usual, **claims})), "at+jwt", 1_700_000_000, expected, Forever())


# --- claims -----------------------------------------------------------------------------------------------------------


def _assign(claims: Any) -> None:
    claims["sub"] = "mallory"


def _delete(claims: Any) -> None:
    del claims["sub"]


def _merge(claims: Any) -> None:
    claims |= {"sub": "mallory"}


def _attribute(claims: Any) -> None:
    claims.owner = "mallory"


CHANGES: dict[str, Callable[[Any], object]] = {
    "assign": _assign,
    "delete": _delete,
    "merge": _merge,
    "clear": lambda claims: claims.clear(),
    "pop": lambda claims: claims.pop("sub"),
    "pop with a default": lambda claims: claims.pop("other", None),
    "popitem": lambda claims: claims.popitem(),
    "setdefault": lambda claims: claims.setdefault("other", 1),
    "update": lambda claims: claims.update(sub="mallory"),
    "assign in an object": lambda claims: claims["realm_access"].update(roles=()),
    "assign deep down": lambda claims: claims["realm_access"]["depth"].clear(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_claims_cannot_be_changed(change: Callable[[Any], object]) -> None:
    claims = frozen(DOCUMENT)
    with pytest.raises(TypeError, match="claims are read-only; dict"):
        change(claims)
    assert claims == frozen(DOCUMENT)


def test_claims_take_no_attributes() -> None:
    with pytest.raises(AttributeError):
        _attribute(frozen(DOCUMENT))


def test_freezing_reaches_the_bottom() -> None:
    claims = frozen({"rows": [[1, {"names": ["a"]}]]})
    row = claims["rows"][0]
    assert row == (1, {"names": ("a",)})
    assert type(row[1]) is Claims
    assert frozen(claims) is claims


def test_freezing_leaves_what_it_was_given_alone() -> None:
    document = {"aud": ["api"]}
    frozen(document)
    document["aud"].append("files")
    assert document == {"aud": ["api", "files"]}


def test_claims_are_json() -> None:
    assert json.loads(json.dumps(frozen(DOCUMENT))) == DOCUMENT


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301  our own bytes
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_claims_is_as_read_only_as_they_are(copied: Callable[[Any], Any]) -> None:
    claims = frozen(DOCUMENT)
    duplicate = copied(claims)
    assert duplicate == claims
    for part in (duplicate, duplicate["realm_access"]["depth"]):
        assert type(part) is Claims
        with pytest.raises(TypeError):
            part["level"] = 9


def test_a_dict_of_the_claims_may_be_changed_and_they_stay() -> None:
    claims = frozen(DOCUMENT)
    own = dict(claims)
    own["sub"] = "bob"
    assert (own | {"x": 1})["sub"] == "bob"
    assert claims["sub"] == "alice"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sub", "alice"),
        ("admin", True),
        ("missing", None),
        ("tenant", None),
        ("tenant.name", None),
        ("sub.name", None),
        ("aud.0", None),
        ("realm_access.roles", ("reader",)),
        ("realm_access.depth.level", 3),
        ("realm_access.missing.level", None),
        ("cognito:groups", ("staff",)),
        ("https://acme.com/v1.0/groups", ("ops",)),
        ("acme.com/groups", ("board",)),
        ("resource_access.api.v1.roles", None),
        (("resource_access", "api.v1", "roles"), ("writer",)),
        (("https://acme.com/v1.0/groups",), ("ops",)),
        (("realm_access.roles",), None),
    ],
    ids=str,
)
def test_a_claim_path_leads_to_a_value_or_to_none(path: ClaimPath, value: object) -> None:
    assert claim_at(frozen(DOCUMENT), path) == value


# --- the validated token ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [field.name for field in fields(AccessToken)])
def test_no_field_of_an_access_token_can_be_changed(name: str) -> None:
    token = token_with({"sub": "alice"})
    before = getattr(token, name)
    with pytest.raises(AttributeError):
        setattr(token, name, "mallory")
    with pytest.raises(AttributeError):
        delattr(token, name)
    assert getattr(token, name) is before


def test_an_access_token_is_the_same_from_a_validator_and_from_its_class() -> None:
    token = validated(sub="alice")
    members = {each.name: getattr(token, each.name) for each in fields(AccessToken)}
    made = AccessToken(**members)
    assert type(token) is type(made) is AccessToken
    assert repr(token) == repr(made)
    assert {each.name: getattr(made, each.name) for each in fields(AccessToken)} == members
    assert replace(token, subject="bob").subject == "bob"


@pytest.mark.parametrize("name", ["is_bound", "_names", "_values"])
def test_nor_can_what_its_claims_are_made_of(name: str) -> None:
    token = validated(sub="alice")
    before = getattr(token, name)
    with pytest.raises((AttributeError, TypeError)):  # Python 3.11 says TypeError for a class with slots
        setattr(token, name, ())
    with pytest.raises((AttributeError, TypeError)):
        delattr(token, name)
    assert getattr(token, name) is before


def test_claims_are_put_together_when_they_are_asked_for_and_then_kept() -> None:
    token = validated(sub="alice", groups=["staff"], org={"id": "acme"})
    slot = inspect.getattr_static(AccessToken, "claims")
    with pytest.raises(AttributeError):
        slot.__get__(token)
    assert type(token.claims) is Claims
    assert token.claims["groups"] == ("staff",)
    assert type(token.claims["org"]) is Claims
    assert list(token.claims)[-3:] == ["sub", "groups", "org"]
    assert token.claims is token.claims is slot.__get__(token)


@pytest.mark.parametrize("confirmation", [{"jkt": "x"}, {}, None], ids=repr)
def test_a_token_made_by_hand_is_bound_if_it_has_a_cnf_claim_whatever_it_says(confirmation: object) -> None:
    assert not token_with({"sub": "alice"}).is_bound
    assert token_with({"cnf": confirmation}).is_bound
    assert replace(token_with({"cnf": confirmation}), subject="bob").is_bound


def test_a_validated_token_is_bound_if_it_has_a_cnf_claim_and_so_is_what_is_made_of_it() -> None:
    bound, free = validated(cnf={"jkt": "x"}), validated()
    assert bound.is_bound
    assert not free.is_bound
    for copied in (copy.copy, copy.deepcopy, lambda token: pickle.loads(pickle.dumps(token)), replace):  # noqa: S301  ours
        assert copied(bound).is_bound
        assert copied(bound).confirmation == {"jkt": "x"}
        assert not copied(free).is_bound


def test_no_subclass_can_hide_that_a_token_is_bound() -> None:
    with pytest.raises(TypeError, match="hides"):

        @dataclass(frozen=True, kw_only=True)
        class Annotated(AccessToken):
            is_bound: bool

    with pytest.raises(TypeError, match="hides"):

        class Assigned(AccessToken):
            is_bound = False

    class Mine(AccessToken):
        @property
        def tenant(self) -> Any:
            return self.claims["tenant"]

    token = token_with({"cnf": {}, "tenant": "acme"})
    mine = Mine(**{each.name: getattr(token, each.name) for each in fields(AccessToken)})
    assert mine.is_bound
    assert mine.tenant == "acme"


@pytest.mark.parametrize("name", ["scope", "_claims", "__fspath__"])
def test_an_access_token_has_no_other_attributes(name: str) -> None:
    for token in (token_with(), validated()):
        assert not hasattr(token, name)
        with pytest.raises(AttributeError, match=f"'AccessToken' object has no attribute '{name}'"):
            getattr(token, name)


def test_an_access_token_takes_no_other_attributes() -> None:
    with pytest.raises((AttributeError, TypeError)):  # Python 3.11 says TypeError for a class with slots
        token_with().verified_by = "me"  # type: ignore[attr-defined]


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_an_access_token_travels_without_its_epoch(copied: Callable[[Any], Any]) -> None:
    token = token_with({"aud": ["api"]}, scopes=frozenset({"read"}), groups=frozenset({"ops"}), epoch=Forever())
    arrived = copied(token)
    assert arrived.epoch is None
    for name in (field.name for field in fields(AccessToken) if field.name != "epoch"):
        assert getattr(arrived, name) == getattr(token, name)
    assert type(arrived.claims) is Claims


def test_an_access_token_is_equal_to_itself_alone() -> None:
    one, other = token_with(), token_with()
    assert one != other
    assert {one, other} == {other, one}


def test_the_repr_of_an_access_token_leaves_the_claims_out() -> None:
    shown = repr(token_with({"email": "alice@acme.com"}, epoch=Forever()))
    assert "subject='alice'" in shown
    assert "alice@acme.com" not in shown
    assert "Forever" not in shown


def test_the_confirmation_is_the_cnf_claim() -> None:
    assert token_with({"cnf": {"jkt": "thumbprint"}}).confirmation == {"jkt": "thumbprint"}
    assert token_with().confirmation is None


# --- the presented token ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2046, 2047, 2048, 4094, 4095, 9000, 16 * 1024, 100_000])
def test_a_fingerprint_is_the_digest_of_the_token_as_a_whole(length: int) -> None:
    token = "".join(map(str, range(length)))[:length]
    digest = sha256(token.encode()).digest()
    assert Credentials(token).fingerprint == Credentials(token.encode()).fingerprint == digest
    assert fingerprint(token) == fingerprint(token.encode()) == digest


@pytest.mark.parametrize("at", [0, 2046, 2047, 5000, 8999])
def test_tokens_that_differ_in_one_character_have_other_fingerprints(at: int) -> None:
    token = "a" * 9000
    other = token[:at] + "b" + token[at + 1 :]
    assert Credentials(token).fingerprint != Credentials(other).fingerprint
    assert fingerprint(token) != fingerprint(other)


def test_credentials_are_equal_where_all_of_them_is() -> None:
    credentials = Credentials("a", "Bearer", "bearer.token")
    assert credentials == Credentials(b"a", "Bearer", "bearer.token")
    others = [Credentials("b", "Bearer", "bearer.token"), Credentials("a", "DPoP", "bearer.token"), Credentials("a")]
    for other in (*others, "a", None):
        assert credentials != other


def test_credentials_are_credentials_however_little_they_hold() -> None:
    assert Credentials("")
    assert Credentials(b"")


@pytest.mark.parametrize("shown", [repr, str, "{}".format, ascii], ids=["repr", "str", "format", "ascii"])
def test_credentials_show_their_scheme_and_not_their_token(shown: Callable[[object], str]) -> None:
    text = shown([Credentials("secret-token")])
    assert "Bearer" in text
    assert "secret" not in text


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_credentials_are_neither_pickled_nor_copied(copied: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="hold a secret") as refused:
        copied({"presented": (Credentials("secret-token"),)}["presented"][0])
    assert "secret-token" not in str(refused.value)


@pytest.mark.parametrize("token", ["a.b.c", b"a.b.c"])
def test_credentials_are_the_same_from_a_text_and_from_its_bytes(token: str | bytes) -> None:
    credentials = Credentials(token)
    assert credentials.token == "a.b.c"
    assert credentials == Credentials("a.b.c")
    assert credentials != Credentials("a.b.c", "DPoP")
    assert credentials != "a.b.c"
    assert credentials.fingerprint == fingerprint("a.b.c") == fingerprint(b"a.b.c")


@pytest.mark.parametrize("token", [b"a.b.c", b"x" * 3000], ids=["short", "long"])
def test_credentials_from_the_header_are_like_all_others(token: bytes) -> None:
    found = bearer_credentials(token)
    assert isinstance(found, Credentials)
    assert found == Credentials(token)
    assert found.fingerprint == fingerprint(token)
    assert repr(found) == repr(Credentials(token))
    with pytest.raises(TypeError, match="hold a secret"):
        pickle.dumps(found)


@pytest.mark.parametrize("token", ["é", "\ud800", b"\xff\xfe", "x" * 5000])
def test_whatever_is_presented_has_a_text_and_a_digest(token: str | bytes) -> None:
    credentials = Credentials(token)
    assert credentials.token == (token if isinstance(token, str) else "ÿþ")
    assert credentials.fingerprint == fingerprint(token)
