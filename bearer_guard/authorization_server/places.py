"""Where an authorization server is asked: as configured, or else as its metadata says, which is fetched once."""

from collections.abc import Mapping

from bearer_guard.authorization_server.http import Door, NoAnswer
from bearer_guard.authorization_server.metadata import Metadata, discover
from bearer_guard.authorization_server.options import check_issuer_can_be_asked
from bearer_guard.authorization_server.shared_calls import SharedCalls
from bearer_guard.protocols import Clock

LOOK_AGAIN_AFTER = 30.0
"""Seconds after which metadata is searched again for what it did not name."""


class Places:
    """The URLs of one authorization server. `given`: those that were configured, by the name of their option.

    `has_certificate`: our client authenticates by one (RFC 8705).
    """

    def __init__(
        self,
        door: Door,
        issuer: str,
        given: Mapping[str, str | None],
        *,
        has_certificate: bool,
        allow_insecure_http: bool,
        clock: Clock,
    ) -> None:
        self._door = door
        self._issuer = issuer
        self._given = given
        self._has_certificate = has_certificate
        self._allow_insecure_http = allow_insecure_http
        self._clock = clock
        self._known: dict[str, Metadata] = {}
        self._look_again_at: dict[str, float] = {}
        self._discovery: SharedCalls[Metadata] = SharedCalls()

    async def metadata(self) -> Metadata:
        """The metadata document, the one that names the keys where there are two. Raises `NoAnswer`."""
        return await self._document_with("jwks_uri")

    def forget(self) -> None:
        """What the metadata says did not hold: it is fetched anew the next time."""
        self._known = {}

    async def of_keys(self) -> str:
        """Where the key set is. Raises `NoAnswer`."""
        return self._given["jwks_uri"] or await self._named("jwks_uri")

    async def of_introspection(self) -> str:
        """Where tokens are asked about. Raises `NoAnswer`."""
        given = self._given["introspection_endpoint"]
        if given is not None:
            return given
        option = "mtls_introspection_endpoint" if self._has_certificate else "introspection_endpoint"
        alias = getattr(await self._document_with(option), option) if self._has_certificate else None
        return alias or await self._named("introspection_endpoint")

    async def of_userinfo(self) -> str:
        """Where users are asked about. Raises `NoAnswer`."""
        return self._given["userinfo_endpoint"] or await self._named("userinfo_endpoint")

    def require(self, option: str) -> None:
        """Raises `ConfigurationError` where a place could never be found. `option`: the one that gives it by hand."""
        if self._given[option] is None and self._given["metadata_url"] is None:
            check_issuer_can_be_asked(self._issuer, allow_insecure_http=self._allow_insecure_http, instead=option)

    async def _named(self, option: str) -> str:
        url: str | None = getattr(await self._document_with(option), option)
        if url is None:
            raise NoAnswer(self._issuer, f"its metadata has no usable {option}: give one with {option}=", reached=True)
        return url

    async def _document_with(self, option: str) -> Metadata:
        """The document that names something; where none does, one that does not, until it is time to look again."""
        for document in tuple(self._known.values()):  # other threads may add to it
            if getattr(document, option) is not None:
                return document
        without = self._known.get(option)
        if without is not None and self._clock.monotonic() < self._look_again_at[option]:
            return without
        return await self._discovery.result(option, lambda: self._discover(option))

    async def _discover(self, option: str) -> Metadata:
        found = await discover(self._door, self._issuer, self._given["metadata_url"], option)
        self._known[option] = found
        self._look_again_at[option] = self._clock.monotonic() + LOOK_AGAIN_AFTER
        return found
