"""Settings for tokens that the authorization server has to be asked about."""

import itertools
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    ByFormat,
    ClientSecretBasic,
    ConfigurationError,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    PublicClient,
    Settings,
    profiles,
)
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.test_settings import LEAST, environment, problems_of
from tests.test_testing import listening, served

CLIENT = {"CLIENT_ID": "orders-api", "CLIENT_SECRET": "hunter2-s3cret"}
ENDPOINT = {"INTROSPECTION_ENDPOINT": "https://id.example.com/introspect"}


def validator_of(**values: str) -> Any:
    return Settings.from_env(environment(**values)).guard().validator


# --- which validator --------------------------------------------------------------------------------------------------

WHO: dict[str, dict[str, str]] = {
    "nobody": {},
    "a client": CLIENT,
    "a public client": {"CLIENT_ID": "orders-api"},
    "a client and the endpoint": {**CLIENT, **ENDPOINT},
    "a public client and the endpoint": {"CLIENT_ID": "orders-api", **ENDPOINT},
}
WHAT: dict[str, dict[str, str]] = {"both": {}, "jwt": {"TOKENS": "jwt"}, "opaque": {"TOKENS": "opaque"}}


@pytest.mark.parametrize(("who", "what"), list(itertools.product(WHO, WHAT)))
def test_a_client_is_asked_about_opaque_tokens_unless_told_otherwise(who: str, what: str) -> None:
    values = {**WHO[who], **WHAT[what]}
    if who == "nobody" and what == "opaque":
        (problem,) = problems_of(environment(**values))
        assert "who asks about opaque tokens" in problem
        return
    usual = JWTValidator if who == "nobody" else ByFormat
    kind = {"both": usual, "jwt": JWTValidator, "opaque": IntrospectionValidator}[what]
    assert type(validator_of(**values)) is kind


@pytest.mark.parametrize("text", ["OPAQUE", "Opaque", " opaque "])
def test_the_word_is_read_in_any_case(text: str) -> None:
    assert type(validator_of(**CLIENT, TOKENS=text)) is IntrospectionValidator


def test_with_a_secret_the_client_proves_itself_and_without_it_does_not() -> None:
    assert type(validator_of(**CLIENT).server.client_auth) is ClientSecretBasic
    assert type(validator_of(CLIENT_ID="orders-api").server.client_auth) is PublicClient
    assert validator_of(**CLIENT).server.client_auth.client_id == "orders-api"
    assert validator_of().server.client_auth is None


def test_both_validators_have_all_that_was_set_and_one_server() -> None:
    both = validator_of(
        **CLIENT, **ENDPOINT, PROFILE="okta", LEEWAY="5", CLIENT_IDS="app,batch", CACHE_TTL="60", AUDIENCE="a,b"
    )
    assert both.jwt.server is both.opaque.server
    assert both.opaque.server.introspection_endpoint == "https://id.example.com/introspect"
    for validator in (both.jwt, both.opaque):
        expected = validator._expected
        assert (expected.audiences, expected.client_ids, expected.leeway) == ({"a", "b"}, {"app", "batch"}, 5)
        assert validator.profile is profiles.OKTA
    assert both.opaque._memory.ttl == 60
    assert validator_of(**CLIENT).opaque._memory is None


def test_options_of_the_guard_reach_it_with_any_validator() -> None:
    guard = Settings.from_env(environment(**CLIENT, TOKENS="opaque", REMEMBER="7")).guard()
    assert guard._remember == 7


# --- what is wrong ----------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "the endpoint alone": (ENDPOINT, "who asks about opaque tokens"),
    "a secret without an id": ({"CLIENT_SECRET": "hunter2-s3cret"}, "the secret of which client? write client_id, too"),
    "a secret and the endpoint": ({"CLIENT_SECRET": "x", **ENDPOINT}, "the secret of which client?"),
    "a secret that got lost": (
        {"CLIENT_ID": "orders-api", "CLIENT_SECRET": " "},
        "BEARER_GUARD_CLIENT_SECRET is empty; write the secret, or unset it for a public client",
    ),
    "another word": ({**CLIENT, "TOKENS": "both"}, "TOKENS is 'both'; write jwt or opaque, or leave it out for both"),
    "an unknown word": ({"TOKENS": "paseto"}, "TOKENS is 'paseto'; write jwt or opaque"),
    "a cache for JWTs": ({"CACHE_TTL": "60"}, "cache_ttl is for answers about opaque tokens, and none are asked for"),
    "a cache for JWTs alone": ({**CLIENT, "TOKENS": "jwt", "CACHE_TTL": "60"}, "cache_ttl is for answers about opaque"),
    "no time": ({**CLIENT, "CACHE_TTL": "soon"}, "BEARER_GUARD_CACHE_TTL is 'soon'; write seconds, such as 60"),
    "0 s": ({**CLIENT, "CACHE_TTL": "0"}, "cache_ttl=0.0 is out of range; write seconds from 1 to 3600"),
    "too long": ({**CLIENT, "CACHE_TTL": "3601"}, "cache_ttl=3601.0 is out of range"),
    "nan": ({**CLIENT, "CACHE_TTL": "nan"}, "cache_ttl=nan is out of range"),
    "plain http": ({**CLIENT, "INTROSPECTION_ENDPOINT": "http://id.example.com/i"}, "is plain http"),
    "no URL": ({**CLIENT, "INTROSPECTION_ENDPOINT": "introspect"}, "introspection_endpoint 'introspect' is not a URL"),
    "nowhere to ask": (
        {**CLIENT, "ISSUER": "orders-idp", "JWKS_URI": "https://k.test/jwks"},
        "issuer 'orders-idp' is not a URL, so nothing can be searched for there; give introspection_endpoint=",
    ),
    "an old spelling": (
        {**CLIENT, "INTROSPECTION_URL": "https://x.test"},
        "BEARER_GUARD_INTROSPECTION_URL is not known",
    ),
    "Okta's org server": ({"ISSUER": "https://acme.okta.com"}, "is Okta's org authorization server"),
    "Okta's org server, JWTs": (
        {"ISSUER": "https://acme.okta.com", **CLIENT, "TOKENS": "jwt"},
        "is Okta's org authorization server",
    ),
    "Okta's org server, both": (
        {"ISSUER": "https://acme.okta.com", **CLIENT},
        "all tokens of Okta's org authorization server are opaque to you; write tokens=opaque",
    ),
    "Okta's org server, any client": (
        {"ISSUER": "https://acme.okta.com", **CLIENT, "TOKENS": "opaque"},
        "write client_ids={'0oa...'}, the clients that may call it",
    ),
}


@pytest.mark.parametrize(("values", "sentence"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_together_is_one_sentence_that_says_what_to_write(
    values: dict[str, str], sentence: str
) -> None:
    problems = problems_of(environment(**values))
    assert len(problems) == 1
    assert sentence in problems[0]


@pytest.mark.parametrize("values", [ENDPOINT, {"TOKENS": "opaque"}], ids=["endpoint", "opaque"])
def test_who_has_only_set_the_endpoint_is_told_which_variable_is_missing(values: dict[str, str]) -> None:
    (problem,) = problems_of(environment(**values))
    assert "client_auth=" not in problem
    assert "client_id" in problem


def test_okta_s_org_server_is_asked_about_the_tokens_of_some_clients() -> None:
    values = {"ISSUER": "https://acme.okta.com", **CLIENT, "TOKENS": "opaque", "CLIENT_IDS": "0oa1", "PROFILE": "okta"}
    validator = validator_of(**values)
    assert type(validator) is IntrospectionValidator
    assert validator._expected.client_ids == frozenset({"0oa1"})


def test_okta_s_custom_servers_are_ordinary() -> None:
    assert type(validator_of(ISSUER="https://acme.okta.com/oauth2/default", **CLIENT)) is ByFormat


@pytest.mark.parametrize("variable", ["TOKENS", "CLIENT_ID", "CLIENT_SECRET", "INTROSPECTION_ENDPOINT", "CACHE_TTL"])
@pytest.mark.parametrize("text", ["", " \n"], ids=["empty", "blank"])
def test_an_empty_variable_is_one_that_is_not_set(variable: str, text: str) -> None:
    assert Settings.from_env(environment(**{variable: text})) == Settings.from_env(environment())


# --- by hand ----------------------------------------------------------------------------------------------------------


def by_hand(**options: Any) -> Settings:
    return Settings(issuer="https://id.example.com", audience=("api",), **options)


def test_settings_made_by_hand_are_judged_as_well() -> None:
    for options, sentence in (
        ({"client_secret": "hunter2-s3cret"}, "the secret of which client"),
        ({"tokens": "opaque"}, "who asks about opaque tokens"),
        ({"cache_ttl": 60.0}, "cache_ttl is for answers"),
        ({"client_id": "a", "client_secret": ""}, "client_secret= is empty"),
        ({"client_id": ""}, "client_id='' is none"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            by_hand(**options).guard()


@pytest.mark.parametrize("word", ["Opaque", "introspection", "both", ""])
def test_a_word_that_is_none_does_not_make_local_validation_of_what_should_be_asked_about(word: str) -> None:
    with pytest.raises(ConfigurationError, match="jwt or opaque"):
        by_hand(tokens=word, client_id="a", client_secret="b").guard()


# --- the secret -------------------------------------------------------------------------------------------------------


def test_the_secret_is_in_no_repr() -> None:
    settings = Settings.from_env(environment(**CLIENT))
    assert settings.client_secret == "hunter2-s3cret"
    guard = settings.guard()
    shown = [repr(each) for each in (settings, guard, guard.validator, guard.validator.server.client_auth)]  # type: ignore[attr-defined]
    assert not any("hunter2" in text for text in shown)


@pytest.mark.parametrize("name", sorted(set(LEAST) | {"LEEWAY", "TOKENS", "CLIENT_ID", "CACHE_TTL", "REALM", "X"}))
@pytest.mark.parametrize("text", ["", 'h"', "ftp://x", "-1", "http://h.example"])
def test_the_secret_is_in_no_error_whatever_else_is_wrong(name: str, text: str) -> None:
    environ = environment(**{**CLIENT, **ENDPOINT, name: text})
    try:
        Settings.from_env(environ)
    except ConfigurationError as error:
        told = f"{error!r}{error}{error.__cause__!r}{error.__context__!r}"
        assert "hunter2" not in told


# --- a real server ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", ["", "opaque", "jwt"], ids=["both", "opaque", "jwt"])
async def test_the_guard_asks_a_real_server(signing_keys: dict[str, SigningKey], tokens: str) -> None:
    listener, url = listening()
    issuer = FakeIssuer(url)
    issuer._keys = dict(signing_keys)
    client = {"CLIENT_ID": issuer.client_id, "CLIENT_SECRET": issuer.client_secret}
    guard = Settings.from_env(environment(ISSUER=url, TOKENS=tokens, **client)).guard()
    async with served(issuer.app, listener), guard:
        jwt, opaque = issuer.token(scope="read"), issuer.opaque_token(scope="read")
        assert (await guard.validate(jwt)).scopes == {"read"}
        assert ("/introspect" in issuer.requests) is (tokens == "opaque")
        if tokens == "jwt":
            with pytest.raises(InvalidToken):
                await guard.validate(opaque)
            return
        assert (await guard.validate(opaque)).scopes == {"read"}
        wrong = Settings.from_env(
            environment(ISSUER=url, TOKENS=tokens, **{**client, "CLIENT_SECRET": "wrong"})
        ).guard()
        async with wrong:
            with pytest.raises(AuthorizationServerUnavailable):
                await wrong.validate(opaque)
