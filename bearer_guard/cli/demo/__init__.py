"""`bearer-guard demo`: a throw-away issuer and a small API, real HTTP between them, and every answer checked."""

import time
from contextlib import ExitStack

import httpx

from bearer_guard.authorization_server.client_auth import ClientSecretBasic
from bearer_guard.cli.demo.api import AUDIENCE, demo_api
from bearer_guard.cli.demo.journal import Aloud, Journal, listening
from bearer_guard.cli.demo.screen import Screen
from bearer_guard.cli.demo.servers import listen, serving, url_of
from bearer_guard.cli.demo.story import STORY, TRY_IT, Answer, Step
from bearer_guard.cli.demo.tokens import Tokens
from bearer_guard.testing import FakeIssuer

DEADLINE = 30.0
"""Seconds for one answer: far more than any takes, so that a hanging one ends the demo and not the patience."""


def run(*, serve: bool = False, port: int = 0) -> bool:
    """Tells the story, and says whether every answer was as it should be. `serve`: stay up until Ctrl-C afterwards."""
    screen = Screen()
    with ExitStack() as running:
        api_socket = running.enter_context(listen(port))
        issuer_socket = running.enter_context(listen())
        issuer, api = FakeIssuer(url_of(issuer_socket), audience=AUDIENCE), url_of(api_socket)
        screen.banner(issuer.issuer, api)
        with screen.waiting("Starting both servers"):
            tokens = Tokens(issuer)
            running.enter_context(serving(issuer.app, issuer_socket))
            running.enter_context(
                serving(demo_api(issuer.issuer, ClientSecretBasic(issuer.client_id, issuer.client_secret)), api_socket)
            )
        is_right = _tell(screen, tokens, api)
        if serve:
            _stay(screen, tokens, api)
    return is_right


def _tell(screen: Screen, tokens: Tokens, api: str) -> bool:
    right = 0
    with (
        listening(Journal()) as journal,
        httpx.Client(base_url=api, timeout=DEADLINE, trust_env=False) as client,
    ):
        for number, step in enumerate(STORY, 1):
            token = step.token and step.token(tokens)
            answer = _ask(client, step, token, journal)
            screen.step(number, step, token, answer)
            right += answer == step.expected
    tokens.server_is_back()
    screen.closing(right, len(STORY))
    return right == len(STORY)


def _ask(client: httpx.Client, step: Step, token: str | None, journal: Journal) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    response = client.request(step.method, step.path, headers=headers)
    return Answer(
        response.status_code,
        response.headers.get("www-authenticate"),
        body=response.json() if response.is_success else None,
        reason=journal.take_reason(),
    )


def _stay(screen: Screen, tokens: Tokens, api: str) -> None:
    screen.try_it(api, [(trial, trial.token and trial.token(tokens)) for trial in TRY_IT])
    try:
        with listening(Aloud(screen.log_line)):
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        screen.stopped()
