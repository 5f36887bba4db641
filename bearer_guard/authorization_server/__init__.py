"""The authorization server: what we ask it, and remember."""

from bearer_guard.authorization_server.client_auth import (
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
    TLSClientAuth,
)
from bearer_guard.authorization_server.key_set import KeysStatus
from bearer_guard.authorization_server.keys import StaticKeys
from bearer_guard.authorization_server.metadata import Metadata
from bearer_guard.authorization_server.server import AuthorizationServer
from bearer_guard.authorization_server.shared_calls import SharedCalls

__all__ = [
    "AuthorizationServer",
    "ClientSecretBasic",
    "ClientSecretPost",
    "KeysStatus",
    "Metadata",
    "PrivateKeyJWT",
    "PublicClient",
    "SharedCalls",
    "StaticKeys",
    "TLSClientAuth",
]
