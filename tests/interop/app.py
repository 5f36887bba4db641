"""The protected API that the tests call, for tokens that are JWTs; the reasons of refusals are in its log."""

import logging
import os

from starlette.applications import Starlette
from starlette.middleware import Middleware

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, profiles
from tests.interop.endpoints import ROUTES

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")

guard = BearerGuard(
    JWTValidator(
        os.environ["INTEROP_ISSUER"],
        audience=os.environ["INTEROP_AUDIENCE"],
        leeway=float(os.environ["INTEROP_LEEWAY"]),
        profile=getattr(profiles, os.environ["INTEROP_PROFILE"]),
    )
)

app = Starlette(
    routes=ROUTES,
    middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/health"})],
)
