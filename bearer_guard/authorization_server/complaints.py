"""What a server's refusal to answer us means, and what to do about it: sentences for the log, never for the client."""

from collections.abc import Iterable
from http import HTTPStatus

from bearer_guard.authorization_server.http import Answer, quotable
from bearer_guard.tokens import Claims

# RFC 6749 section 5.2; the words by which servers say that it is us whom they do not accept.
_OUR_FAULT = frozenset(
    {"invalid_client", "unauthorized_client", "access_denied", "insufficient_scope", "invalid_token"}
)
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


def complaint(answer: Answer, *, option: str, secrets: tuple[str, ...]) -> str:
    """Why an answer of another status than 200 is none, and what mends it.

    `option`: the one that gives the endpoint by hand. `secrets`: what we sent and must not be quoted, should the server
    send it back.
    """
    quoted = quotable(_words(answer), secrets)
    return f"answered {answer.status}{quoted and f' ({quoted})'}{_advice(answer.status, answer.error, option)}"


def _advice(status: int, error: str, option: str) -> str:
    if option == "userinfo_endpoint" and status == HTTPStatus.BAD_REQUEST:
        return ": it does not take the token for an access token of its own"
    if status in _REFUSED or error in _OUR_FAULT or (error == "invalid_request" and option == "introspection_endpoint"):
        return (
            ": it does not accept our own credentials; check client_auth=, whether the server wants them raw"
            " (form_encoded=False) or in the form (ClientSecretPost), and whether it lets this client ask"
        )
    if status in _NOT_THERE:
        return f": there is no such endpoint; check the URL, or give it with {option}="
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f": redirects are not followed; give the final URL with {option}="
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ": it asks us to slow down; a cache (cache_ttl=) would help"
    return ""


def _words(answer: Answer) -> str:
    """All that an error body says: RFC 6749 section 5.2, and Okta's own (errorCode)."""
    try:
        body = answer.json_object()
    except ValueError:
        content_type = answer.headers.get("content-type", "none")
        return f"no JSON object, content-type {content_type}" if answer.body else ""
    return ": ".join(_strings(body, ("error", "error_description", "errorCode", "errorSummary")))


def _strings(body: Claims, names: Iterable[str]) -> Iterable[str]:
    return (body[name] for name in names if isinstance(body.get(name), str))
