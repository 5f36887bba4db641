"""The authorization server as a resource server sees it: its metadata, its keys, and what it says about a token."""

import ssl
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bearer_guard.authorization_server import options
from bearer_guard.authorization_server.http import Door, HTTPClient, NoAnswer, with_certificate
from bearer_guard.authorization_server.key_set import KeySet, KeysStatus
from bearer_guard.authorization_server.keys import RemoteKeys, StaticKeys
from bearer_guard.authorization_server.metadata import Metadata
from bearer_guard.authorization_server.places import Places
from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, InvalidToken, Reason
from bearer_guard.jose import Header, VerificationKey
from bearer_guard.protocols import ClientAuthentication, Clock, KeySource
from bearer_guard.tokens import Claims, Epoch

if TYPE_CHECKING:
    from bearer_guard.authorization_server.endpoints import IntrospectionEndpoint, UserinfoEndpoint


class AuthorizationServer:
    """The authorization server whose tokens you accept.

    `issuer`: exactly the `iss` of its tokens; a trailing slash is part of it. Its metadata is found below it, as
    RFC 8414 or OpenID Connect Discovery 1.0 lay down, when the first token arrives.
    `jwks_uri`, `metadata_url`: where the keys or the metadata are, if they are not to be searched for; they may lie on
    another host than the issuer (a name inside docker compose or a mesh).
    `keys`: a key source such as `StaticKeys(jwks)`; then no keys are fetched.
    `client_auth`: how we show who we are when we ask about a token, such as `ClientSecretBasic("orders-api", secret)`.
    `introspection_endpoint`, `userinfo_endpoint`: where we ask, if the metadata does not say; on whatever host.
    `http_client`: a client like `httpx.AsyncClient`, or a function that makes one when it is needed; for proxies and
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
        client_auth: ClientAuthentication | None = None,
        introspection_endpoint: str | None = None,
        userinfo_endpoint: str | None = None,
        http_client: HTTPClient = None,
        clock: Clock = time,
        keys_fresh_for: float = 600,
        keys_kept_for: float = 24 * 3600,
        refetch_cooldown: float = 30,
        allow_insecure_http: bool = False,
    ) -> None:
        options.check_parts(keys, http_client, clock, allow_insecure_http)
        options.check_endpoints(introspection_endpoint, userinfo_endpoint, allow_insecure_http=allow_insecure_http)
        options.check_places(
            issuer, jwks_uri, metadata_url, keys, introspection_endpoint, allow_insecure_http=allow_insecure_http
        )
        options.check_times(keys_fresh_for, keys_kept_for, refetch_cooldown)
        options.check_client_auth(client_auth, http_client)
        self.issuer = issuer
        self.clock = clock
        self.client_auth = client_auth
        self.introspection_endpoint = introspection_endpoint
        self.metadata_url = metadata_url
        self._door = Door(http_client, allow_insecure_http=allow_insecure_http, tls=_tls(client_auth))
        self._places = Places(
            self._door,
            issuer,
            {
                "metadata_url": metadata_url,
                "jwks_uri": jwks_uri,
                "introspection_endpoint": introspection_endpoint,
                "userinfo_endpoint": userinfo_endpoint,
            },
            has_certificate=options.is_tls_client_auth(client_auth),
            allow_insecure_http=allow_insecure_http,
            clock=clock,
        )
        # Each endpoint has a door of its own: one that hangs takes no turns from the other.
        self._userinfo_door = Door(http_client, allow_insecure_http=allow_insecure_http, tls=_tls(client_auth))
        self._introspection: IntrospectionEndpoint | None = None
        self._userinfo: UserinfoEndpoint | None = None
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
            return await self._places.metadata()
        except NoAnswer as failure:
            raise AuthorizationServerUnavailable(Reason.METADATA_UNAVAILABLE) from failure

    @property
    def epoch(self) -> Epoch | None:
        """What must stay true for tokens verified now to be remembered."""
        return self._keys.epoch

    @property
    def absence(self) -> Epoch | None:
        """What must stay true for it to be remembered that there is no such key; None: it is not to be."""
        # Of our own sources alone: one that is made of them may find keys where they do not.
        source = self._keys
        if isinstance(source, StaticKeys | RemoteKeys) and type(source) in (StaticKeys, RemoteKeys):
            return source.absence
        return None

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
        """Ends what runs in the background, and closes connections. The server can be used again afterwards."""
        await self._keys.aclose()
        await self._door.aclose()
        await self._userinfo_door.aclose()

    # --- what it says about one token ---

    async def introspect(self, token: str, *, token_type_hint: str | None = "access_token") -> Claims:  # noqa: S107  a hint
        """What it answers about a token (RFC 7662 section 2.2), of which nothing is judged: not even `active`.

        Raises `AuthorizationServerUnavailable` where it gives no such answer, also if that is because it does not
        accept our own credentials. `IntrospectionValidator` makes a verdict of it.
        """
        if self._introspection is None:
            self._introspection = _endpoints().IntrospectionEndpoint(
                self._door, self._places.of_introspection, self._authentication(), issuer=self.issuer, clock=self.clock
            )
        try:
            return await self._introspection.ask(token, token_type_hint)
        except NoAnswer as failure:
            if failure.is_gone:
                self._places.forget()  # it may have moved: ask again where it is
            raise _unavailable(Reason.INTROSPECTION_UNAVAILABLE, failure) from failure

    async def userinfo(self, token: str, *, user_id: str) -> Claims | None:
        """What it tells about the user of a token (OpenID Connect Core section 5.3); None: nothing for this token.

        `token`: as it was presented. `user_id`: the validated token's `user_id`.
        Raises `InvalidToken` if it tells about somebody else, `AuthorizationServerUnavailable` if it cannot be asked.
        """
        if self._userinfo is None:
            self._userinfo = _endpoints().UserinfoEndpoint(self._userinfo_door, self._places.of_userinfo)
        try:
            claims = await self._userinfo.ask(token)
        except NoAnswer as failure:
            raise _unavailable(Reason.USERINFO_UNAVAILABLE, failure) from failure
        if claims is not None and claims["sub"] != user_id:
            # Section 5.3.2: such claims must not be used, for it may be a token that was put in place of another.
            raise InvalidToken(Reason.USERINFO_MISMATCH, claim="sub")
        return claims

    def require(self, option: str) -> None:
        """Raises `ConfigurationError` if it could never be asked where `option` says.

        `option`: `"jwks_uri"`, `"introspection_endpoint"` or `"userinfo_endpoint"`.
        """
        if option == "introspection_endpoint":
            self._authentication()
        if option != "jwks_uri" or isinstance(self._keys, RemoteKeys):
            self._places.require(option)

    def _authentication(self) -> ClientAuthentication:
        if self.client_auth is None:
            raise ConfigurationError(
                f"{self!r} does not say who we are, and servers do not answer strangers; write client_auth="
                "ClientSecretBasic('orders-api', secret), or PublicClient('orders-api') where an id will do"
            )
        return self.client_auth

    async def _fetch_keys(self) -> KeySet:
        try:
            url = await self._places.of_keys()
            document, max_age = await self._door.get_json_and_age(url)
            return _key_set(url, document, max_age)
        except Exception:
            self._places.forget()  # the keys may have moved: ask again where they are
            raise


def _endpoints() -> Any:
    """Loaded when the first token is asked about: who only validates JWTs does without."""
    return import_module("bearer_guard.authorization_server.endpoints")


def _unavailable(reason: Reason, failure: NoAnswer) -> AuthorizationServerUnavailable:
    return AuthorizationServerUnavailable(
        reason, **({"retry_after": failure.retry_after} if failure.retry_after else {})
    )


def _tls(client_auth: ClientAuthentication | None) -> Callable[[], ssl.SSLContext] | None:
    """Makes the TLS context that shows our certificate, where there is one."""
    if not options.is_tls_client_auth(client_auth) or not client_auth.has_certificate:
        return None
    return lambda: with_certificate(client_auth.show_certificate)


def _key_set(url: str, document: Claims, max_age: float | None) -> KeySet:
    try:
        return KeySet(document, max_age=max_age)
    except ValueError as error:
        raise NoAnswer(url, str(error), reached=True) from None
