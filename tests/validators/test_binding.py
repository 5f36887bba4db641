"""Who shares answers with whom: only those who would have asked the same, and expect the same of the answer."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import ClientSecretBasic, ClientSecretPost, IntrospectionValidator, Reason, profiles
from tests.validators.oracle import Oracle, Shared, active, refusal


def _with_client(client_id: str, kind: Any = ClientSecretBasic) -> dict[str, Any]:
    return {"client_auth": kind(client_id, "secret")}


DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # of the server, of the validator
    "as usual": ({}, {}),
    "another issuer": ({"issuer": "https://other.test"}, {}),
    "another endpoint": ({"introspection_endpoint": "https://as.test/introspect2"}, {}),
    "another metadata document": ({"metadata_url": "https://as.test/metadata2"}, {}),
    "another client": (_with_client("billing-api"), {}),
    "another way to authenticate": (_with_client("orders-api", ClientSecretPost), {}),
    "another audience": ({}, {"audience": "files"}),
    "more audiences": ({}, {"audience": ["api", "files"]}),
    "an audience with a comma": ({}, {"audience": "api, files"}),
    "one client": ({}, {"client_ids": {"shop"}}),
    "two clients": ({}, {"client_ids": {"shop", "batch"}}),
    "vouching": ({}, {"server_vouches_for_audience": True}),
    "another leeway": ({}, {"leeway": 29}),
    "no hint": ({}, {"token_type_hint": None}),
    "another hint": ({}, {"token_type_hint": "refresh_token"}),
    "Okta's dialect": ({}, {"profile": profiles.OKTA}),
    "another separator": ({}, {"profile": replace(profiles.OAUTH2, groups_separator=",")}),
    "other groups": ({}, {"profile": replace(profiles.OAUTH2, groups=("teams",))}),
    "more required": ({}, {"profile": replace(profiles.OAUTH2, required=("client_id",))}),
}
ANSWER = active(aud=["api", "files", "api, files"], client_id="shop")


def _variant(name: str, oracle: Oracle, cache: Shared) -> IntrospectionValidator:
    of_server, of_validator = DIFFERENT[name]
    return oracle.validator(server=oracle.server(**of_server), cache_ttl=60, cache=cache, **of_validator)


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(DIFFERENT, 2)])
async def test_validators_that_differ_share_nothing(one: str, other: str) -> None:
    oracle, cache = Oracle(ANSWER), Shared()
    await _variant(one, oracle, cache).validate("t")
    await _variant(other, oracle, cache).validate("t")
    assert len(oracle.asked) == 2
    assert len(cache.kept) == 2


@pytest.mark.parametrize("name", DIFFERENT)
async def test_validators_that_are_alike_share_all(name: str) -> None:
    oracle, cache = Oracle(ANSWER), Shared()
    for _ in range(2):
        await _variant(name, oracle, cache).validate("t")
    assert len(oracle.asked) == 1


async def test_neither_the_order_of_names_nor_another_time_to_live_nor_a_new_secret_makes_a_difference() -> None:
    oracle, cache = Oracle(ANSWER), Shared()
    for audience, client_ids, ttl, secret in (
        (["api", "files"], {"shop", "batch"}, 60, "old"),
        (("files", "api"), ["batch", "shop"], 30, "new"),
    ):
        server = oracle.server(client_auth=ClientSecretBasic("orders-api", secret))
        options = {"audience": audience, "client_ids": client_ids, "cache_ttl": ttl, "cache": cache}
        await oracle.validator(server=server, **options).validate("t")
    assert len(oracle.asked) == 1


@pytest.mark.parametrize("option", ["kinds", "telltale_claims"])
async def test_profiles_that_tell_other_tokens_apart_differ(option: str) -> None:
    oracle, cache = Oracle(), Shared()
    lax: Any = {option: {}}
    for profile in (profiles.OAUTH2, replace(profiles.OAUTH2, **lax)):
        await oracle.validator(profile=profile, cache_ttl=60, cache=cache).validate("t")
    assert len(cache.kept) == 2


async def test_what_a_lax_validator_has_accepted_a_strict_one_judges_for_itself() -> None:
    oracle, cache = Oracle(active(token_use="refresh")), Shared()
    lax = replace(profiles.OAUTH2, kinds={})
    assert await oracle.validator(profile=lax, cache_ttl=60, cache=cache).validate("t")
    error = await refusal(oracle.validator(cache_ttl=60, cache=cache))
    assert error.reason is Reason.REFRESH_TOKEN_USED


async def test_tokens_do_not_share_among_themselves() -> None:
    oracle, cache = Oracle(lambda form: active(sub=form["token"])), Shared()
    for token in ("t", "T", "t.", "t=", "u"):
        assert (await oracle.validator(cache_ttl=60, cache=cache).validate(token)).subject == token
    assert len(cache.kept) == 5


async def test_neither_keys_nor_values_hold_a_token() -> None:
    oracle, cache = Oracle(), Shared()
    token = "2YotnFZFEjr1zCsicMWpAA"
    for max_age in (None, 0):
        await oracle.validator(cache_ttl=60, cache=cache).validate(token, max_age=max_age)
    kept = " ".join(f"{key} {value!r}" for key, value in cache.kept.items())
    assert cache.kept
    assert token not in kept
    assert token[:8] not in kept
    assert "orders-api" not in kept, "a key tells nothing about who asks, either"


def test_all_processes_find_the_same_entry_under_the_same_key() -> None:
    # Sets and hashes come out in another order in each process: nothing of that may get into a key.
    program = """
import dataclasses
from bearer_guard import *
server = AuthorizationServer("https://as.test", client_auth=PublicClient("orders-api"))
profile = dataclasses.replace(profiles.RFC_9068, name="mine")
options = {"audience": {"a", "b", "c", "d"}, "client_ids": {"e", "f", "g"}, "profile": profile}
validator = IntrospectionValidator(server, **options, cache_ttl=60, cache=MemoryCache())
print(validator._memory._name(b"token"))
"""
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(keys) == 1
    assert keys.pop().startswith("token:")
