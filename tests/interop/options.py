"""How an introspecting API is configured: written by the tests, read by its process."""

from dataclasses import dataclass
from typing import Literal

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "self_signed_tls_client_auth", "none"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What differs from API to API. A client of the OpenID provider is named after its method."""

    issuer: str
    audience: str
    method: Method = "client_secret_basic"
    client_id: str | None = None
    secret: str = "secret of the API"
    form_encoded: bool = True
    key_file: str = ""
    certificate_file: str = ""
    introspection_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    token_type_hint: str | None = "access_token"
    server_vouches_for_audience: bool = False
    jwt_audience: str | None = None
    leeway: float = 30
    cache_ttl: float | None = None
    user_id: str | None = None
    without_userinfo: Literal["refuse", "go_on"] | None = None
