"""Dialects of issuers, as data: which claims carry what, and which tokens are not access tokens.

A profile is a frozen value; `dataclasses.replace(profiles.OKTA, groups=("https://acme.com/groups",))` makes your own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bearer_guard.errors import ConfigurationError, Reason
from bearer_guard.profiles.reading import Reading, Ways, scopes_in, user_behind, way
from bearer_guard.tokens import ClaimPath, Claims, is_claim_path

_ID, _REFRESH, _LOGOUT = Reason.ID_TOKEN_USED, Reason.REFRESH_TOKEN_USED, Reason.LOGOUT_TOKEN_USED

# Claims that stand in one kind of token only.
# OIDC Core sections 2 and 3.3.2.11: nonce and the hashes. OIDC Back-Channel Logout section 2.4: events.
_TELLTALE_CLAIMS: Mapping[str, Reason] = {
    "nonce": _ID,
    "at_hash": _ID,
    "c_hash": _ID,
    "s_hash": _ID,
    "events": _LOGOUT,
    "token_introspection": Reason.TYPE_NOT_ALLOWED,  # RFC 9701 section 5: an answer about a token
}

# Claims in which some issuers write down what kind of token it is, and the words they use for it, in lower case.
_KIND_CLAIMS = ("typ", "type", "token_use", "token_class", "token_type")
_KINDS: Mapping[str, Reason] = {
    "id": _ID,
    "id_token": _ID,
    "id-token": _ID,
    "idtoken": _ID,
    "refresh": _REFRESH,
    "refresh_token": _REFRESH,
    "refresh-token": _REFRESH,
    "refreshtoken": _REFRESH,
    "offline": _REFRESH,
    "offline_access": _REFRESH,
    "logout": _LOGOUT,
    "logout_token": _LOGOUT,
    "logout-token": _LOGOUT,
    "urn:ietf:params:oauth:token-type:id_token": _ID,  # RFC 8693 section 3
    "urn:ietf:params:oauth:token-type:refresh_token": _REFRESH,
}

# The same for the header parameter typ, media types without "application/" and in lower case.
_HEADER_TYPES: Mapping[str, Reason] = {
    "id+jwt": _ID,
    "id_token": _ID,
    "id_token+jwt": _ID,
    "refresh+jwt": _REFRESH,
    "rt+jwt": _REFRESH,
    "logout+jwt": _LOGOUT,  # OIDC Back-Channel Logout section 2.4
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How the access tokens of an issuer look.

    `typ`: accepted values of the header parameter typ, in lower case and without `application/`; None stands for
    "not there" (RFC 9068 section 2.1, RFC 7515 section 4.1.9).
    `scope`, `client_id`, `user_id`: claim paths, the first that is there counts. `groups`, `roles`: claim paths, all
    are read.
    `user_id`: the user's stable id, as the `sub` of userinfo names it.
    `groups_separator`: what stands between the groups where they are one string; None: such a string is one group.
    `required`: claims that must be there, beside `iss`, `aud` and `exp`, which always must.
    `telltale_claims`, `kind_claims`, `kinds`, `header_types`: what gives away a token that is not an access token.
    """

    name: str
    typ: frozenset[str | None] = frozenset({None, "jwt", "at+jwt"})
    scope: tuple[ClaimPath, ...] = ("scope", "scp")
    groups: tuple[ClaimPath, ...] = ("groups",)
    roles: tuple[ClaimPath, ...] = ("roles",)
    client_id: tuple[ClaimPath, ...] = ("client_id", "azp", "cid", "appid")
    user_id: tuple[ClaimPath, ...] = ("sub",)
    groups_separator: str | None = None
    required: tuple[ClaimPath, ...] = ()
    telltale_claims: Mapping[str, Reason] = field(default_factory=lambda: _TELLTALE_CLAIMS, repr=False)
    kind_claims: tuple[str, ...] = field(default=_KIND_CLAIMS, repr=False)
    kinds: Mapping[str, Reason] = field(default_factory=lambda: _KINDS, repr=False)
    header_types: Mapping[str, Reason] = field(default_factory=lambda: _HEADER_TYPES, repr=False)

    def __post_init__(self) -> None:
        for option in ("scope", "groups", "roles", "client_id", "user_id", "required", "kind_claims"):
            paths = getattr(self, option)
            if not isinstance(paths, tuple) or not all(map(is_claim_path, paths)):
                raise ConfigurationError(f"{option}= of a profile is a tuple of claims; write {option}=('name',)")
        if not isinstance(self.typ, frozenset) or not self.typ:
            raise ConfigurationError("typ= of a profile is a frozenset; write typ=frozenset({None, 'at+jwt'})")
        if self.groups_separator is not None and (
            not isinstance(self.groups_separator, str) or not self.groups_separator
        ):
            raise ConfigurationError("groups_separator= of a profile is a string; write groups_separator=','")

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}  # without what is made of them below

    def scopes_of(self, claims: Claims) -> frozenset[str]:
        """The granted scopes. A string is split on single spaces; an item of an array is one scope, as it is."""
        return scopes_in(self.read(claims)[0])

    def client_id_claim(self, claims: Claims) -> Any:
        """The value of the first client claim that is there."""
        return self.read(claims)[1]

    def user_id_claim(self, claims: Claims) -> Any:
        """The value of the first user claim that is there."""
        return self.read(claims)[2]

    def user_id_of(self, claims: Claims) -> str | None:
        """The user's id; None where no user stands behind the token."""
        _, client_id, user_id, *_ = self.read(claims)
        return user_behind(user_id, client_id)

    def groups_of(self, claims: Claims) -> frozenset[str]:
        """The groups: strings, arrays of strings, and SCIM's arrays of objects; anything else grants nothing."""
        return self.read(claims)[3]

    def roles_of(self, claims: Claims) -> frozenset[str]:
        """The roles, read like the groups."""
        return self.read(claims)[4]

    def read(self, claims: Claims) -> Reading:
        """What is in claims, all at once: the values for scope, client and user, then for groups and roles."""
        there = {name: place for place, (name, value) in enumerate(claims.items()) if value is not None}
        return self.ways.reader(there)([*claims.values()])

    # What is asked about every token is made once for each profile.

    @cached_property
    def ways(self) -> Ways:
        """Its claim paths, taken apart."""
        first_of = way(self.scope), way(self.client_id), way(self.user_id)
        return Ways(*first_of, way(self.groups), way(self.roles), self.groups_separator)


OAUTH2 = Profile(name="oauth2")
"""The default: what most issuers have in common. Several spellings of scope and client, typ `at+jwt`, `JWT` or none."""

RFC_9068 = Profile(
    name="rfc9068",
    typ=frozenset({"at+jwt"}),
    scope=("scope",),
    client_id=("client_id",),
    required=("sub", "client_id", "iat", "jti"),
)
"""RFC 9068 to the letter: typ `at+jwt`, and every claim that section 2.2 requires."""

OKTA = Profile(name="okta", scope=("scp",), client_id=("cid",), user_id=("uid",))
"""Okta's custom authorization servers: no typ, scopes as the array `scp`, the client as `cid`, the user as `uid`.

In their access tokens `sub` is the login name, and people get new ones; userinfo names the user by what is `uid` here.

Tokens of Okta's *org* authorization server are not meant for your API and cannot be validated locally."""
