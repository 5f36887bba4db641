"""The guard of a deployment, from its environment variables."""

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bearer_guard import ConfigurationError, InvalidToken, JWTValidator, MissingToken, Reason, Settings, profiles
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.test_testing import listening, served

LEAST = {"ISSUER": "https://id.example.com", "AUDIENCE": "api"}


def environment(**values: str) -> dict[str, str]:
    """The least that makes a guard, and these variables beside it."""
    return {f"BEARER_GUARD_{name}": value for name, value in {**LEAST, **values}.items()} | {"HOME": "/root"}


def problems_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_env(environ)
    title, *problems = str(refused.value).splitlines()
    assert title == "the environment does not make a guard:"
    assert all(problem.startswith("- ") for problem in problems)
    return [problem.removeprefix("- ") for problem in problems]


# --- every option -----------------------------------------------------------------------------------------------------


def test_issuer_and_audience_are_enough() -> None:
    assert Settings.from_env(environment()) == Settings(issuer="https://id.example.com", audience=("api",))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ISSUER", "https://id.example.com/", "https://id.example.com/"),
        ("ISSUER", "  https://id.example.com\n", "https://id.example.com"),
        ("AUDIENCE", "api", ("api",)),
        ("AUDIENCE", "api, https://api.example.com ,", ("api", "https://api.example.com")),
        ("JWKS_URI", "https://keys.example.com/jwks", "https://keys.example.com/jwks"),
        ("ALGORITHMS", "RS256,ES256", ("RS256", "ES256")),
        ("PROFILE", "okta", profiles.OKTA),
        ("PROFILE", "RFC9068", profiles.RFC_9068),
        ("PROFILE", "oauth2", profiles.OAUTH2),
        ("REALM", "orders of acme", "orders of acme"),
        ("LEEWAY", "0", 0),
        ("LEEWAY", "2.5", 2.5),
        ("ALLOW_INSECURE_HTTP", "true", True),
        ("ALLOW_INSECURE_HTTP", "TRUE", True),
        ("ALLOW_INSECURE_HTTP", "1", True),
        ("ALLOW_INSECURE_HTTP", "false", False),
        ("ALLOW_INSECURE_HTTP", "0", False),
    ],
)
def test_an_option_is_read_from_its_variable(name: str, text: str, value: object) -> None:
    settings = Settings.from_env(environment(**{name: text}))
    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize("name", ["JWKS_URI", "ALGORITHMS", "PROFILE", "REALM", "LEEWAY", "ALLOW_INSECURE_HTTP"])
@pytest.mark.parametrize("text", ["", "  "], ids=["empty", "blank"])
def test_an_empty_variable_is_one_that_is_not_set(name: str, text: str) -> None:
    assert Settings.from_env(environment(**{name: text})) == Settings.from_env(environment())


def test_plain_http_is_for_those_who_say_so() -> None:
    plain = {"ISSUER": "http://id.internal"}
    assert Settings.from_env(environment(**plain, ALLOW_INSECURE_HTTP="true")).issuer == "http://id.internal"
    (problem,) = problems_of(environment(**plain))
    assert "is plain http" in problem


def test_an_issuer_that_is_no_url_has_its_keys_elsewhere() -> None:
    assert Settings.from_env(environment(ISSUER="orders-idp", JWKS_URI="https://k.test/jwks")).issuer == "orders-idp"
    (problem,) = problems_of(environment(ISSUER="orders-idp"))
    assert "give jwks_uri=" in problem


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BEARER_GUARD_")]:
        monkeypatch.delenv(name)
    for name, value in environment(REALM="orders").items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env().realm == "orders"


def test_the_settings_show_what_was_set() -> None:
    shown = repr(Settings.from_env(environment(REALM="orders") | {"DATABASE_PASSWORD": "hunter2"}))
    assert "realm='orders'" in shown
    assert "hunter2" not in shown


def test_the_readme_lists_all_variables_and_no_other() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    listed = re.findall(r"^\| `(BEARER_GUARD_[A-Z_]+)`", readme, re.MULTILINE)
    assert sorted(listed) == sorted(f"BEARER_GUARD_{field.name.upper()}" for field in fields(Settings))


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("ISSUER", "", "BEARER_GUARD_ISSUER is not set"),
        ("ISSUER", "ftp://id.example.com", "'ftp://id.example.com' is not a URL"),
        ("AUDIENCE", "", "BEARER_GUARD_AUDIENCE is not set"),
        ("AUDIENCE", " , ", "BEARER_GUARD_AUDIENCE is a list without a name in it; write a,b"),
        ("JWKS_URI", "http://keys.example.com", "jwks_uri 'http://keys.example.com' is plain http"),
        ("ALGORITHMS", ",", "BEARER_GUARD_ALGORITHMS is a list without a name in it"),
        ("ALGORITHMS", "HS256", "algorithm HS256 signs with a shared secret"),
        ("ALGORITHMS", "RS256 ES256", "algorithm 'RS256 ES256' is not known"),
        ("PROFILE", "keycloak", "BEARER_GUARD_PROFILE is 'keycloak'; write one of oauth2, rfc9068, okta"),
        ("REALM", 'or"ders', "cannot stand in a challenge"),
        ("LEEWAY", "soon", "BEARER_GUARD_LEEWAY is 'soon'; write seconds, such as 30"),
        ("LEEWAY", "121", "leeway=121.0 is out of range"),
        ("LEEWAY", "nan", "leeway=nan is out of range"),
        ("REMEMBER", "many", "BEARER_GUARD_REMEMBER is 'many'; write a whole number"),
        ("REMEMBER", "-1", "remember=-1 is no number of tokens"),
        ("MISSING_TOKEN", "401", "missing_token='401' is not known"),
        ("ALLOW_INSECURE_HTTP", "yes", "BEARER_GUARD_ALLOW_INSECURE_HTTP is 'yes'; write true or false"),
    ],
)
def test_a_wrong_value_is_told_what_to_write_instead(name: str, text: str, sentence: str) -> None:
    problems = problems_of(environment(**{name: text}))
    assert len([problem for problem in problems if sentence in problem]) == 1


def test_a_number_of_remembered_tokens_is_read() -> None:
    assert Settings.from_env(environment(REMEMBER="7")).remember == 7


def test_an_unknown_variable_is_named_with_the_known_ones_and_without_its_value() -> None:
    (problem,) = problems_of(environment(AUDIENCES="api", ISSUER="https://id.example.com"))
    assert problem.startswith("BEARER_GUARD_AUDIENCES is not known; known are BEARER_GUARD_ALGORITHMS, ")
    (problem,) = problems_of(environment(CLIENT_SECRET="hunter2"))
    assert "hunter2" not in problem


def test_nothing_that_is_wrong_with_the_values_hides_the_rest() -> None:
    wrong = {"ISSUER": "http://id.example.com", "ALGORITHMS": "HS256", "REALM": 'or"ders', "LEEWAY": "600"}
    sentences = ["is plain http", "HS256", "leeway=600.0", "cannot stand in a challenge"]
    problems = problems_of(environment(**wrong))
    assert len(problems) == len(sentences)
    assert all(sentence in problem for sentence, problem in zip(sentences, problems, strict=True))


def test_nothing_that_cannot_be_read_hides_what_else_cannot_be_read_or_is_missing_or_unknown() -> None:
    wrong = {"ISSUER": "", "PROFILE": "x", "LEEWAY": "soon", "ALLOW_INSECURE_HTTP": "maybe", "SCOPES": "read"}
    problems = problems_of(environment(**wrong))
    assert [problem.split()[0].removeprefix("BEARER_GUARD_") for problem in problems] == [
        "PROFILE",
        "LEEWAY",
        "ALLOW_INSECURE_HTTP",
        "ISSUER",
        "SCOPES",
    ]


@pytest.mark.parametrize(
    ("wrong", "sentences"),
    [
        ({"ISSUER": "http://id.example.com", "LEEWAY": "soon"}, ["is plain http", "write seconds"]),
        ({"AUDIENCE": "", "ALGORITHMS": "HS256"}, ["AUDIENCE is not set", "shared secret"]),
        ({"TYPO": "x", "LEEWAY": "600"}, ["TYPO is not known", "out of range"]),
        ({"ALGORITHMS": "HS256,ES257"}, ["HS256", "ES257"]),
    ],
    ids=["cannot be read", "not set", "unknown", "two in one list"],
)
def test_all_that_is_wrong_is_listed_at_once(wrong: dict[str, str], sentences: list[str]) -> None:
    listed = "\n".join(problems_of(environment(**wrong)))
    assert all(sentence in listed for sentence in sentences)


# --- the guard --------------------------------------------------------------------------------------------------------


def test_the_guard_has_all_that_was_set() -> None:
    environ = environment(
        AUDIENCE="a,b", ALGORITHMS="ES256", PROFILE="okta", REALM="orders", LEEWAY="5", JWKS_URI="https://k.test/jwks"
    )
    guard = Settings.from_env(environ).guard()
    assert dict(guard.refusal(MissingToken()).headers)["www-authenticate"] == 'Bearer realm="orders"'
    validator = guard.validator
    assert isinstance(validator, JWTValidator)
    assert validator.algorithms == {"ES256"}
    expected = validator._expected
    assert expected.audiences == {"a", "b"}
    assert expected.leeway == 5
    assert expected.profile is profiles.OKTA


def test_settings_made_by_hand_are_judged_when_the_guard_is_made() -> None:
    with pytest.raises(ConfigurationError, match="is plain http"):
        Settings(issuer="http://id.example.com", audience=("api",)).guard()


@pytest.mark.parametrize("place", ["discovery", "jwks_uri"])
async def test_the_guard_validates_tokens_of_a_real_server(signing_keys: dict[str, SigningKey], place: str) -> None:
    listener, url = listening()
    issuer = FakeIssuer(url if place == "discovery" else "https://id.example.com")
    issuer._keys = dict(signing_keys)
    options: dict[str, Any] = {} if place == "discovery" else {"JWKS_URI": f"{url}/jwks"}
    guard = Settings.from_env(environment(ISSUER=issuer.issuer, **options)).guard()
    async with served(issuer.app, listener), guard:
        assert (await guard.validate(issuer.token(scope="read"))).scopes == {"read"}
        with pytest.raises(InvalidToken) as refused:
            await guard.validate(issuer.token(aud="other"))
    assert refused.value.reason is Reason.AUDIENCE_MISMATCH
    assert issuer.requests[-1] == "/jwks"
    assert len(issuer.requests) == (2 if place == "discovery" else 1)
