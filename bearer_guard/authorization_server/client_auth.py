"""How we show the authorization server who we are when we ask it: client authentication, named after the IANA registry.

RFC 6749 section 2.3, RFC 7523 section 2.2, RFC 8705 section 2, OpenID Connect Core section 9.
"""

import inspect
import json
import secrets
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NoReturn
from urllib.parse import quote_plus

from bearer_guard.errors import ConfigurationError
from bearer_guard.jose import ALGORITHMS, sign_compact
from bearer_guard.jose.signing import load_private_key

Secret = str | Callable[[], str | Awaitable[str]]
"""A secret, or a function (async or not) that is called for it before each call, so that it can rotate."""

PrivateKey = str | bytes | Mapping[str, Any]
"""PEM, or a JWK (RFC 7517)."""

ASSERTION_LIFETIME = 60
"""Seconds. A client assertion is used at once."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2


class _Client:
    """A client with its id. What it holds beside that is secret: not shown, not to be pickled."""

    def __init__(self, client_id: str) -> None:
        if not isinstance(client_id, str) or not client_id:
            raise ConfigurationError(f"client_id={client_id!r} is none; write the id of your API at the server")
        self.client_id = client_id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not to be pickled; make one in each process")


class ClientSecretBasic(_Client):
    """`client_secret_basic`: id and secret in the Authorization header (RFC 6749 section 2.3.1). The usual way.

    `client_secret`: the secret, or a function (async or not) that is asked for it before each call.
    `form_encoded`: id and secret are form-encoded first, as the RFC wants it; False for servers that take them raw. It
    makes a difference only where they contain other characters than letters, digits, `-`, `.` and `_`.
    """

    def __init__(self, client_id: str, client_secret: Secret, *, form_encoded: bool = True) -> None:
        super().__init__(client_id)
        self._secret = _checked_secret(client_secret)
        if not isinstance(form_encoded, bool):
            raise ConfigurationError(f"form_encoded={form_encoded!r} is neither True nor False; write one of them")
        self._encode: Callable[[str], str] = quote_plus if form_encoded else str

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        """Adds the Authorization header."""
        pair = f"{self._encode(self.client_id)}:{self._encode(await _current(self._secret))}"
        headers["authorization"] = "Basic " + b64encode(pair.encode("utf-8")).decode("ascii")


class ClientSecretPost(_Client):
    """`client_secret_post`: id and secret in the form (RFC 6749 section 2.3.1), for servers that want it so.

    `client_secret`: the secret, or a function (async or not) that is asked for it before each call.
    """

    def __init__(self, client_id: str, client_secret: Secret) -> None:
        super().__init__(client_id)
        self._secret = _checked_secret(client_secret)

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        """Adds both to the form."""
        form["client_id"], form["client_secret"] = self.client_id, await _current(self._secret)


class PrivateKeyJWT(_Client):
    """`private_key_jwt`: an assertion signed with a key of ours (RFC 7523 section 2.2). No secret is shared.

    `private_key`: PEM or a JWK, or a function (async or not) that is asked for one before each call.
    `algorithm`: the signature algorithm. `key_id`: the `kid` under which the server knows the key.
    `audience`: the `aud` of the assertion: the issuer, unless the server wants something else.
    """

    def __init__(
        self,
        client_id: str,
        private_key: PrivateKey | Callable[[], PrivateKey | Awaitable[PrivateKey]],
        *,
        algorithm: str = "RS256",
        key_id: str | None = None,
        audience: str | None = None,
    ) -> None:
        super().__init__(client_id)
        if algorithm not in ALGORITHMS:
            raise ConfigurationError(f"algorithm={algorithm!r} is not known; write one of {', '.join(ALGORITHMS)}")
        self._algorithm, self._key_id, self._audience = algorithm, key_id, audience
        self._private_key = private_key
        self._loaded_from: PrivateKey | None = None
        self._loaded: Any = None
        if not callable(private_key):
            self._load(private_key)

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        """Adds the assertion to the form."""
        form["client_id"] = self.client_id  # RFC 7521 section 4.2: it may stand there, and some servers look for it
        form["client_assertion_type"] = _ASSERTION_TYPE
        form["client_assertion"] = await self._assertion(self._audience or issuer, int(now))

    async def _assertion(self, audience: str, now: int) -> str:
        private_key = await _current(self._private_key, str | bytes | Mapping)
        if private_key != self._loaded_from:  # loading takes long: not for each call
            self._load(private_key)
        header = {"alg": self._algorithm, "typ": "JWT", **({"kid": self._key_id} if self._key_id else {})}
        # RFC 7523 section 3: iss and sub are the client; a new jti each time, so that nobody can use it again.
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + ASSERTION_LIFETIME,
        }
        return sign_compact(
            json.dumps(header).encode(),
            json.dumps(claims).encode(),
            algorithm=self._algorithm,
            private_key=self._loaded,
        )

    def _load(self, private_key: PrivateKey) -> None:
        self._loaded, self._loaded_from = _loaded(private_key, self._algorithm), private_key


class TLSClientAuth(_Client):
    """`tls_client_auth` and `self_signed_tls_client_auth`: a certificate of ours (RFC 8705 section 2).

    `certificate`, `private_key`: paths of PEM files; `password`: of the key. Leave them out where the certificate is
    shown by an `http_client=` of your own. They are read again for each event loop's connections.
    """

    def __init__(
        self,
        client_id: str,
        certificate: str | None = None,
        private_key: str | None = None,
        *,
        password: str | None = None,
    ) -> None:
        super().__init__(client_id)
        self._files = (certificate, private_key, password)
        if certificate is None and (private_key is not None or password is not None):
            raise ConfigurationError("TLSClientAuth has a key and no certificate; give the paths of two PEM files")
        if certificate is not None:
            self.show_certificate(ssl.create_default_context())

    @property
    def has_certificate(self) -> bool:
        """Whether it brings the certificate itself."""
        return self._files[0] is not None

    def show_certificate(self, context: ssl.SSLContext) -> None:
        """Loads the certificate into a TLS context. Raises `ConfigurationError`."""
        certificate, private_key, password = self._files
        try:
            context.load_cert_chain(str(certificate), private_key, password=password or "")
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"TLSClientAuth cannot load the certificate ({type(error).__name__}); give the paths of two PEM files"
            ) from None

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        """Adds the id to the form: the certificate says the rest."""
        form["client_id"] = self.client_id  # RFC 8705 section 2: so that the server knows which certificate to expect


class PublicClient(_Client):
    """`none`: the id in the form and nothing that proves it, where the server answers such clients.

    Many refuse them, Keycloak among them.
    """

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        """Adds the id to the form."""
        form["client_id"] = self.client_id


def _checked_secret(secret: Secret) -> Secret:
    if callable(secret) or (isinstance(secret, str) and secret):
        return secret
    # Never shown, whatever it is.
    raise ConfigurationError("client_secret= is empty or no string; write the secret, or a function that returns it")


async def _current(value: Any, kinds: Any = str) -> Any:
    if callable(value):
        value = value()
        if inspect.isawaitable(value):
            value = await value
        if not value or not isinstance(value, kinds):
            raise ValueError("the function that is asked for the client's secret returned none")
    return value


def _loaded(private_key: Any, algorithm: str) -> Any:
    try:
        return load_private_key(private_key, algorithm)
    except ValueError as error:
        raise ConfigurationError(f"private_key= is {error}; write PEM or a JWK") from None
