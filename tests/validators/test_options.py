"""What validators take, checked at construction, and what they are with another server in its place."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bearer_guard import (
    AuthorizationServer,
    ByFormat,
    ClientSecretBasic,
    ConfigurationError,
    IntrospectionValidator,
    JWTValidator,
    MemoryCache,
    Profile,
    Reason,
    StaticKeys,
    profiles,
)
from bearer_guard.testing import FakeIssuer
from tests.validators.oracle import ISSUER, Oracle, active, refusal

# --- what both take ---------------------------------------------------------------------------------------------------


def jwt_validator(**options: Any) -> JWTValidator:
    return JWTValidator(ISSUER, **options)


def introspection_validator(**options: Any) -> IntrospectionValidator:
    return IntrospectionValidator(Oracle().server(), **options)


BOTH = {"JWTValidator": jwt_validator, "IntrospectionValidator": introspection_validator}
Construct = Callable[..., JWTValidator | IntrospectionValidator]

COMMON: list[tuple[dict[str, Any], str]] = [
    ({}, r"^(JWT|Introspection)Validator needs the audience that names your API.*; write audience='https://api"),
    ({"audience": None}, r"needs the audience"),
    ({"audience": ""}, r"needs the audience"),
    ({"audience": set()}, r"needs the audience"),
    ({"audience": 7}, r"audience=7 must be names; write audience=\{'a', 'b'\}"),
    ({"audience": b"api"}, r"audience=b'api' must be names"),
    ({"audience": ["api", 7]}, r"audience=\['api', 7\] must be names"),
    ({"audience": ["api", ""]}, r"audience=\['api', ''\] must be names"),
    ({"audience": "api", "client_ids": "shop"}, r"client_ids='shop' must be names; write client_ids=\{'a', 'b'\}"),
    ({"audience": "api", "client_ids": []}, r"client_ids=\[\] must be names"),
    ({"audience": "api", "client_ids": 7}, r"client_ids=7 must be names"),
    ({"audience": "api", "leeway": -0.1}, r"leeway=-0.1 is out of range; write seconds from 0 to 120"),
    ({"audience": "api", "leeway": 120.5}, r"leeway=120.5 is out of range"),
    ({"audience": "api", "leeway": math.nan}, r"leeway=nan is out of range"),
    ({"audience": "api", "leeway": False}, r"leeway=False is out of range"),
    ({"audience": "api", "leeway": "30"}, r"leeway='30' is out of range"),
    ({"audience": "api", "profile": "okta"}, r"profile='okta' is none; write profile=profiles.OKTA"),
    ({"audience": "api", "profile": None}, r"profile=None is none"),
]


@pytest.mark.parametrize("construct", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize(("options", "sentence"), COMMON, ids=str)
def test_a_wrong_option_is_told_what_to_write_instead(
    construct: Construct, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        construct(**options)


@pytest.mark.parametrize("construct", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize("leeway", [0, 0.5, 120])
def test_right_ones_are_kept(construct: Construct, leeway: float) -> None:
    validator = construct(audience=("b", "a"), client_ids=("shop",), leeway=leeway, profile=profiles.OKTA)
    assert validator.audience == {"a", "b"}
    assert validator.profile is profiles.OKTA


# --- what introspection takes besides ---------------------------------------------------------------------------------


class HalfACache:
    """It keeps, and gives nothing back."""

    async def set(self, key: str, value: bytes, ttl: float) -> None: ...


class BareClient(MemoryCache):
    """It has get and set, as a cache has, and is a client of Redis with nothing in between."""

    async def execute_command(self, *words: str) -> None:
        """Whatever Redis can do."""


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"server_vouches_for_audience": "yes"},
        r"server_vouches_for_audience= is True or False; leave it out if in doubt",
    ),
    ({"server_vouches_for_audience": 1}, r"is True or False"),
    ({"server_vouches_for_audience": None}, r"is True or False"),
    ({"token_type_hint": 7}, r"token_type_hint=7 is none; write 'access_token', or None"),
    (
        {"cache": MemoryCache()},
        r"cache= says where, not how long; write cache_ttl=60, the seconds for which a .*revoked",
    ),
    ({"cache": {}, "cache_ttl": 60}, r"cache= takes a cache, not dict; write cache=RedisCache"),
    ({"cache": HalfACache(), "cache_ttl": 60}, r"cache= takes a cache, not HalfACache"),
    ({"cache": "redis://cache", "cache_ttl": 60}, r"cache= takes a cache, not str"),
    ({"cache": BareClient(), "cache_ttl": 60}, r"a bare Redis client believes .*; write cache=RedisCache\(SealedRedis"),
    *(
        ({"cache_ttl": ttl}, r"cache_ttl=.* is out of range; write seconds from 1 to 3600")
        for ttl in (0, -1, 3600.1, math.inf, math.nan, True, False, "60")
    ),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG, ids=str)
def test_a_wrong_option_of_introspection_is_told_what_to_write_instead(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        introspection_validator(audience="api", **options)


def test_a_cache_by_its_class_is_a_slip() -> None:
    with pytest.raises(ConfigurationError, match="cache= takes a cache"):
        introspection_validator(audience="api", cache=MemoryCache, cache_ttl=60)


@pytest.mark.parametrize("cache_ttl", [0.5, 1, 3600])
@pytest.mark.parametrize("cache", [None, MemoryCache()], ids=["in this process", "shared"])
def test_a_cache_lasts_up_to_an_hour(cache_ttl: float, cache: MemoryCache | None) -> None:
    assert introspection_validator(audience="api", cache=cache, cache_ttl=cache_ttl)


@pytest.mark.parametrize("server", [ISSUER, None, AuthorizationServer], ids=["an issuer", "None", "the class"])
def test_without_a_server_it_is_told_how_to_make_one(server: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"takes a server, not .*client_auth=ClientSecretBasic\('orders-api'"):
        IntrospectionValidator(server, audience="api")


def test_a_server_that_does_not_say_who_we_are_cannot_be_asked() -> None:
    with pytest.raises(ConfigurationError, match=r"does not say who we are.*; write client_auth=ClientSecretBasic"):
        IntrospectionValidator(Oracle().server(client_auth=None), audience="api")


def test_a_server_whose_endpoint_cannot_be_found_cannot_be_asked() -> None:
    client_auth = ClientSecretBasic("orders-api", "secret")
    server = AuthorizationServer("as.test", jwks_uri="https://as.test/jwks", client_auth=client_auth)
    with pytest.raises(ConfigurationError, match=r"is not a URL.*; give introspection_endpoint="):
        IntrospectionValidator(server, audience="api")


def test_it_shows_its_server_and_audience_and_no_secret() -> None:
    validator = introspection_validator(audience={"b", "a"}, cache_ttl=60)
    assert repr(validator) == f"IntrospectionValidator(AuthorizationServer('{ISSUER}'), audience=['a', 'b'])"
    assert validator.honours_max_age


def test_its_clock_is_that_of_its_server() -> None:
    oracle = Oracle()
    assert oracle.validator().clock is oracle.clock


# --- what ByFormat takes ----------------------------------------------------------------------------------------------


def test_by_format_wants_each_validator_in_its_place() -> None:
    jwt, opaque = jwt_validator(audience="api"), introspection_validator(audience="api")
    assert repr(ByFormat(jwt=jwt, opaque=opaque)) == f"ByFormat(jwt={jwt!r}, opaque={opaque!r})"
    wrong: Any
    for wrong in (opaque, None, ISSUER, JWTValidator):
        with pytest.raises(ConfigurationError, match=r"^jwt= takes a validator, not .*; write jwt=JWTValidator\(...\)"):
            ByFormat(jwt=wrong, opaque=opaque)
    for wrong in (jwt, None, ISSUER, IntrospectionValidator):
        with pytest.raises(ConfigurationError, match=r"^opaque= takes .*; write opaque=IntrospectionValidator\(...\)"):
            ByFormat(jwt=jwt, opaque=wrong)


# --- another server in its place --------------------------------------------------------------------------------------


async def test_with_another_server_it_asks_that_one_and_judges_as_before() -> None:
    one, other = Oracle(), Oracle(active(client_id="shop", sub="bob"))
    validator = one.validator(client_ids={"shop"}, audience={"api", "files"}, token_type_hint=None, cache_ttl=60)
    twin = validator.with_server(other.server())
    assert (await twin.validate("t")).subject == "bob"
    assert (await refusal(validator)).reason is Reason.CLIENT_NOT_ALLOWED
    other.answer = active(client_id="evil")
    assert (await refusal(twin, "u")).reason is Reason.CLIENT_NOT_ALLOWED
    assert (twin.audience, twin.clock) == (validator.audience, other.clock)
    assert other.asked == [{"token": "t"}, {"token": "u"}]


@dataclass
class Keeping:
    """A cache that anybody can look into, and that can be closed."""

    kept: dict[str, bytes] = field(default_factory=dict)
    was_closed: bool = False

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        self.kept[key] = value

    async def aclose(self) -> None:
        self.was_closed = True


async def test_it_finds_nothing_of_the_server_before_and_leaves_nothing_for_it() -> None:
    one, other, cache = Oracle(), Oracle({"active": False}), Keeping()
    validator = one.validator(cache_ttl=60, cache=cache)
    await validator.validate("t")
    kept = dict(cache.kept)
    twin = validator.with_server(other.server())
    assert (await refusal(twin)).reason is Reason.INACTIVE
    other.answer = active()
    await twin.validate("u")
    assert cache.kept == kept
    await validator.validate("t")
    assert (len(one.asked), len(other.asked)) == (1, 2)


@pytest.mark.parametrize("stand_in", ["another issuer", "nobody who asks"])
def test_what_cannot_stand_in_is_refused(stand_in: str) -> None:
    oracle = Oracle()
    opaque, jwt = oracle.validator(), JWTValidator(oracle.server(), audience="api")
    if stand_in == "another issuer":
        other, sentence = oracle.server("https://other.test"), r"'https://other.test'\) is another issuer than .*; make"
        with pytest.raises(ConfigurationError, match=sentence):
            jwt.with_server(other)
    else:
        other, sentence = oracle.server(client_auth=None), r"does not say who we are"
    with pytest.raises(ConfigurationError, match=sentence):
        opaque.with_server(other)
    with pytest.raises(ConfigurationError, match=sentence):
        ByFormat(jwt=jwt, opaque=opaque).with_server(other)


class ClosableKeys(StaticKeys):
    """Keys that were given, and note whether they were closed."""

    was_closed = False

    async def aclose(self) -> None:
        self.was_closed = True


async def test_closing_it_closes_its_cache_and_it_can_be_used_again() -> None:
    oracle, cache = Oracle(), Keeping()
    validator = oracle.validator(cache=cache, cache_ttl=60)
    await validator.validate("t")
    await validator.aclose()
    assert cache.was_closed
    assert await validator.validate("u")
    await oracle.validator(cache=MemoryCache(), cache_ttl=60).aclose()  # this one has nothing to close


async def test_closing_by_format_closes_both(issuer: FakeIssuer) -> None:
    oracle = Oracle()
    clients: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        clients.append(oracle.client())
        return clients[-1]

    keys = ClosableKeys(issuer.jwks())
    both = ByFormat(
        jwt=JWTValidator(AuthorizationServer(ISSUER, keys=keys), audience="api"),
        opaque=oracle.validator(server=oracle.server(http_client=make)),
    )
    await both.validate("t")
    assert [client.is_closed for client in clients] == [False]
    await both.aclose()
    assert [client.is_closed for client in clients] == [True]
    assert keys.was_closed


@pytest.mark.parametrize("construct", BOTH.values(), ids=BOTH)
def test_a_profile_is_data_and_what_a_subclass_overrides_is_not_half_believed(construct: Construct) -> None:
    class Mine(Profile):
        pass

    with pytest.raises(ConfigurationError, match=r"is none; write .* dataclasses\.replace"):
        construct(audience="api", profile=Mine(name="mine"))
