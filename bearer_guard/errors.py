"""Every way to say no.

BearerGuardError
+-- ConfigurationError                       at construction or startup, never a verdict on a request
+-- BearerError                              a verdict on a request: status, code, description, reason
    +-- MissingToken                    401  no error code                    RFC 6750 section 3.1
    +-- InvalidRequest                  400  invalid_request
    +-- InvalidToken                    401  invalid_token
    +-- InsufficientScope               403  insufficient_scope
    +-- AuthorizationServerUnavailable  503  not a verdict on the token
"""

import math
from enum import StrEnum
from typing import ClassVar, Self


class Reason(StrEnum):
    """Why a request was refused: a closed list, for logs, metrics and tests.

    The value is stable. The description is what the client reads: one fixed sentence, which echoes neither the
    token nor the configuration, in the character set of RFC 6750 section 3 (no quote, no backslash).
    """

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """The value, with the sentence beside it."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.description = description
        return reason

    # MissingToken
    MISSING_TOKEN = "missing_token", "The access token is missing."
    # InvalidRequest
    MALFORMED_AUTHORIZATION = "malformed_authorization", "The Authorization header is malformed."
    MALFORMED_TOKEN_HEADER = "malformed_token_header", "The header with the access token is malformed."
    MALFORMED_COOKIE = "malformed_cookie", "The cookie with the access token is malformed."
    MALFORMED_QUERY = "malformed_query", "The query with the access token is malformed."
    MALFORMED_SUBPROTOCOL = "malformed_subprotocol", "The subprotocols with the access token are malformed."
    CROSS_SITE_COOKIE = "cross_site_cookie", "The request does not show that it comes from a page of this site."
    SEVERAL_TOKENS = "several_tokens", "More than one access token was presented."
    TOKEN_TOO_LONG = "token_too_long", "The access token is too long."
    # InvalidToken: what it is
    NOT_A_JWT = "not_a_jwt", "The token is not a JWT."
    ENCRYPTED_TOKEN = "encrypted_token", "The token is encrypted."
    MALFORMED_TOKEN = "malformed_token", "The token is malformed."
    UNSUPPORTED_HEADER = "unsupported_header", "The header of the token is not supported."
    TYPE_NOT_ALLOWED = "type_not_allowed", "The token is not of an accepted type."
    ID_TOKEN_USED = "id_token_used", "An ID token is not an access token."
    REFRESH_TOKEN_USED = "refresh_token_used", "A refresh token is not an access token."
    LOGOUT_TOKEN_USED = "logout_token_used", "A logout token is not an access token."
    # InvalidToken: is it genuine
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed", "The signing algorithm of the token is not allowed."
    UNKNOWN_KEY = "unknown_key", "The signing key of the token is not known."
    INVALID_SIGNATURE = "invalid_signature", "The signature of the token is invalid."
    # InvalidToken: what the authorization server says of it, or we ourselves
    INACTIVE = "inactive", "The token is not active."
    REVOKED = "revoked", "The token was revoked."
    USERINFO_MISMATCH = "userinfo_mismatch", "The user of the token is not the one that userinfo tells about."
    # InvalidToken: is it for us, and still good
    ISSUER_MISMATCH = "issuer_mismatch", "The issuer of the token is not accepted."
    AUDIENCE_MISMATCH = "audience_mismatch", "The token is meant for another audience."
    AUDIENCE_MISSING = "audience_missing", "The token names no audience."
    CLIENT_NOT_ALLOWED = "client_not_allowed", "The client of the token is not accepted."
    EXPIRED = "expired", "The token has expired."
    NOT_YET_VALID = "not_yet_valid", "The token is not valid yet."
    ISSUED_IN_FUTURE = "issued_in_future", "The token was issued in the future."
    CLAIM_MISSING = "claim_missing", "The token lacks a required claim."
    MALFORMED_CLAIM = "malformed_claim", "A claim of the token is malformed."
    UNPROVEN_CONFIRMATION = "unproven_confirmation", "The token is bound to a key that was not proven."
    # InsufficientScope
    INSUFFICIENT_SCOPE = "insufficient_scope", "The token lacks a scope that this resource requires."
    MISSING_GROUP = "missing_group", "The token lacks a group that this resource requires."
    MISSING_ROLE = "missing_role", "The token lacks a role that this resource requires."
    UNMET_CLAIM = "unmet_claim", "The claims of the token do not meet what this resource requires."
    UNKNOWN_PRINCIPAL = "unknown_principal", "The subject of the token is not known here."
    UNMET_REQUIREMENT = "unmet_requirement", "The token does not meet what this resource requires."
    # AuthorizationServerUnavailable
    PRINCIPAL_UNAVAILABLE = "principal_unavailable", "The subject of the token cannot be looked up now."
    METADATA_UNAVAILABLE = "metadata_unavailable", "The authorization server cannot be asked now. Try again later."
    INTROSPECTION_UNAVAILABLE = (
        "introspection_unavailable",
        "The authorization server cannot be asked about the token now. Try again later.",
    )
    USERINFO_UNAVAILABLE = "userinfo_unavailable", "The user of the token cannot be looked up now. Try again later."
    REVOCATIONS_UNAVAILABLE = (
        "revocations_unavailable",
        "Whether the token was revoked cannot be known now. Try again later.",
    )
    REPLAY_STORE_UNAVAILABLE = (
        "replay_store_unavailable",
        "Whether this was used before cannot be known now. Try again later.",
    )
    KEYS_UNAVAILABLE = "keys_unavailable", "The keys of the authorization server cannot be had now. Try again later."


class BearerGuardError(Exception):
    """The root of all errors of this library."""


class ConfigurationError(BearerGuardError):
    """The configuration is wrong. Raised at construction or startup; the message says what to write instead."""


class BearerError(BearerGuardError):
    """A request is refused. `status`, `code` and `description` go on the wire; `reason` goes to logs and metrics."""

    status: ClassVar[int]
    code: ClassVar[str | None]

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def description(self) -> str:
        """The fixed sentence of the reason, sent as `error_description`."""
        return self.reason.description

    def __str__(self) -> str:
        return f"{self.reason.description} (reason={self.reason})"


class MissingToken(BearerError):
    """401 without an error code: no credentials, or credentials of another scheme (RFC 6750 section 3.1).

    `scopes`: the scopes that the resource requires, where they are known before a token was seen.
    """

    status = 401
    code = None

    def __init__(self, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(Reason.MISSING_TOKEN)
        self.scopes = scopes


class InvalidRequest(BearerError):
    """400 `invalid_request`: the credentials are malformed, or given more than once (RFC 6750 section 3.1)."""

    status = 400
    code = "invalid_request"


class InvalidToken(BearerError):
    """401 `invalid_token`: expired, forged, malformed, or meant for somebody else (RFC 6750 section 3.1).

    `claim`: the name of the claim or header parameter at fault, where there is one. It is not sent to the client.
    """

    status = 401
    code = "invalid_token"

    def __init__(self, reason: Reason, *, claim: str | None = None) -> None:
        super().__init__(reason)
        self.claim = claim

    def __str__(self) -> str:
        return f"{super().__str__()[:-1]}, claim={self.claim})" if self.claim else super().__str__()


class InsufficientScope(BearerError):
    """403 `insufficient_scope`: a genuine token without the rights that the operation needs (RFC 6750 section 3.1).

    `scopes`: all scopes that would open the operation; empty where no scope would help (a group or claim is missing).
    `requirement`: what was not met.
    """

    status = 403
    code = "insufficient_scope"

    def __init__(self, reason: Reason, *, scopes: tuple[str, ...] = (), requirement: object = None) -> None:
        super().__init__(reason)
        self.scopes = scopes
        self.requirement = requirement


class AuthorizationServerUnavailable(BearerError):
    """503: the authorization server could not be asked, so nothing is known about the token.

    `retry_after`: seconds after which asking again makes sense, sent as `Retry-After` (RFC 9110 section 10.2.3).
    `__cause__` tells what went wrong.
    """

    status = 503
    code = None

    def __init__(self, reason: Reason, *, retry_after: float = 5) -> None:
        super().__init__(reason)
        # Whole seconds, at least one, at most a day: whatever a source of ours comes up with.
        self.retry_after = math.ceil(min(max(1.0, retry_after), 24 * 3600.0))
