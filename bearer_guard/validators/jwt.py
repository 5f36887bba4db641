"""JWT access tokens, validated locally (RFC 9068, RFC 8725)."""

import copy
from collections.abc import Collection, Sequence
from typing import Self

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.checks import of_another_issuer
from bearer_guard.errors import ConfigurationError, InvalidToken, Reason
from bearer_guard.jose import (
    ALGORITHMS,
    CompactJWS,
    Header,
    VerificationKey,
    decode_base64url,
    json_in,
    parse_json_object,
    stated_in,
)
from bearer_guard.profiles import OAUTH2, Profile
from bearer_guard.protocols import Clock
from bearer_guard.tokens import AccessToken, Epoch
from bearer_guard.validators.claims import judged
from bearer_guard.validators.okta import refuse_org_server
from bearer_guard.validators.options import another_issuer, checked_server, expectations, names
from bearer_guard.validators.signers import Signer, Signers


class JWTValidator:
    """Validates JWT access tokens of one authorization server, without a call per request.

    `server`: the `AuthorizationServer`, or its issuer as a short form of it.
    `audience`: the name, or names, of your API; the token's `aud` must contain one of them. Never the id of a client:
    that is the audience of the client's ID tokens, and some ID tokens carry nothing else that gives them away.
    Where it must be one, `profile=profiles.RFC_9068` tells them apart by their type.
    `client_ids`: if given, only tokens issued to these clients are accepted.
    `algorithms`: accepted signature algorithms; asymmetric ones only.
    `leeway`: seconds by which clocks may differ, at most 120; it applies to `exp`, `nbf` and `iat`.
    `profile`: the issuer's dialect, see `bearer_guard.profiles`.

    It does not know of tokens that were revoked before they expired. Raises `ConfigurationError` at construction.
    """

    def __init__(
        self,
        server: AuthorizationServer | str,
        *,
        audience: str | Collection[str] | None = None,
        client_ids: Collection[str] | None = None,
        algorithms: Collection[str] = ALGORITHMS,
        leeway: float = 30,
        profile: Profile = OAUTH2,
    ) -> None:
        self.server = checked_server(server)
        refuse_org_server(self.server.issuer)
        self.server.require("jwks_uri")
        self.algorithms = _checked_algorithms(algorithms)
        self._signers = Signers()
        self._expected = expectations(
            "JWTValidator",
            self.server.issuer,
            audience=audience,
            client_ids=client_ids,
            leeway=leeway,
            profile=profile,
        )

    def __repr__(self) -> str:
        return f"JWTValidator({self.server!r}, audience={sorted(self._expected.audiences)!r})"

    @property
    def clock(self) -> Clock:
        """The authorization server's clock."""
        return self.server.clock

    @property
    def audience(self) -> frozenset[str]:
        """The names of your API."""
        return self._expected.audiences

    @property
    def profile(self) -> Profile:
        """The issuer's dialect."""
        return self._expected.profile

    def with_server(self, server: AuthorizationServer) -> Self:
        """The same validator, asking another server of the same issuer for keys and time."""
        if server.issuer != self.server.issuer:
            raise another_issuer(self.server, server)
        twin = copy.copy(self)
        twin.server = server
        twin._signers = Signers()  # noqa: SLF001  the keys are those of the other server
        return twin

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        """The validated token. Raises `InvalidToken`, or `AuthorizationServerUnavailable` without its keys.

        `max_age` must be None: nobody is asked about a JWT, so no answer about it can be recent.
        """
        if max_age is not None:
            raise ConfigurationError("JWTValidator cannot ask whether a token is still good; leave max_age out")
        jws, clock = CompactJWS(token), self.server.clock
        known = self._signers.get(jws.protected, clock.monotonic())
        signer = known or await self._introduced(jws)
        signer.check(jws)
        if signer is not known:
            self._signers.add(jws.protected, signer)
        return judged(json_in(jws.payload, stated_in), signer.typ, clock.time(), self._expected, signer.epoch)

    async def aclose(self) -> None:
        """Ends what runs in the background."""
        await self.server.aclose()

    async def _introduced(self, jws: CompactJWS) -> Signer:
        header, _ = jws.header(), decode_base64url(jws.signature)  # both are refused before anybody is asked
        if header.algorithm not in self.algorithms:
            raise InvalidToken(Reason.ALGORITHM_NOT_ALLOWED, claim="alg")
        # The epoch is read before the keys: were the set exchanged between the two, the token would not be remembered.
        epoch, keys = self.server.epoch, self.server.held(header)
        if not keys:
            epoch, keys = await self._asked_for(jws, header)
        signer = Signer(header, keys, epoch)
        if not signer.verifiers:
            self._signers.add(jws.protected, signer)
        return signer

    async def _asked_for(self, jws: CompactJWS, header: Header) -> tuple[Epoch | None, Sequence[VerificationKey]]:
        self._refuse_strangers(jws)
        absence = self.server.absence  # before the keys, for the same reason
        keys = await self.server.keys_for(header)
        if not keys:
            return absence, keys
        epoch = self.server.epoch
        return epoch if tuple(self.server.held(header)) == tuple(keys) else None, keys

    def _refuse_strangers(self, jws: CompactJWS) -> None:
        # Nothing is fetched for a token that does not even claim to be from our issuer. The claim is not verified
        # yet, so it can only end in a no: nobody gains anything by lying about it.
        issuer = json_in(jws.payload, parse_json_object).get("iss")
        for failure in of_another_issuer(issuer, self._expected):
            raise InvalidToken(failure.reason, claim=failure.claim)


def _checked_algorithms(algorithms: Collection[str]) -> frozenset[str]:
    named = names([algorithms] if isinstance(algorithms, str) else algorithms, "algorithms")
    problems = [_what_is_wrong_with(name) for name in sorted(named - set(ALGORITHMS))]
    if problems:
        raise ConfigurationError("; ".join(problems))
    return named


def _what_is_wrong_with(algorithm: str) -> str:
    if algorithm.startswith("HS"):
        return (
            f"algorithm {algorithm} signs with a shared secret, and a key set publishes none: whoever verifies could"
            " also sign. Let the authorization server sign with RS256 or ES256, and leave algorithms= out"
        )
    return f"algorithm {algorithm!r} is not known; write some of {', '.join(ALGORITHMS)}"
