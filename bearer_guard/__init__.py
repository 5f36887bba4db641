"""bearer_guard: protects ASGI applications as an OAuth 2.0 resource server."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from bearer_guard import profiles
from bearer_guard.authorization_server import AuthorizationServer, KeysStatus, Metadata, StaticKeys
from bearer_guard.challenges import Challenge, Refusal
from bearer_guard.decorators import require, require_claims, require_groups, require_roles, require_scopes
from bearer_guard.errors import (
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuardError,
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    Reason,
)
from bearer_guard.guard import BearerGuard
from bearer_guard.inventory import assert_protected
from bearer_guard.middleware import BearerGuardMiddleware, cors
from bearer_guard.profiles import Profile
from bearer_guard.requirements import AllOf, AnyOf, Claim, Groups, Requirement, Roles, Scopes
from bearer_guard.sources import AuthorizationHeader, Header
from bearer_guard.tokens import AccessToken, Claims, Credentials
from bearer_guard.validators.jwt import JWTValidator
from bearer_guard.web import GuardedRequest, access_token, authorize

if _TYPE_CHECKING:
    from bearer_guard.authorization_server.client_auth import (
        ClientSecretBasic,
        ClientSecretPost,
        PrivateKeyJWT,
        PublicClient,
        TLSClientAuth,
    )
    from bearer_guard.integrations.httpx import Forward
    from bearer_guard.settings import Settings
    from bearer_guard.sources.cookie import Cookie
    from bearer_guard.sources.query import QueryParameter
    from bearer_guard.sources.subprotocol import WebSocketProtocol
    from bearer_guard.stores.memory import MemoryCache, MemoryReplayStore, MemoryRevocations
    from bearer_guard.userinfo import UserInfo
    from bearer_guard.validators.introspection import IntrospectionValidator
    from bearer_guard.validators.routing import ByFormat

# The same for those who run it: most applications do without, so it is loaded when it is asked for.
_ON_DEMAND = {
    "ByFormat": "bearer_guard.validators.routing",
    "ClientSecretBasic": "bearer_guard.authorization_server.client_auth",
    "ClientSecretPost": "bearer_guard.authorization_server.client_auth",
    "Cookie": "bearer_guard.sources.cookie",
    "Forward": "bearer_guard.integrations.httpx",
    "IntrospectionValidator": "bearer_guard.validators.introspection",
    "MemoryCache": "bearer_guard.stores.memory",
    "MemoryReplayStore": "bearer_guard.stores.memory",
    "MemoryRevocations": "bearer_guard.stores.memory",
    "PrivateKeyJWT": "bearer_guard.authorization_server.client_auth",
    "PublicClient": "bearer_guard.authorization_server.client_auth",
    "QueryParameter": "bearer_guard.sources.query",
    "Settings": "bearer_guard.settings",
    "TLSClientAuth": "bearer_guard.authorization_server.client_auth",
    "UserInfo": "bearer_guard.userinfo",
    "WebSocketProtocol": "bearer_guard.sources.subprotocol",
}

if not _TYPE_CHECKING:  # pragma: no branch  type checkers would believe that every name is there

    def __getattr__(name: str) -> _Any:
        if name not in _ON_DEMAND:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_import_module(_ON_DEMAND[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "AccessToken",
    "AllOf",
    "AnyOf",
    "AuthorizationHeader",
    "AuthorizationServer",
    "AuthorizationServerUnavailable",
    "BearerError",
    "BearerGuard",
    "BearerGuardError",
    "BearerGuardMiddleware",
    "ByFormat",
    "Challenge",
    "Claim",
    "Claims",
    "ClientSecretBasic",
    "ClientSecretPost",
    "ConfigurationError",
    "Cookie",
    "Credentials",
    "Forward",
    "Groups",
    "GuardedRequest",
    "Header",
    "InsufficientScope",
    "IntrospectionValidator",
    "InvalidRequest",
    "InvalidToken",
    "JWTValidator",
    "KeysStatus",
    "MemoryCache",
    "MemoryReplayStore",
    "MemoryRevocations",
    "Metadata",
    "MissingToken",
    "PrivateKeyJWT",
    "Profile",
    "PublicClient",
    "QueryParameter",
    "Reason",
    "Refusal",
    "Requirement",
    "Roles",
    "Scopes",
    "Settings",
    "StaticKeys",
    "TLSClientAuth",
    "UserInfo",
    "WebSocketProtocol",
    "access_token",
    "assert_protected",
    "authorize",
    "cors",
    "profiles",
    "require",
    "require_claims",
    "require_groups",
    "require_roles",
    "require_scopes",
]
