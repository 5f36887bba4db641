"""The options of UserInfo."""

from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    ConfigurationError,
    StaticKeys,
    UserInfo,
    profiles,
)
from bearer_guard.testing import SigningKey
from tests.test_userinfo import ISSUER, Endpoint, token_of

NOWHERE = AuthorizationServer("orders-idp", keys=StaticKeys({"keys": [SigningKey("ES256").public_jwk()]}))
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a URL": (
        {"server": f"{ISSUER}/me"},
        r"UserInfo takes a server, not 'https://issuer.test/me'; write UserInfo\(server\)",
    ),
    "no profile": ({"profile": "okta"}, r"profile='okta' is none; write profile=profiles.OKTA"),
    "no policy": ({"when_unavailable": "ignore"}, "when_unavailable='ignore' is neither 'refuse' nor 'go_on'"),
    "a switch": ({"when_unavailable": True}, "when_unavailable=True is neither"),
    "nowhere to ask": ({"server": NOWHERE}, "'orders-idp' is not a URL.*; give userinfo_endpoint="),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
def test_a_slip_is_told_what_to_write_instead(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        UserInfo(**{"server": AuthorizationServer(ISSUER), **options})


def test_it_shows_whom_it_asks() -> None:
    assert repr(UserInfo(AuthorizationServer(ISSUER))) == "UserInfo(AuthorizationServer('https://issuer.test'))"


@pytest.mark.parametrize("policy", ["refuse", "go_on"])
async def test_with_another_server_it_has_the_same_options_and_a_memory_of_its_own(policy: Any) -> None:
    ours, theirs = Endpoint(memberships=["staff"]), Endpoint(memberships=["ops"])
    profile = replace(profiles.OAUTH2, groups=("memberships",))
    userinfo = UserInfo(ours.server, profile=profile, when_unavailable=policy)
    assert (await userinfo.enriched(token_of(), "t")).groups == {"staff"}
    twin = userinfo.with_server(theirs.server)
    assert (await twin.enriched(token_of(), "t")).groups == {"ops"}
    theirs.responds(500)
    if policy == "go_on":
        assert (await twin.enriched(token_of(), "other")).groups == set()
    else:
        with pytest.raises(AuthorizationServerUnavailable):
            await twin.enriched(token_of(), "other")
