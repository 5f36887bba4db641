"""Every way to say no: the tree, what goes on the wire, and what stays in the logs."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuardError,
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    Reason,
    Scopes,
)
from tests.test_tokens import COPIES

ERRORS: dict[str, tuple[BearerError, int, str | None]] = {
    "MissingToken": (MissingToken(("read",)), 401, None),
    "InvalidRequest": (InvalidRequest(Reason.SEVERAL_TOKENS), 400, "invalid_request"),
    "InvalidToken": (InvalidToken(Reason.EXPIRED, claim="exp"), 401, "invalid_token"),
    "InsufficientScope": (
        InsufficientScope(Reason.INSUFFICIENT_SCOPE, scopes=("read",), requirement=Scopes("read")),
        403,
        "insufficient_scope",
    ),
    "AuthorizationServerUnavailable": (
        AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE, retry_after=7),
        503,
        None,
    ),
}


@pytest.mark.parametrize(("error", "status", "code"), ERRORS.values(), ids=ERRORS)
def test_an_error_knows_its_status_and_its_code(error: BearerError, status: int, code: str | None) -> None:
    # RFC 6750 section 3.1; 503 is no verdict on the token and has no code of that registry.
    assert (error.status, error.code) == (status, code)


@pytest.mark.parametrize("error", [error for error, _, _ in ERRORS.values()], ids=ERRORS)
def test_a_refusal_is_described_by_the_sentence_of_its_reason(error: BearerError) -> None:
    assert error.description == error.reason.description
    assert str(error).startswith(f"{error.description} (reason={error.reason.value}")


def test_an_outage_and_a_wrong_configuration_are_no_verdict_on_the_token() -> None:
    assert not issubclass(AuthorizationServerUnavailable, InvalidToken)
    assert not issubclass(ConfigurationError, BearerError)
    assert issubclass(ConfigurationError, BearerGuardError)
    assert issubclass(BearerError, BearerGuardError)


def test_an_invalid_token_names_the_claim_at_fault_where_there_is_one() -> None:
    assert str(InvalidToken(Reason.EXPIRED, claim="exp")) == "The token has expired. (reason=expired, claim=exp)"
    assert str(InvalidToken(Reason.INVALID_SIGNATURE)) == (
        "The signature of the token is invalid. (reason=invalid_signature)"
    )


def test_errors_know_no_more_than_they_were_told() -> None:
    assert MissingToken().reason is Reason.MISSING_TOKEN
    assert MissingToken().scopes == ()
    insufficient = InsufficientScope(Reason.MISSING_GROUP)
    assert (insufficient.scopes, insufficient.requirement) == ((), None)
    assert AuthorizationServerUnavailable(Reason.METADATA_UNAVAILABLE).retry_after == 5


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("error", [error for error, _, _ in ERRORS.values()], ids=ERRORS)
def test_an_error_keeps_all_that_it_knows_on_its_way_to_another_process(
    error: BearerError, copied: Callable[[Any], Any]
) -> None:
    arrived = copied(error)
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error)


def test_a_reason_is_found_by_its_word_and_stays_one_object() -> None:
    by_word: Any = Reason
    assert by_word("expired") is Reason.EXPIRED
    assert pickle.loads(pickle.dumps(Reason.EXPIRED)) is Reason.EXPIRED  # noqa: S301  our own bytes
    assert f"{Reason.EXPIRED}" == "expired"


def test_the_list_of_reasons_is_closed() -> None:
    by_word: Any = Reason
    with pytest.raises(ValueError, match="no_such_reason"):
        by_word("no_such_reason")


def test_no_two_reasons_share_a_sentence() -> None:
    assert len({reason.description for reason in Reason}) == len(Reason)
