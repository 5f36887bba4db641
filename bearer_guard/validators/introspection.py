"""Opaque access tokens: the authorization server is asked about each (RFC 7662)."""

import copy
from collections.abc import Collection
from dataclasses import replace
from typing import Self

from bearer_guard.authorization_server import AuthorizationServer, SharedCalls
from bearer_guard.errors import (
    AuthorizationServerUnavailable,
    BearerError,
    ConfigurationError,
    InvalidToken,
    Reason,
)
from bearer_guard.jose import stated_by
from bearer_guard.profiles import OAUTH2, Profile
from bearer_guard.protocols import Cache, Clock
from bearer_guard.sources.reading import is_token
from bearer_guard.tokens import AccessToken, Claims, fingerprint
from bearer_guard.validators.answers import AnswerMemory, Fact, answer_memory, binding_of
from bearer_guard.validators.claims import judged
from bearer_guard.validators.okta import check_org_server
from bearer_guard.validators.options import another_issuer, checked_profile, expectations


class IntrospectionValidator:
    """Asks the authorization server about each token, opaque or not, and judges the answer like the claims of a JWT.

    `server`: an `AuthorizationServer` with `client_auth=`.
    `audience`: the name, or names, of your API; the answer's `aud` must contain one of them.
    `server_vouches_for_audience`: accept answers without `aud`, because this server answers only about tokens that are
    meant for your API. Most answer about all of their tokens: then each service could use the tokens it gets at all the
    others, and refresh tokens, which name no audience either, might pass for access tokens.
    `client_ids`, `leeway`, `profile`: as for `JWTValidator`. In answers `scope` and `client_id` come first (RFC 7662
    section 2.2), whatever the profile says.
    `token_type_hint`: sent along; None for servers that do not take it.
    `cache_ttl`: seconds for which an answer may be used again, in this process; that is how long a token that was
    revoked may still be accepted. Not more than an hour; None, the default, asks each time.
    `cache`: where answers are kept for all workers as well, such as `RedisCache(...)`.

    An answer without `exp`, or with `exp` 0 as for offline tokens, is refused: it has no end.
    A refresh token is refused where the answer gives it away (`token_type`, `typ`, `token_use`, ...). Many servers
    answer about refresh tokens as if they were access tokens: then nothing tells them apart but the audience.
    Raises `ConfigurationError` at construction.
    """

    honours_max_age = True

    def __init__(
        self,
        server: AuthorizationServer,
        *,
        audience: str | Collection[str] | None = None,
        server_vouches_for_audience: bool = False,
        client_ids: Collection[str] | None = None,
        leeway: float = 30,
        profile: Profile = OAUTH2,
        token_type_hint: str | None = "access_token",  # noqa: S107  a hint
        cache_ttl: float | None = None,
        cache: Cache | None = None,
    ) -> None:
        _check_server(server)
        if not isinstance(server_vouches_for_audience, bool):
            raise ConfigurationError("server_vouches_for_audience= is True or False; leave it out if in doubt")
        if not isinstance(token_type_hint, str | None):
            raise ConfigurationError(f"token_type_hint={token_type_hint!r} is none; write 'access_token', or None")
        check_org_server(server.issuer, client_ids)
        self.server = server
        self.profile = profile
        self._hint = token_type_hint
        self._expected = expectations(
            "IntrospectionValidator",
            server.issuer,
            audience=audience,
            client_ids=client_ids,
            leeway=leeway,
            profile=_for_answers(checked_profile(profile)),
            may_lack=frozenset({"aud"}) if server_vouches_for_audience else frozenset(),
        )
        self._cache, self._cache_ttl = cache, cache_ttl
        self._start()

    def __repr__(self) -> str:
        return f"IntrospectionValidator({self.server!r}, audience={sorted(self.audience)!r})"

    @property
    def clock(self) -> Clock:
        """The authorization server's clock."""
        return self.server.clock

    @property
    def audience(self) -> frozenset[str]:
        """The names of your API."""
        return self._expected.audiences

    def with_server(self, server: AuthorizationServer) -> Self:
        """The same validator, asking another server of the same issuer, with a memory of its own and no `cache=`."""
        if server.issuer != self.server.issuer:
            raise another_issuer(self.server, server)
        _check_server(server)
        twin = copy.copy(self)
        twin.server = server
        twin._cache = None  # noqa: SLF001  what stands in for a server must not leave answers where others find them
        twin._start()  # noqa: SLF001
        return twin

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        """The validated token. Raises `InvalidToken`, or `AuthorizationServerUnavailable` where nobody can say.

        `max_age`: how many seconds old an answer may be; 0 asks now, whatever is remembered.
        """
        key = fingerprint(token)
        fact = None if self._memory is None else self._memory.get(key, max_age)
        if fact is None:
            is_anew = max_age is not None
            fact = await self._calls.result((key, max_age), lambda: self._look_up(token, key, max_age), anew=is_anew)
        if fact.token is None:
            raise InvalidToken(Reason.INACTIVE)
        return fact.token

    async def confirm(self, token: str, known: Claims, *, max_age: float) -> None:
        """Raises `InvalidToken` unless the server says that a token, valid in all else, is still active.

        `known`: its claims, which stand in for those that the answer leaves out.
        """
        # A place of its own: an answer to this question is none to the other.
        key = b"confirmed" + fingerprint(token)
        fact = None if self._memory is None else self._memory.get(key, max_age)
        if fact is None:
            fact = await self._calls.result(key, lambda: self._confirmed(token, key, known), anew=True)
        if fact.token is None:
            raise InvalidToken(Reason.INACTIVE)
        if fact.token.is_bound:
            raise InvalidToken(Reason.UNPROVEN_CONFIRMATION, claim="cnf")  # bound, as only the server says

    async def aclose(self) -> None:
        """Closes connections."""
        await self.server.aclose()
        close = getattr(self._cache, "aclose", None)
        if close is not None:
            await close()

    # --- one question ---

    async def _look_up(self, token: str, key: bytes, max_age: float | None) -> Fact:
        if not is_token(token):
            raise InvalidToken(Reason.MALFORMED_TOKEN)  # nobody can have issued that: nobody is asked
        fact = None if self._memory is None or max_age == 0 else await self._shared(self._memory, key, max_age)
        return fact or await self._ask(token, key, is_anew=max_age is not None)

    async def _shared(self, memory: AnswerMemory, key: bytes, max_age: float | None) -> Fact | None:
        entry = await memory.shared(key)
        if entry is None:
            return None
        claims, age = entry
        try:
            fact = memory.fact(self._judged(claims), self.clock.monotonic() - age)
        except BearerError:
            return None  # it made a token when it was put there, and makes none now: the server may say more
        if not memory.is_usable(fact, max_age):
            return None
        memory.keep(key, fact, len(str(claims)))
        return fact

    async def _ask(self, token: str, key: bytes, *, is_anew: bool) -> Fact:
        memory, asked_at = self._memory, self.clock.monotonic()
        try:
            claims = await self._answer(token)
            judged_token = self._judged(claims)
        except InvalidToken:
            if memory is not None and is_anew:
                await memory.end(key, None, asked_at)
            raise
        fact = self._kept(key, judged_token, claims, asked_at)
        if memory is not None and judged_token is not None:
            await memory.share(key, claims, fact, judged_token.expires_at)
        elif memory is not None and is_anew:
            await memory.end(key, claims, asked_at)
        return fact

    async def _answer(self, token: str) -> Claims:
        try:
            return await self.server.introspect(token, token_type_hint=self._hint)
        except AuthorizationServerUnavailable as failure:
            if getattr(failure.__cause__, "error", "") != "unsupported_token_type":
                raise
        # RFC 7009 section 2.2.1: it knows what that is, and it is none of the tokens that it is asked about.
        raise InvalidToken(Reason.TYPE_NOT_ALLOWED)

    async def _confirmed(self, token: str, key: bytes, known: Claims) -> Fact:
        asked_at = self.clock.monotonic()
        claims = await self.server.introspect(token, token_type_hint=self._hint)
        said = {name: value for name, value in claims.items() if value is not None}
        judged_token = self._judged(Claims({**known, **said, "active": claims.get("active")}))
        return self._kept(key, judged_token, claims, asked_at)

    def _kept(self, key: bytes, token: AccessToken | None, claims: Claims, asked_at: float) -> Fact:
        if self._memory is None:
            return Fact(token, asked_at, asked_at)
        fact = self._memory.fact(token, asked_at)
        self._memory.keep(key, fact, len(str(claims)))
        return fact

    def _judged(self, claims: Claims) -> AccessToken | None:
        active = claims.get("active")
        if active is False:
            return None
        if active is not True:  # RFC 7662 section 2.2: a boolean. "true" is somebody's guess.
            error = AuthorizationServerUnavailable(Reason.INTROSPECTION_UNAVAILABLE)
            raise error from ValueError(f"the answer of {self.server!r} has no boolean member active")
        # Some servers write null for what is not there. And whom we asked we know: an issuer that is left out is the
        # one that answers; one that is named must be it.
        said = {name: value for name, value in claims.items() if value is not None or name == "cnf"}
        claims = Claims({"iss": self.server.issuer, **said})
        if str(claims.get("token_type")).lower() == "dpop" and "cnf" not in claims:
            raise InvalidToken(Reason.UNPROVEN_CONFIRMATION, claim="token_type")  # RFC 9449 section 6.2
        return judged(stated_by(claims), None, self.clock.time(), self._expected)

    def _start(self) -> None:
        binding = binding_of(self.server, self._expected, self._hint)
        self._calls: SharedCalls[Fact] = SharedCalls()
        self._memory: AnswerMemory | None = answer_memory(self._cache, self._cache_ttl, self.clock, binding)


def _for_answers(profile: Profile) -> Profile:
    # RFC 7662 section 2.2 names two members itself. And an answer has no header that could say a type.
    return replace(
        profile,
        scope=("scope", *profile.scope),
        client_id=("client_id", *profile.client_id),
        typ=frozenset({None}),
    )


def _check_server(server: object) -> None:
    if not isinstance(server, AuthorizationServer):
        raise ConfigurationError(
            f"IntrospectionValidator takes a server, not {server!r:.80}; write AuthorizationServer('https://id...',"
            " client_auth=ClientSecretBasic('orders-api', secret))"
        )
    server.require("introspection_endpoint")
