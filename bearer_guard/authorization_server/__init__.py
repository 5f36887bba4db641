"""The authorization server: what we ask it, and remember."""

from bearer_guard.authorization_server.keys import KeysStatus, StaticKeys
from bearer_guard.authorization_server.metadata import Metadata
from bearer_guard.authorization_server.server import AuthorizationServer

__all__ = ["AuthorizationServer", "KeysStatus", "Metadata", "StaticKeys"]
