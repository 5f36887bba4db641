"""Question 2: is the token genuine, and still good?"""

from bearer_guard.validators.introspection import IntrospectionValidator
from bearer_guard.validators.jwt import JWTValidator
from bearer_guard.validators.okta import is_org_server
from bearer_guard.validators.routing import ByFormat

__all__ = ["ByFormat", "IntrospectionValidator", "JWTValidator", "is_org_server"]
