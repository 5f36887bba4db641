"""JWT or opaque: each token goes to the validator that its form calls for, and to no other."""

from typing import Self

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.errors import ConfigurationError
from bearer_guard.jose import has_jwt_form
from bearer_guard.protocols import Clock
from bearer_guard.tokens import AccessToken
from bearer_guard.validators.introspection import IntrospectionValidator
from bearer_guard.validators.jwt import JWTValidator


class ByFormat:
    """For servers that issue both: JWTs are validated locally, the server is asked about all others.

    `jwt`: a `JWTValidator`. `opaque`: an `IntrospectionValidator`.
    The form alone decides: three segments, of which the first is the header of a JWT. A JWT that is refused is refused:
    nobody is asked for a second opinion. Raises `ConfigurationError`.
    """

    def __init__(self, *, jwt: JWTValidator, opaque: IntrospectionValidator) -> None:
        for option, validator, kind in (("jwt", jwt, JWTValidator), ("opaque", opaque, IntrospectionValidator)):
            if not isinstance(validator, kind):
                raise ConfigurationError(
                    f"{option}= takes a validator, not {validator!r:.80}; write {option}={kind.__name__}(...)"
                )
        self.jwt = jwt
        self.opaque = opaque

    def __repr__(self) -> str:
        return f"ByFormat(jwt={self.jwt!r}, opaque={self.opaque!r})"

    @property
    def honours_max_age(self) -> bool:
        """Whether the server can be asked about the JWTs, too: if it is the one that issued them."""
        return self.jwt.server.issuer == self.opaque.server.issuer

    @property
    def clock(self) -> Clock:
        """The clock of the JWTs, which alone are remembered by the guard."""
        return self.jwt.clock

    @property
    def server(self) -> AuthorizationServer:
        """The server of the JWTs, for its keys."""
        return self.jwt.server

    def with_server(self, server: AuthorizationServer) -> Self:
        """The same, with both asking another server of the same issuer."""
        return type(self)(jwt=self.jwt.with_server(server), opaque=self.opaque.with_server(server))

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        """The validated token. Raises `InvalidToken` or `AuthorizationServerUnavailable`.

        `max_age`: how many seconds old the server's word may be. A JWT has to be valid, and active besides.
        """
        if not has_jwt_form(token):
            return await self.opaque.validate(token, max_age=max_age)
        if max_age is not None and not self.honours_max_age:
            raise ConfigurationError(
                f"{self.opaque.server!r} did not issue the JWTs of {self.jwt.server!r}: it is not asked"
            )
        validated = await self.jwt.validate(token)
        if max_age is not None:
            await self.opaque.confirm(token, validated.claims, max_age=max_age)
        return validated

    async def aclose(self) -> None:
        """Closes both."""
        await self.jwt.aclose()
        await self.opaque.aclose()
