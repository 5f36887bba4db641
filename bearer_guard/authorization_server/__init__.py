"""The authorization server: what we ask it, and remember.

Who only validates JWTs asks for keys alone: `client_auth` and `endpoints` are imported from their own files.
"""

from bearer_guard.authorization_server.key_set import KeysStatus
from bearer_guard.authorization_server.keys import StaticKeys
from bearer_guard.authorization_server.metadata import Metadata
from bearer_guard.authorization_server.server import AuthorizationServer
from bearer_guard.authorization_server.shared_calls import SharedCalls

__all__ = [
    "AuthorizationServer",
    "KeysStatus",
    "Metadata",
    "SharedCalls",
    "StaticKeys",
]
