"""Where an authorization server is asked: as configured, or else as its metadata says, which is fetched once."""

from dataclasses import dataclass, field

from bearer_guard.authorization_server.http import Door, NoAnswer
from bearer_guard.authorization_server.metadata import Metadata, discover
from bearer_guard.authorization_server.options import check_issuer_can_be_asked
from bearer_guard.authorization_server.shared_calls import SharedCalls


@dataclass(kw_only=True)
class Places:
    """The URLs of one authorization server. `has_certificate`: our client authenticates by one (RFC 8705)."""

    door: Door
    issuer: str
    metadata_url: str | None
    jwks_uri: str | None
    introspection_endpoint: str | None
    userinfo_endpoint: str | None
    has_certificate: bool
    allow_insecure_http: bool
    _metadata: Metadata | None = None
    _discovery: SharedCalls[Metadata] = field(default_factory=SharedCalls)

    async def metadata(self) -> Metadata:
        """The metadata document. Raises `NoAnswer`."""
        if self._metadata is None:
            self._metadata = await self._discovery.result("metadata", self._discover)
        return self._metadata

    def forget(self) -> None:
        """What the metadata says did not hold: it is fetched anew the next time."""
        self._metadata = None

    async def of_keys(self) -> str:
        """Where the key set is. Raises `NoAnswer`."""
        return self.jwks_uri or self._named((await self.metadata()).jwks_uri, "jwks_uri")

    async def of_introspection(self) -> str:
        """Where tokens are asked about. Raises `NoAnswer`."""
        if self.introspection_endpoint is not None:
            return self.introspection_endpoint
        metadata = await self.metadata()
        by_certificate = metadata.mtls_introspection_endpoint if self.has_certificate else None
        return self._named(by_certificate or metadata.introspection_endpoint, "introspection_endpoint")

    async def of_userinfo(self) -> str:
        """Where users are asked about. Raises `NoAnswer`."""
        return self.userinfo_endpoint or self._named((await self.metadata()).userinfo_endpoint, "userinfo_endpoint")

    def require(self, option: str) -> None:
        """Raises `ConfigurationError` where a place could never be found. `option`: the one that gives it by hand."""
        if getattr(self, option) is None and self.metadata_url is None:
            check_issuer_can_be_asked(self.issuer, allow_insecure_http=self.allow_insecure_http, instead=option)

    async def _discover(self) -> Metadata:
        return await discover(self.door, self.issuer, self.metadata_url)

    def _named(self, url: str | None, option: str) -> str:
        if url is None:
            self.forget()  # it may be named later
            raise NoAnswer(self.issuer, f"its metadata has no usable {option}: give one with {option}=", reached=True)
        return url
