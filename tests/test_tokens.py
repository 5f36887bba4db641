"""Claims, credentials, access tokens: what nobody can change, and what gives nothing away."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

import pytest

from bearer_guard import AccessToken, Claims, Credentials
from bearer_guard.tokens import ClaimPath, claim_at, fingerprint, frozen

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


def test_an_access_token_is_the_same_from_a_draft_and_from_its_class() -> None:
    token = token_with({"sub": "alice"}, epoch=Forever())
    members = {each.name: getattr(token, each.name) for each in fields(AccessToken)}
    made = AccessToken(**members)
    assert type(token) is type(made) is AccessToken
    assert repr(token) == repr(made)
    assert {each.name: getattr(made, each.name) for each in fields(AccessToken)} == members
    assert replace(token, subject="bob").subject == "bob"


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
    assert len(Credentials("")) == 0
    assert len(Credentials("a.b")) == 3


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
    assert (credentials.token, len(credentials), bool(credentials)) == ("a.b.c", 5, True)
    assert credentials == Credentials("a.b.c")
    assert credentials != Credentials("a.b.c", "DPoP")
    assert credentials != "a.b.c"
    assert credentials.fingerprint == fingerprint("a.b.c") == fingerprint(b"a.b.c")


@pytest.mark.parametrize("token", ["é", "\ud800", b"\xff\xfe", "x" * 5000])
def test_whatever_is_presented_has_a_text_and_a_digest(token: str | bytes) -> None:
    credentials = Credentials(token)
    assert credentials.token == (token if isinstance(token, str) else "ÿþ")
    assert credentials.fingerprint == fingerprint(token)
