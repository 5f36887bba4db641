"""Decisions as log records: always a reason, never a token, a secret or a claim."""

import logging
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    Reason,
)
from bearer_guard.telemetry import record_refusal
from bearer_guard.testing import FakeIssuer
from tests.conftest import MakeClient


def recorded(caplog: pytest.LogCaptureFixture, error: BearerError) -> logging.LogRecord:
    with caplog.at_level(logging.DEBUG, "bearer_guard"):
        record_refusal(error)
    (record,) = caplog.records
    return record


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (MissingToken(), logging.INFO),
        (InvalidToken(Reason.EXPIRED), logging.INFO),
        (InsufficientScope(Reason.INSUFFICIENT_SCOPE), logging.INFO),
        (InsufficientScope(Reason.MISSING_GROUP), logging.INFO),
        (InsufficientScope(Reason.MISSING_ROLE), logging.INFO),
        (InvalidRequest(Reason.SEVERAL_TOKENS), logging.WARNING),
        (InvalidToken(Reason.INVALID_SIGNATURE), logging.WARNING),
        (InvalidToken(Reason.AUDIENCE_MISMATCH), logging.WARNING),
        (InvalidToken(Reason.ID_TOKEN_USED), logging.WARNING),
        (AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE), logging.ERROR),
        (AuthorizationServerUnavailable(Reason.METADATA_UNAVAILABLE), logging.ERROR),
    ],
    ids=lambda value: value.reason.value if isinstance(value, BearerError) else logging.getLevelName(value),
)
def test_the_everyday_is_info_an_outage_an_error_and_the_rest_a_warning(
    caplog: pytest.LogCaptureFixture, error: BearerError, level: int
) -> None:
    assert recorded(caplog, error).levelno == level


def test_a_record_tells_the_reason_the_claim_and_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    record = recorded(caplog, InvalidToken(Reason.AUDIENCE_MISMATCH, claim="aud"))
    assert record.name == "bearer_guard"
    assert record.getMessage() == (
        "refused: reason=audience_mismatch claim=aud: The token is meant for another audience."
    )
    assert vars(record)["reason"] == "audience_mismatch"


def test_a_record_of_an_outage_tells_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    error = AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE)
    error.__cause__ = ConnectionError("nobody listens there")
    message = recorded(caplog, error).getMessage()
    assert message.startswith("refused: reason=keys_unavailable: ")
    assert message.endswith(" Cause: nobody listens there")


def test_the_cause_of_a_verdict_on_a_token_stays_out(caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidToken(Reason.MALFORMED_TOKEN)
    error.__cause__ = ValueError("eyJ-part-of-a-token")
    assert "eyJ" not in recorded(caplog, error).getMessage()


@pytest.mark.parametrize("options", [{"exp": -600}, {"aud": "another-secret"}, {"scope": "secret"}], ids=str)
def test_no_record_of_a_request_holds_its_token_or_a_claim_of_it(
    guard: BearerGuard,
    issuer: FakeIssuer,
    make_client: MakeClient,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
) -> None:
    client = make_client(guard)
    token = issuer.token(sub="alice-secret", **options)
    with caplog.at_level(logging.DEBUG):
        client.get("/me", headers={"Authorization": f"Bearer {token}"})
        client.get("/me", headers={"Authorization": f"Bearer {token}!"})
    ours = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("bearer_guard"))
    assert "malformed_authorization" in ours
    assert "secret" not in ours
    assert not any(part in ours for part in token.split("."))
