"""The story as data: what is sent, why that matters, and exactly what must come back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bearer_guard.cli.demo.tokens import Tokens

Make = Callable[[Tokens], str]


@dataclass(frozen=True)
class Answer:
    """What came back, or must: on the wire, and in the log of the API. `body`: only where the answer is a yes."""

    status: int
    challenge: str | None = None
    body: Any = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request of the story. `token`: how to make its token; None sends none."""

    title: str
    why: str
    method: str = "GET"
    path: str = "/orders"
    token: Make | None
    expected: Answer


@dataclass(frozen=True)
class Trial:
    """One request for the reader to send."""

    title: str
    path: str
    token: Make | None


def _invalid(reason: str, description: str) -> Answer:
    return Answer(401, f'Bearer error="invalid_token", error_description="{description}"', reason=reason)


# The challenges are written out and not taken from the library: what is checked here is what it sends.
STORY: tuple[Step, ...] = (
    Step(
        title="No token",
        why="Who brings nothing is told what to bring. There is no error code: nothing was wrong yet.",
        token=None,
        expected=Answer(401, "Bearer", reason="missing_token"),
    ),
    Step(
        title="A good token",
        why="Alice's token is genuine, made for this API, and carries the scope orders:read. To see that, the API "
        "fetched the issuer's public keys; from now on it knows them and asks nobody.",
        token=Tokens.alice,
        expected=Answer(200, body={"orders": [17, 42], "for": "alice"}),
    ),
    Step(
        title="An expired token",
        why="Tokens live for minutes, so that a stolen one is soon worthless. The client gets itself a new one.",
        token=Tokens.expired,
        expected=_invalid("expired", "The token has expired."),
    ),
    Step(
        title="A token for another API",
        why="It is genuine, but its audience (aud) is billing-api. If any audience would do, whoever runs one API "
        "could use the tokens that it receives at all the others.",
        token=Tokens.for_another_api,
        expected=_invalid("audience_mismatch", "The token is meant for another audience."),
    ),
    Step(
        title="An ID token",
        why="The mistake that everybody makes once. The ID token tells the client who has logged in; an API wants the "
        "access token.",
        token=Tokens.id_token,
        expected=_invalid("id_token_used", "An ID token is not an access token."),
    ),
    Step(
        title="A scope is missing",
        why="Alice allowed the client to read her orders, not to place any. The challenge names the scope that it has "
        "to ask her for.",
        method="POST",
        token=Tokens.alice,
        expected=Answer(
            403,
            'Bearer error="insufficient_scope", '
            'error_description="The token lacks a scope that this resource requires.", scope="orders:write"',
            reason="insufficient_scope",
        ),
    ),
    Step(
        title="The scope is there",
        why="She allowed it. The client comes back with a token that carries both scopes, and the order is placed.",
        method="POST",
        token=Tokens.alice_may_order,
        expected=Answer(201, body={"order": 43}),
    ),
    Step(
        title="In the right group",
        why="Reports are for the group staff, and Alice's token says that she is in it.",
        path="/reports",
        token=Tokens.alice,
        expected=Answer(200, body={"reports": ["2024", "2025"]}),
    ),
    Step(
        title="Not in the right group",
        why="Bob's token is as good as Alice's, but he is a customer. No scope is named here: none would help him.",
        path="/reports",
        token=Tokens.bob,
        expected=Answer(
            403,
            'Bearer error="insufficient_scope", '
            'error_description="The token lacks a group that this resource requires."',
            reason="missing_group",
        ),
    ),
    Step(
        title="A changed token",
        why="Bob writes the group staff into his token. Now the signature fits no longer, and nothing in it counts.",
        path="/reports",
        token=Tokens.changed,
        expected=_invalid("invalid_signature", "The signature of the token is invalid."),
    ),
    Step(
        title="A token signed by somebody else",
        why="The header names the issuer's key (kid), but a forger signed. Only the issuer's own key can make a "
        "signature that fits.",
        token=Tokens.signed_by_somebody_else,
        expected=_invalid("invalid_signature", "The signature of the token is invalid."),
    ),
    Step(
        title="A token that says it needs no signature",
        why='Its header reads "alg": "none", and libraries have fallen for that. Which algorithms count is for the API '
        "to say, never for the token.",
        token=Tokens.unsigned,
        expected=_invalid("algorithm_not_allowed", "The signing algorithm of the token is not allowed."),
    ),
    Step(
        title="The issuer has new keys",
        why="Issuers exchange their keys from time to time. The API meets a key that it does not know, fetches the "
        "keys once more, and goes on: nobody has to restart it.",
        token=Tokens.after_rotation,
        expected=Answer(200, body={"orders": [17, 42], "for": "alice"}),
    ),
    Step(
        title="The token of step 2, once more",
        why="It has not expired, but its key is no longer published. When a key goes, the tokens that it signed go "
        "with it.",
        token=Tokens.alice,
        expected=_invalid("unknown_key", "The signing key of the token is not known."),
    ),
    Step(
        title="An opaque token",
        why="Some servers give out tokens that say nothing. The API asks the server what this one means "
        "(introspection, RFC 7662) and judges the answer like the claims of a JWT.",
        token=Tokens.opaque,
        expected=Answer(200, body={"orders": [17, 42], "for": "alice"}),
    ),
    Step(
        title="The same token, revoked",
        why="Alice has logged out. The server is asked each time, so the very next request is refused; with a cache it "
        "would be refused when the cached answer ends.",
        token=Tokens.revoked,
        expected=_invalid("inactive", "The token is not active."),
    ),
    Step(
        title="The server is down",
        why="Nobody can say whether this token is good. That is not a no: 503 tells the client to try again, and "
        "nobody is logged out.",
        token=Tokens.opaque_in_an_outage,
        expected=Answer(503, reason="introspection_unavailable"),
    ),
    Step(
        title="A JWT, while the server is down",
        why="The API knows the public keys and needs nobody for it: an outage of the server is none of yours.",
        token=Tokens.alice_in_the_outage,
        expected=Answer(200, body={"orders": [17, 42], "for": "alice"}),
    ),
)

TRY_IT: tuple[Trial, ...] = (
    Trial("401: no token", "/orders", None),
    Trial("200: Alice reads her orders", "/orders", Tokens.alice_for_an_hour),
    Trial("200: Alice is in staff", "/reports", Tokens.alice_for_an_hour),
    Trial("403: Bob is not", "/reports", Tokens.bob_for_an_hour),
    Trial("200: an opaque token", "/orders", Tokens.opaque_for_an_hour),
    Trial("401: expired", "/orders", Tokens.expired),
)
