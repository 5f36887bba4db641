"""BearerGuard: asks a request the five questions, in order."""

import logging
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, final

from bearer_guard.challenges import Refusal, Wording
from bearer_guard.errors import BearerError, ConfigurationError, InsufficientScope, InvalidRequest, MissingToken, Reason
from bearer_guard.guard.answering import Answering
from bearer_guard.guard.options import check_parts, check_remember
from bearer_guard.protocols import Revocations, Scope, TokenSource, TokenValidator, UserInfoSource
from bearer_guard.requirements import Requirement
from bearer_guard.sources import AuthorizationHeader
from bearer_guard.telemetry import record_refusal
from bearer_guard.tokens import AccessToken, Credentials

log = logging.getLogger("bearer_guard")

OnError = Callable[[BearerError, Refusal], Refusal]


class BearerGuard:
    """Protects an application as an OAuth 2.0 resource server.

    `validator`: decides whether a token is genuine, such as `JWTValidator(issuer, audience=...)`.
    `sources`: where a token may stand; the `Authorization` header alone by default.
    `realm`: named in every challenge, if given (RFC 9110 section 11.5).
    `remember`: how many validated tokens are kept in memory, so that they need not be verified again; 0 is off. A
    remembered token is refused as soon as it expires or its key is withdrawn.
    `revocations`: lists of tokens that were taken back, such as `RedisRevocations(...)`, asked on every request.
    `userinfo`: where groups are that no token carries, such as `UserInfo(server)`.
    `missing_token`: `"challenge"` (401, the default), or `"invalid_request"` (400) for clients that expect that.
    `on_error`: called with each error and its refusal; what it returns is sent instead.

    Raises `ConfigurationError` at construction.
    """

    def __init__(
        self,
        validator: TokenValidator,
        *,
        sources: Sequence[TokenSource] = (AuthorizationHeader(),),
        realm: str | None = None,
        remember: int = 1024,
        revocations: Sequence[Revocations] = (),
        userinfo: UserInfoSource | None = None,
        missing_token: str = "challenge",  # noqa: S107  a convention, no secret
        on_error: OnError | None = None,
    ) -> None:
        check_parts(validator, sources, revocations, userinfo, on_error)
        check_remember(remember)
        self._explicit_sources = tuple(source for source in sources if not _is_ambient(source))
        self._ambient_sources = tuple(source for source in sources if _is_ambient(source))
        self._only_source = sources[0] if len(sources) == 1 else None
        self._wording = Wording(realm, missing_token)
        self._on_error = on_error
        self._remember = remember
        self._revocations = revocations
        self._answering = [self._answered_by(validator, userinfo)]
        self._turn = threading.Condition()
        self._replaced_by: int | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.authorize is not BearerGuard.authorize:
            raise ConfigurationError(
                f"{cls.__name__} overrides authorize(), which not every request comes by; put what it asks into a"
                " requirement, or into a function among the requirements of a route"
            )

    def __repr__(self) -> str:
        return f"BearerGuard({self.validator!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends what runs in the background. The guard can be used again afterwards."""
        await self._answering[-1].aclose()

    @property
    def validator(self) -> TokenValidator:
        """The validator that decides."""
        return self._answering[-1].validator

    @property
    def userinfo(self) -> UserInfoSource | None:
        """Where users are looked up."""
        return self._answering[-1].userinfo

    def _answered_by(self, validator: TokenValidator, userinfo: UserInfoSource | None) -> Answering:
        return Answering(validator, remember=self._remember, revocations=self._revocations, userinfo=userinfo)

    @contextmanager
    def validating_with(self, validator: TokenValidator, userinfo: UserInfoSource | None = None) -> Iterator[None]:
        """For tests: until the block ends another validator decides, with a memory of its own, and another `userinfo`.

        Tests in other threads wait until it has ended. `FakeIssuer.in_place_of(guard)` is the short way to it.
        """
        substitute = self._answered_by(validator, userinfo)
        with self._turn:
            self._turn.wait_for(lambda: self._replaced_by in (None, threading.get_ident()))
            self._replaced_by = threading.get_ident()
            self._answering.append(substitute)
        try:
            yield
        finally:
            with self._turn:  # in whatever thread: frameworks may leave a block in another than they entered it
                self._answering.remove(substitute)
                if len(self._answering) == 1:
                    self._replaced_by = None
                    self._turn.notify_all()

    # --- the five questions ---

    def find(self, scope: Scope) -> Credentials | None:
        """1. Where is the token?  None: there is none. Raises `InvalidRequest` if it is malformed or there are two."""
        if self._only_source is not None:
            return self._only_source.find(scope)
        # What a browser adds by itself (a cookie) counts only where the request presents nothing on purpose.
        return _find_in(self._explicit_sources, scope) or _find_in(self._ambient_sources, scope)

    async def authenticate(self, scope: Scope) -> AccessToken | None:
        """Questions 1 to 3 for a request (an ASGI scope): its validated token, or None where it presents none.

        Raises `InvalidRequest`, `InvalidToken` or `AuthorizationServerUnavailable`.
        """
        credentials = self.find(scope)
        return None if credentials is None else await self.confirmed(credentials)

    def accepted(
        self, credentials: Credentials, max_age: float | None = None
    ) -> AccessToken | Coroutine[Any, Any, AccessToken]:
        """2 and 3. Is it genuine and still good, and is it this sender's?  The token, or what to await for it.

        With most requests nobody has to be waited for: the token was validated before. `max_age`: see `validate`.
        """
        return self._answering[-1].accepted(credentials, max_age)

    async def confirmed(self, credentials: Credentials, *, max_age: float | None = None) -> AccessToken:
        """The same, waited for."""
        accepted = self.accepted(credentials, max_age)
        return accepted if isinstance(accepted, AccessToken) else await accepted

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        """Question 2 alone, for tokens that did not come with a request. A sender-constrained token is refused.

        `max_age`: how old, in seconds, an answer of the authorization server may be; None: as old as configured.
        """
        accepted = self._answering[-1].accepted(Credentials(token), max_age)
        return accepted if isinstance(accepted, AccessToken) else await accepted

    @final  # GuardedRequest.allows() answers the same question without it
    def authorize(self, token: AccessToken | None, requirement: Requirement | None) -> None:
        """4. May it do this?  Raises `MissingToken` without a token, `InsufficientScope` if it may not.

        `requirement`: None if any valid token may.
        """
        if token is None:
            raise missing_token(requirement)
        if requirement is not None and not requirement.is_met_by(token):
            scopes = requirement.scopes_for(token) or ()
            reason = Reason.INSUFFICIENT_SCOPE if scopes else requirement.unmet(token).reason
            raise InsufficientScope(reason, scopes=scopes, requirement=requirement)

    def refusal(self, error: BearerError) -> Refusal:
        """5. How do we say no?  The one place where an error becomes an answer; it is logged here, too."""
        record_refusal(error)
        refusal = self._wording.refusal(error)
        return refusal if self._on_error is None else self._reworded(error, refusal, self._on_error)

    def _reworded(self, error: BearerError, refusal: Refusal, on_error: OnError) -> Refusal:
        try:
            reworded = on_error(error, refusal)
            if not isinstance(reworded, Refusal):
                raise TypeError(f"it returned {type(reworded).__name__}")  # noqa: TRY301  one way to fail
            for name, value in reworded.headers:
                f"{name}: {value}".encode("latin-1")
        except Exception:
            log.exception("on_error made no refusal that can be sent: the usual one is sent instead")
            return refusal
        return reworded


def missing_token(requirement: Requirement | None) -> MissingToken:
    """The refusal of a request without a token; it names the scopes that would do, where that is known."""
    return MissingToken(() if requirement is None else requirement.scopes_for(None) or ())


def _is_ambient(source: TokenSource) -> bool:
    return bool(getattr(source, "is_ambient", False))


def _find_in(sources: Sequence[TokenSource], scope: Scope) -> Credentials | None:
    found: Credentials | None = None
    for source in sources:
        credentials = source.find(scope)
        if credentials is not None and found is not None:
            raise InvalidRequest(Reason.SEVERAL_TOKENS)  # RFC 6750 section 2: one method in each request
        found = credentials or found
    return found
