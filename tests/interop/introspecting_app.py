"""The protected API that asks the authorization server about its tokens, as `INTEROP_OPTIONS` (JSON) describes it."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bearer_guard import (
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    ByFormat,
    ClientSecretBasic,
    ClientSecretPost,
    IntrospectionValidator,
    JWTValidator,
    PrivateKeyJWT,
    PublicClient,
    Scopes,
    TLSClientAuth,
    UserInfo,
    profiles,
    require,
)
from tests.interop.endpoints import ROUTES
from tests.interop.options import Options

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")

options = Options(**json.loads(os.environ["INTEROP_OPTIONS"]))


def client_auth() -> Any:
    """How this API proves to the server who asks."""
    name, secret = options.client_id or options.method, options.secret
    methods: dict[str, Callable[[], Any]] = {
        "client_secret_basic": lambda: ClientSecretBasic(name, secret, form_encoded=options.form_encoded),
        "client_secret_post": lambda: ClientSecretPost(name, secret),
        "private_key_jwt": lambda: PrivateKeyJWT(name, Path(options.key_file).read_text()),
        "self_signed_tls_client_auth": lambda: TLSClientAuth(name, options.certificate_file, options.key_file),
        "none": lambda: PublicClient(name),
    }
    return methods[options.method]()


def validator() -> Any:
    """Introspection, alone or for the tokens that are no JWTs."""
    opaque = IntrospectionValidator(
        server,
        audience=options.audience,
        leeway=options.leeway,
        profile=profile,
        token_type_hint=options.token_type_hint,
        cache_ttl=options.cache_ttl,
        server_vouches_for_audience=options.server_vouches_for_audience,
    )
    if options.jwt_audience is None:
        return opaque
    return ByFormat(jwt=JWTValidator(server, audience=options.jwt_audience), opaque=opaque)


profile = replace(profiles.OAUTH2, user_id=(options.user_id,)) if options.user_id else profiles.OAUTH2
server = AuthorizationServer(
    options.issuer,
    client_auth=client_auth(),
    introspection_endpoint=options.introspection_endpoint,
    userinfo_endpoint=options.userinfo_endpoint,
)
guard = BearerGuard(
    validator(),
    userinfo=UserInfo(server, profile=profile, when_unavailable=options.without_userinfo)
    if options.without_userinfo
    else None,
)


@require(Scopes("read"), fresh=0)
async def payments(request: Request) -> JSONResponse:
    """Asks the server at this very moment."""
    return JSONResponse({"payments": []})


app = Starlette(
    routes=[*ROUTES, Route("/payments", payments)],
    middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/health"})],
)
