"""BearerGuard: asks a request the five questions, in order."""

from bearer_guard.guard.guard import BearerGuard, missing_token

__all__ = ["BearerGuard", "missing_token"]
