"""Question 2: is the token genuine, and still good?"""

from bearer_guard.validators.jwt import JWTValidator

__all__ = ["JWTValidator"]
