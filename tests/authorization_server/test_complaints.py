"""What a server says in place of an answer: each is a 503 whose cause names what happened and what mends it."""

import asyncio
import gzip
import logging
import re
from typing import Any

import pytest

from bearer_guard import BearerGuard, ClientSecretBasic, IntrospectionValidator
from bearer_guard.authorization_server.http import LARGEST_ANSWER, clients
from bearer_guard.errors import AuthorizationServerUnavailable
from tests.authorization_server.desk import TOKEN, Desk
from tests.authorization_server.loopback import Answer, Wire, document, reply, silence

CREDENTIALS = (
    ": it does not accept our own credentials; check client_auth=, whether the server wants them raw"
    " (form_encoded=False) or in the form (ClientSecretPost), and whether it lets this client ask"
)
OKTA = {  # as Okta answers where Accept or Content-Type are not to its liking
    "errorCode": "E0000021",
    "errorSummary": "Bad request. Accept and/or Content-Type headers likely do not match supported values.",
    "errorLink": "E0000021",
    "errorId": "oaehk3rssXQmOWDRsaFfxe8B",
    "errorCauses": [],
}
HTML = b"<!doctype html><title>Forbidden</title>"
BY_HAND = "give it with introspection_endpoint="


def html(status: int) -> Answer:
    return reply(HTML, status, content_type="text/html; charset=utf-8")


REFUSALS: dict[str, tuple[Answer, str]] = {
    # RFC 6749 section 5.2
    "401": (document({"error": "invalid_client"}, 401), f"answered 401 (invalid_client){CREDENTIALS}"),
    "401 with a sentence": (
        document({"error": "invalid_client", "error_description": "No such client.", "error_uri": "x"}, 401),
        f"answered 401 (invalid_client: No such client.){CREDENTIALS}",
    ),
    "401, a sentence alone": (
        document({"error_description": "No."}, 401),
        f"answered 401 (No.){CREDENTIALS}",
    ),
    "401, empty": (reply(status=401, www_authenticate="Basic"), f"answered 401{CREDENTIALS}"),
    "403, HTML": (html(403), f"answered 403 (no JSON object, content-type text/html; charset=utf-8){CREDENTIALS}"),
    "403, JSON that is no object": (
        document(["no"], 403),
        f"answered 403 (no JSON object, content-type application/json){CREDENTIALS}",
    ),
    "403, no word of use": (document({"message": "no"}, 403), f"answered 403{CREDENTIALS}"),
    "403, words that are none": (document({"error": 7, "errorCode": ["a"]}, 403), f"answered 403{CREDENTIALS}"),
    "400 invalid_client": (document({"error": "invalid_client"}, 400), f"answered 400 (invalid_client){CREDENTIALS}"),
    "400 unauthorized_client": (
        document({"error": "unauthorized_client"}, 400),
        f"answered 400 (unauthorized_client){CREDENTIALS}",
    ),
    "400 access_denied": (document({"error": "access_denied"}, 400), f"answered 400 (access_denied){CREDENTIALS}"),
    "500 invalid_client": (document({"error": "invalid_client"}, 500), f"answered 500 (invalid_client){CREDENTIALS}"),
    "400 invalid_request": (
        document({"error": "invalid_request"}, 400),
        f"answered 400 (invalid_request){CREDENTIALS}",
    ),
    "400 of another kind": (
        document({"error": "unsupported_token_type"}, 400),
        "answered 400 (unsupported_token_type)",
    ),
    "400, empty": (reply(status=400), "answered 400"),
    "Okta's own": (document(OKTA, 400), f"answered 400 (E0000021: {OKTA['errorSummary']})"),
    "Okta's own, 401": (
        document({**OKTA, "errorCode": "E0000011", "errorSummary": "Invalid token provided"}, 401),
        f"answered 401 (E0000011: Invalid token provided){CREDENTIALS}",
    ),
    "404": (html(404), f"there is no such endpoint; check the URL, or {BY_HAND}"),
    "405": (reply(status=405), f"answered 405: there is no such endpoint; check the URL, or {BY_HAND}"),
    "410": (reply(status=410), f"answered 410: there is no such endpoint; check the URL, or {BY_HAND}"),
    "301": (
        reply(status=301, location="/userinfo"),
        "answered 301: redirects are not followed; give the final URL with introspection_endpoint=",
    ),
    "307": (
        reply(status=307, location="/userinfo"),
        "answered 307: redirects are not followed; give the final URL with introspection_endpoint=",
    ),
    "429": (reply(status=429), "answered 429: it asks us to slow down; a cache (cache_ttl=) would help"),
    "500, empty": (reply(status=500), "answered 500"),
    "500, HTML": (html(500), "answered 500 (no JSON object, content-type text/html; charset=utf-8)"),
    "503": (document({"error": "temporarily_unavailable"}, 503), "answered 503 (temporarily_unavailable)"),
    "201": (document({"active": True}, 201), "answered 201"),
    "204": (reply(status=204), "answered 204"),
    "206": (document({"active": True}, 206), "answered 206"),
}


@pytest.mark.parametrize(("answer", "why"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_is_named_with_what_mends_it(desk: Desk, answer: Answer, why: str) -> None:
    desk.says(answer)
    assert (await desk.why()).endswith(why)
    assert desk.hits == {"/introspect": 1}  # no redirect is followed, nothing is asked twice


async def drip(wire: Wire) -> None:
    await wire.head(content_length=1000)
    for _ in range(1000):
        await wire.send(b" ")
        await asyncio.sleep(0.05)


NO_ANSWERS: dict[str, tuple[Answer, str]] = {
    "empty": (reply(), r"^the answer is not a JSON object \(content-type 'application/json'\)$"),
    "HTML": (html(200), r"^the answer is not a JSON object \(content-type 'text/html; charset=utf-8'\)$"),
    "no label": (reply(b"yes", content_type=""), r"^the answer is not a JSON object \(content-type ''\)$"),
    "array": (document([{"active": True}]), "^the answer is not a JSON object"),
    "boolean": (reply(b"true"), "^the answer is not a JSON object"),
    "a member twice": (reply(b'{"active": false, "active": true}'), "^the answer is not a JSON object"),
    "a JWT (RFC 9701)": (reply(b"eyJ.e30.", content_type="application/jwt"), "^the answer is not a JSON object"),
    "a long label": (reply(b"", content_type="x/" + "y" * 5000), r"^the answer is not .{120,200}$"),
    "gzip": (
        reply(gzip.compress(b'{"active": true}'), content_encoding="gzip"),
        "^answered with compressed content that was not asked for$",
    ),
    "too long": (
        reply(b'{"active": true, "x": "%s"}' % (b"x" * LARGEST_ANSWER)),
        "^the answer is longer than 524288 bytes$",
    ),
    "drip": (drip, "^no complete answer within"),
    "silence": (silence, "^(no complete answer within|ReadTimeout)"),
}


@pytest.mark.parametrize(("answer", "why"), NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_answer_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: Answer, why: str
) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.6)
    desk.says(answer)
    assert re.search(why, await desk.why())
    assert desk.hits == {"/introspect": 1}


async def test_a_long_quotation_is_cut(desk: Desk) -> None:
    desk.says(document({"error": "server_error", "error_description": "x" * 100_000}, 500))
    why = await desk.why()
    assert why == f"answered 500 ({('server_error: ' + 'x' * 200)[:200]})"


# --- when to come back ---

RETRY_AFTER: dict[str, tuple[dict[str, Any], int]] = {
    "not said": ({}, 5),
    "seconds": ({"retry_after": 30}, 30),
    "nought": ({"retry_after": 0}, 5),
    "more than a day": ({"retry_after": "9" * 400}, 24 * 3600),
    "a date": ({"retry_after": "Fri, 31 Dec 2027 23:59:59 GMT"}, 5),
    "below nought": ({"retry_after": -1}, 5),
    "a word": ({"retry_after": "soon"}, 5),
}


@pytest.mark.parametrize("status", [429, 503, 401])
@pytest.mark.parametrize(("headers", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER)
async def test_what_the_server_says_about_coming_back_is_passed_on(
    desk: Desk, status: int, headers: dict[str, Any], seconds: int
) -> None:
    desk.says(reply(status=status, **headers))
    assert (await desk.failure()).retry_after == seconds


# --- what gets to the log ---


async def logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """The one record of a refused request."""
    guard = BearerGuard(IntrospectionValidator(desk.server(ClientSecretBasic("api", "s3cret")), audience="api"))
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await guard.validate(TOKEN)
    assert guard.refusal(caught.value).status == 503
    (record,) = caplog.records
    return record


async def test_the_record_is_an_error_with_the_cause_and_its_fix(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.says(document({"error": "invalid_client"}, 401))
    record = await logged(desk, caplog)
    assert record.levelno == logging.ERROR
    assert f"/introspect: answered 401 (invalid_client){CREDENTIALS}" in record.getMessage()


@pytest.mark.parametrize("words", ["a\r\nERROR root: forged", "a\nb", "a\x1b[2Jb", "a\u2028b\x85c\x0bd", "a\x00b"])
@pytest.mark.parametrize("member", ["error", "error_description", "errorCode", "errorSummary"])
async def test_no_body_begins_a_record_of_its_own(
    desk: Desk, caplog: pytest.LogCaptureFixture, words: str, member: str
) -> None:
    desk.says(document({member: words}, 400))
    message = (await logged(desk, caplog)).getMessage()
    assert message.isprintable()
    assert message.isascii()
    assert len(message.splitlines()) == 1
    assert "(a" in message
