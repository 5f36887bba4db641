"""Question 1: where is the token?  A source reads a request's headers and finds `Credentials`, or nothing.

The `Authorization` header is the one place that needs no care. Each other place has to be asked for by name, and is
imported from its own file.
"""

from bearer_guard.sources.header import AuthorizationHeader, Header

__all__ = ["AuthorizationHeader", "Header"]
