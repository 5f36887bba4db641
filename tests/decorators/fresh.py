"""What the tests of fresh= share: a guard that can ask, and a count of how often it did."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from bearer_guard import BearerGuard, ByFormat, IntrospectionValidator, JWTValidator, access_token
from bearer_guard.testing import FakeIssuer

BOTH_FORMS = pytest.mark.parametrize("form", ["jwt", "opaque"])


def asking_guard(issuer: FakeIssuer, *, cache_ttl: float | None = 300, **options: Any) -> BearerGuard:
    """A guard of both kinds of token; answers about opaque ones are kept for five minutes."""
    opaque = IntrospectionValidator(issuer.server, audience="api", cache_ttl=cache_ttl)
    return BearerGuard(ByFormat(jwt=JWTValidator(issuer.server, audience="api"), opaque=opaque), **options)


def bearer(issuer: FakeIssuer, form: str, **claims: Any) -> tuple[str, dict[str, str]]:
    """A token of a form, and the headers of a request with it."""
    token = issuer.token(**claims) if form == "jwt" else issuer.opaque_token(**claims)
    return token, {"Authorization": f"Bearer {token}"}


def regrant(issuer: FakeIssuer, token: str, **claims: Any) -> None:
    """The server changes its mind about a token: from now on it says this about it."""
    issuer._active[token].update(claims)


def calls(issuer: FakeIssuer) -> int:
    """How often it was asked about tokens since the last look."""
    asked = issuer.requests.count("/introspect")
    issuer.requests.clear()
    return asked


async def facts(request: Request) -> JSONResponse:
    """The token as the route sees it, wherever it looks."""
    token = access_token(request)
    assert token is request.auth
    assert token is request.scope["bearer_guard"].token
    return JSONResponse({"scopes": sorted(token.scopes), "groups": sorted(token.groups)})
