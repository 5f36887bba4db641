"""The one door to httpx: https only, a deadline, a size cap while reading, no redirects."""

from bearer_guard.authorization_server.http.answers import LARGEST_ANSWER, Answer, NoAnswer, max_age_of
from bearer_guard.authorization_server.http.clients import HTTPClient, with_certificate
from bearer_guard.authorization_server.http.door import Door, check_url
from bearer_guard.authorization_server.http.secrecy import quotable, secrets_in

__all__ = [
    "LARGEST_ANSWER",
    "Answer",
    "Door",
    "HTTPClient",
    "NoAnswer",
    "check_url",
    "max_age_of",
    "quotable",
    "secrets_in",
    "with_certificate",
]
