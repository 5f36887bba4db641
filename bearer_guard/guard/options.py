"""The options of a guard, checked once, at construction."""

from collections.abc import Sequence
from typing import Any

from bearer_guard.errors import ConfigurationError


def check_parts(validator: object, sources: object, revocations: object, userinfo: object, on_error: object) -> None:
    """Raises `ConfigurationError` for what is not of the expected kind."""
    if not callable(getattr(validator, "validate", None)):
        raise ConfigurationError(
            f"BearerGuard takes a validator, not {type(validator).__name__}; write"
            " BearerGuard(JWTValidator('https://id.example.com', audience='https://api.example.com'))"
        )
    _check_sources(sources)
    _check_list("revocations", revocations, "is_revoked", "[MemoryRevocations()]")
    if userinfo is not None and (isinstance(userinfo, type) or not callable(getattr(userinfo, "enriched", None))):
        raise ConfigurationError(f"userinfo={userinfo!r} asks nobody; write userinfo=UserInfo(server)")
    _check_issuers(validator, userinfo)
    if on_error is not None and not callable(on_error):
        raise ConfigurationError(f"on_error={on_error!r} is no function; write one that takes error and refusal")


def _check_issuers(validator: object, userinfo: object) -> None:
    validators = (validator, getattr(validator, "jwt", None), getattr(validator, "opaque", None))
    issuers = {issuer for one in validators if (issuer := _issuer_of(one)) is not None}
    asked = _issuer_of(userinfo)
    if issuers and asked is not None and asked not in issuers:
        raise ConfigurationError(
            f"userinfo= asks {asked!r}, and the tokens are of {', '.join(map(repr, sorted(issuers)))}; give both the"
            " same AuthorizationServer"
        )


def _issuer_of(part: object) -> str | None:
    issuer = getattr(getattr(part, "server", None), "issuer", None)
    return issuer if isinstance(issuer, str) else None


def check_remember(remember: object) -> None:
    """Raises `ConfigurationError` for what is no number of tokens."""
    if isinstance(remember, bool) or not isinstance(remember, int) or remember < 0:
        raise ConfigurationError(f"remember={remember!r} is no number of tokens; write 0 to remember none")


def _check_sources(sources: Any) -> None:
    _check_list("sources", sources, "find", "[AuthorizationHeader()]")
    if not sources:
        raise ConfigurationError("sources=[] would find no token; leave it out for the Authorization header")


def _check_list(option: str, parts: object, method: str, example: str) -> None:
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        raise ConfigurationError(f"{option}={parts!r} is no list; write {option}={example}")
    for part in parts:
        if isinstance(part, type | str) or not callable(getattr(part, method, None)):
            raise ConfigurationError(f"{part!r} is none of what {option}= takes; write {option}={example}")
