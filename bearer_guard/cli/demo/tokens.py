"""The tokens of the story: good ones from the issuer, and what a confused client or a forger makes of them."""

import json
from typing import Any

from bearer_guard.jose import decode_base64url, encode_base64url
from bearer_guard.testing import FakeIssuer, SigningKey

ALICE: dict[str, Any] = {"sub": "alice", "client_id": "webshop", "scope": "orders:read", "groups": ["staff"]}
BOB: dict[str, Any] = {"sub": "bob", "client_id": "webshop", "scope": "orders:read", "groups": ["customers"]}

HOUR = 3600
"""Seconds that a token to play with lives."""


class Tokens:
    """All tokens that the demo sends, each made by the method of its name."""

    def __init__(self, issuer: FakeIssuer) -> None:
        self._issuer = issuer
        self._alice = issuer.token(**ALICE)
        self._opaque = issuer.opaque_token(**ALICE)

    def alice(self) -> str:
        """Alice's token: the same one whenever it is asked for."""
        return self._alice

    def alice_may_order(self) -> str:
        """Alice's, after the client asked her for more."""
        return self._issuer.token(**{**ALICE, "scope": "orders:read orders:write"})

    def bob(self) -> str:
        """Bob's: as genuine as Alice's, but he is in another group."""
        return self._issuer.token(**BOB)

    def expired(self) -> str:
        """One that ended a minute ago."""
        return self._issuer.token(alg="ES256", iat=-360, exp=-60, **ALICE)

    def for_another_api(self) -> str:
        """One that another API of the same issuer would accept."""
        return self._issuer.token(aud="billing-api", **ALICE)

    def id_token(self) -> str:
        """What the client got beside the access token (OpenID Connect Core section 2)."""
        return self._issuer.token(
            header={"typ": "JWT"}, sub="alice", client_id=None, aud="webshop", nonce="n-0S6_WzA2Mj", name="Alice"
        )

    def changed(self) -> str:
        """Bob's token after he wrote himself into the group staff."""
        header, payload, signature = self.bob().split(".")
        claims = {**json.loads(decode_base64url(payload.encode())), "groups": ["staff"]}
        return f"{header}.{_segment(claims)}.{signature}"

    def signed_by_somebody_else(self) -> str:
        """Signed with a forger's key, under the name of the issuer's."""
        genuine = self._issuer.signing_key("ES256")
        return self._issuer.token(key=SigningKey("ES256"), header={"kid": genuine.key_id}, **ALICE)

    def unsigned(self) -> str:
        """Alice's claims, no signature, and a header that says so (RFC 7518 section 3.6)."""
        payload = self.alice().split(".")[1]
        return f"{_segment({'alg': 'none', 'typ': 'at+jwt'})}.{payload}."

    def after_rotation(self) -> str:
        """Alice's next token, after the issuer has exchanged all of its keys."""
        self._issuer.rotate_keys()
        return self._issuer.token(**ALICE)

    def opaque(self) -> str:
        """Alice's, as a server gives it out that keeps to itself what its tokens mean."""
        return self._opaque

    def revoked(self) -> str:
        """The same, after Alice has taken it back."""
        self._issuer.revoke(self._opaque)
        return self._opaque

    def opaque_in_an_outage(self) -> str:
        """A new one, of a server that then goes down."""
        token = self._issuer.opaque_token(**ALICE)
        self._issuer.go_offline()
        return token

    def alice_in_the_outage(self) -> str:
        """A JWT, while the server is down."""
        return self._issuer.token(**ALICE)

    def server_is_back(self) -> None:
        """Ends the outage."""
        self._issuer.come_back()

    def opaque_for_an_hour(self) -> str:
        """An opaque one to play with."""
        return self._issuer.opaque_token(exp=HOUR, **ALICE)

    def alice_for_an_hour(self) -> str:
        """To play with; ES256, because its tokens are the shortest to print."""
        return self._issuer.token(alg="ES256", exp=HOUR, **ALICE)

    def bob_for_an_hour(self) -> str:
        """The same for Bob."""
        return self._issuer.token(alg="ES256", exp=HOUR, **BOB)


def _segment(members: dict[str, Any]) -> str:
    return encode_base64url(json.dumps(members).encode()).decode("ascii")
