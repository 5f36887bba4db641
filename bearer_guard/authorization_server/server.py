"""The authorization server as a resource server sees it: its metadata and its keys."""

import inspect
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from bearer_guard.authorization_server.http import Door, HTTPClient, NoAnswer, check_url
from bearer_guard.authorization_server.key_set import KeySet, KeysStatus
from bearer_guard.authorization_server.keys import RemoteKeys, StaticKeys
from bearer_guard.authorization_server.metadata import Metadata, discover
from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, Reason
from bearer_guard.jose import Header, VerificationKey
from bearer_guard.protocols import Clock, KeySource
from bearer_guard.tokens import Claims, Epoch
from bearer_guard.urls import shown


class AuthorizationServer:
    """The authorization server whose tokens you accept.

    `issuer`: exactly the `iss` of its tokens; a trailing slash is part of it. Its metadata is found below it, as
    RFC 8414 or OpenID Connect Discovery 1.0 lay down, when the first token arrives.
    `jwks_uri`, `metadata_url`: where the keys or the metadata are, if they are not to be searched for; they may lie on
    another host than the issuer (a name inside docker compose or a mesh).
    `keys`: a key source such as `StaticKeys(jwks)`; then nothing is fetched.
    `http_client`: a client like `httpx.AsyncClient`, or a function that makes one for each call; for proxies and
    private certificate authorities. Give it timeouts below five seconds: that is the deadline of a call as a whole.
    `clock`: where the time comes from; the `time` module, or one that tests can move.
    `keys_fresh_for`, `keys_kept_for`, `refetch_cooldown`: seconds; see the class `RemoteKeys`.
    `allow_insecure_http`: accept plain http beyond loopback. Whoever can answer in the server's place then decides
    which tokens are valid.

    Raises `ConfigurationError` for URLs that are none, for plain http, and for options that contradict each other.
    """

    def __init__(
        self,
        issuer: str,
        *,
        jwks_uri: str | None = None,
        metadata_url: str | None = None,
        keys: KeySource | None = None,
        http_client: HTTPClient = None,
        clock: Clock = time,
        keys_fresh_for: float = 600,
        keys_kept_for: float = 24 * 3600,
        refetch_cooldown: float = 30,
        allow_insecure_http: bool = False,
    ) -> None:
        _check_parts(keys, http_client, clock, allow_insecure_http)
        _check_places(issuer, jwks_uri, metadata_url, keys, allow_insecure_http=allow_insecure_http)
        _check_times(keys_fresh_for, keys_kept_for, refetch_cooldown)
        self.issuer = issuer
        self.clock = clock
        self._jwks_uri = jwks_uri
        self._metadata_url = metadata_url
        self._metadata: Metadata | None = None
        self._door = Door(http_client, allow_insecure_http=allow_insecure_http)
        self._keys: KeySource = (
            keys
            if keys is not None
            else RemoteKeys(
                self._fetch_keys,
                clock=clock,
                fresh_for=keys_fresh_for,
                kept_for=keys_kept_for,
                cooldown=refetch_cooldown,
            )
        )

    def __repr__(self) -> str:
        return f"AuthorizationServer({self.issuer!r})"

    async def metadata(self) -> Metadata:
        """The metadata document (RFC 8414 section 2), fetched once. Raises `AuthorizationServerUnavailable`."""
        try:
            return await self._discovered()
        except NoAnswer as failure:
            raise AuthorizationServerUnavailable(Reason.METADATA_UNAVAILABLE) from failure

    @property
    def epoch(self) -> Epoch | None:
        """What must stay true for tokens verified now to be remembered."""
        return self._keys.epoch

    def held(self, header: Header) -> Sequence[VerificationKey]:
        """The keys in memory that fit a token's header; nothing is fetched."""
        return self._keys.held(header)

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        """The keys that fit a token's header. Raises `AuthorizationServerUnavailable` where that cannot be known."""
        return await self._keys.keys_for(header)

    async def warm_up(self) -> bool:
        """Fetches the keys before the first token comes, and says whether there are any. It raises nothing.

        It takes 15 seconds at most; an application that starts without its authorization server fetches them later.
        """
        return not isinstance(self._keys, RemoteKeys) or await self._keys.warm_up()

    async def refresh_keys(self) -> bool:
        """Fetches the keys now, unless that was done within the cooldown. Says whether keys of this moment came.

        Keys of your own (`keys=`) are never fetched.
        """
        return isinstance(self._keys, RemoteKeys) and await self._keys.refresh()

    def keys_status(self) -> KeysStatus:
        """How the keys stand: age, size, skipped keys, next refresh, last error. For a readiness probe."""
        return self._keys.status() if isinstance(self._keys, RemoteKeys | StaticKeys) else KeysStatus(is_usable=True)

    async def aclose(self) -> None:
        """Ends what runs in the background. The server can be used again afterwards."""
        await self._keys.aclose()

    async def _discovered(self) -> Metadata:
        if self._metadata is None:
            self._metadata = await discover(self._door, self.issuer, self._metadata_url)
        return self._metadata

    async def _fetch_keys(self) -> KeySet:
        try:
            url = self._jwks_uri or (await self._discovered()).jwks_uri
            document, max_age = await self._door.get_json_and_age(url)
            return _key_set(url, document, max_age)
        except Exception:
            self._metadata = None  # the keys may have moved: ask again where they are
            raise


def _check_places(
    issuer: str,
    jwks_uri: str | None,
    metadata_url: str | None,
    keys: KeySource | None,
    *,
    allow_insecure_http: bool,
) -> None:
    if not isinstance(issuer, str) or not issuer or issuer != issuer.strip():
        raise ConfigurationError(f"issuer {issuer!r} is no issuer; write the iss of the tokens, as a string")
    places = (("jwks_uri", jwks_uri), ("metadata_url", metadata_url), ("keys", keys))
    given = [name for name, value in places if value is not None]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} both say where the keys are; give one of them")
    if jwks_uri is not None:
        check_url(jwks_uri, "jwks_uri", allow_insecure_http=allow_insecure_http)
    elif metadata_url is not None:
        check_url(metadata_url, "metadata_url", allow_insecure_http=allow_insecure_http)
    elif keys is None:
        _check_issuer_can_be_asked(issuer, allow_insecure_http=allow_insecure_http)


def _check_issuer_can_be_asked(issuer: str, *, allow_insecure_http: bool) -> None:
    if "://" not in issuer:
        raise ConfigurationError(f"issuer {issuer!r} is not a URL, so its keys cannot be searched for; give jwks_uri=")
    check_url(issuer, "issuer", allow_insecure_http=allow_insecure_http)
    if "/.well-known/" in issuer:
        before, _, behind = issuer.partition("/.well-known/")
        name = shown(before + behind[len(behind.partition("/")[0]) :])  # RFC 8414 section 3.1: the path stands behind
        raise ConfigurationError(
            f"issuer {shown(issuer)!r} is its metadata document; write the issuer itself: {name!r}"
        )
    if urlsplit(issuer).query:
        raise ConfigurationError(f"issuer {shown(issuer)!r} has a query (RFC 8414 section 2 allows none); leave it out")


def _key_set(url: str, document: Claims, max_age: float | None) -> KeySet:
    try:
        return KeySet(document, max_age=max_age)
    except ValueError as error:
        raise NoAnswer(url, str(error), reached=True) from None


def _check_parts(keys: object, http_client: object, clock: object, allow_insecure_http: object) -> None:
    if not isinstance(allow_insecure_http, bool):
        raise ConfigurationError(f"allow_insecure_http={allow_insecure_http!r} is neither True nor False; write one")
    if keys is not None and not callable(getattr(keys, "keys_for", None)):
        raise ConfigurationError(f"keys= takes a key source, not {type(keys).__name__}; write keys=StaticKeys(jwks)")
    is_client = callable(http_client) or inspect.iscoroutinefunction(getattr(http_client, "aclose", None))
    if http_client is not None and not is_client:
        raise ConfigurationError("http_client= takes a client like httpx.AsyncClient(), or a function that makes one")
    if not callable(getattr(clock, "time", None)) or not callable(getattr(clock, "monotonic", None)):
        raise ConfigurationError(f"clock={clock!r} tells no time; leave it out, or give an object like the time module")


def _check_times(fresh_for: float, kept_for: float, cooldown: float) -> None:
    for seconds in (fresh_for, kept_for, cooldown):
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ConfigurationError(f"{seconds!r} is no time; write seconds, as a number")
    if not 0 < fresh_for <= kept_for:
        raise ConfigurationError(
            f"keys_fresh_for={fresh_for!r} and keys_kept_for={kept_for!r} do not fit; write 0 < fresh <= kept (seconds)"
        )
    if not cooldown >= 1:
        raise ConfigurationError(f"refetch_cooldown={cooldown!r} would let strangers cause calls; write at least 1 s")
