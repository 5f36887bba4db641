"""The authorization server: what we ask it, and remember."""

from bearer_guard.authorization_server.key_set import KeysStatus
from bearer_guard.authorization_server.keys import StaticKeys
from bearer_guard.authorization_server.metadata import Metadata
from bearer_guard.authorization_server.server import AuthorizationServer

__all__ = ["AuthorizationServer", "KeysStatus", "Metadata", "StaticKeys"]
