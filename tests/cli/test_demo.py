"""`bearer-guard demo`: the real thing, with real servers, in this process and in one of its own."""

import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from starlette.applications import Starlette

from bearer_guard.cli import demo
from bearer_guard.cli.commands import cli
from bearer_guard.cli.demo.journal import Journal
from bearer_guard.cli.demo.servers import LOOPBACK, listen, serving
from bearer_guard.cli.demo.story import STORY, Answer, Step
from bearer_guard.testing import FakeIssuer

COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "bearer_guard.cli", "demo"]
PATIENCE = 60.0

STATUSES = [401, 200, 401, 401, 401, 403, 201, 200, 403, 401, 401, 401, 200, 401, 200, 401, 503, 200]
REASONS = [
    "missing_token",
    "expired",
    "audience_mismatch",
    "id_token_used",
    "insufficient_scope",
    "missing_group",
    "invalid_signature",
    "invalid_signature",
    "algorithm_not_allowed",
    "unknown_key",
    "inactive",
    "introspection_unavailable",
]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal of the developer may set changes nothing here."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Tells a shorter story, where all of it would only take longer: `story(step, ...)`."""
    return lambda *steps: monkeypatch.setattr(demo, "STORY", steps)


@pytest.fixture
def issuers(monkeypatch: pytest.MonkeyPatch) -> list[FakeIssuer]:
    """The issuers that the demo makes."""
    made: list[FakeIssuer] = []

    def make(*args: Any, **options: Any) -> FakeIssuer:
        made.append(FakeIssuer(*args, **options))
        return made[-1]

    monkeypatch.setattr(demo, "FakeIssuer", make)
    return made


@pytest.fixture
def free_port() -> int:
    with listen() as listener:
        port: int = listener.getsockname()[1]
        return port


def run_demo(*options: str) -> Result:
    result = CliRunner().invoke(cli, ["demo", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def plain(text: str) -> str:
    """The text without the codes for a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)


# --- the story --------------------------------------------------------------------------------------------------------


def test_the_story_shows_every_answer_with_its_reason_and_all_are_right() -> None:
    result = run_demo()
    assert result.exit_code == 0, result.output
    assert [int(status) for status in re.findall(r"^ +< (\d{3}) ", result.output, re.MULTILINE)] == STATUSES
    assert re.findall(r"the log says: reason=(\w+)$", result.output, re.MULTILINE) == REASONS
    assert result.output.endswith("\n✓ 18 of 18 answers are as they should be.\n")


def test_the_two_sentences_of_the_contract_are_seen_on_the_wire(story: Callable[..., None]) -> None:
    story(STORY[0], STORY[2])
    output = run_demo().output
    assert "< 401 Unauthorized\n       < WWW-Authenticate: Bearer\n" in output
    assert '< WWW-Authenticate: Bearer error="invalid_token", error_description="The token has expired."\n' in output


def test_no_token_is_shown_beyond_its_first_letters() -> None:
    output = run_demo().output
    assert len(re.findall(r"> Authorization: Bearer [\w-]{6}…\n", output)) == len(STORY) - 1
    assert not re.search(r"(Bearer |eyJ)[\w-]{7}", output)


def test_the_banner_warns_and_names_both_servers(story: Callable[..., None], issuers: list[FakeIssuer]) -> None:
    story(STORY[0])
    output = run_demo().output
    assert "Throw-away keys, on loopback only, gone when it ends: not for production." in output
    assert f"issuer  {issuers[0].issuer} " in output


def test_the_api_fetches_metadata_and_keys_once_the_keys_after_the_rotation_and_asks_about_opaque_tokens_alone(
    issuers: list[FakeIssuer],
) -> None:
    run_demo()
    keys = ["/.well-known/oauth-authorization-server", "/jwks", "/jwks"]
    assert issuers[0].requests == [*keys, "/introspect", "/introspect", "/introspect"]


@pytest.mark.parametrize(
    ("step", "expected", "sentence"),
    [
        pytest.param(STORY[0], Answer(403, "Bearer", reason="missing_token"), "expected status: 403", id="status"),
        pytest.param(
            STORY[0],
            Answer(401, 'Bearer realm="x"', reason="missing_token"),
            'expected challenge: Bearer realm="x"',
            id="challenge",
        ),
        pytest.param(
            STORY[0], Answer(401, reason="missing_token"), "expected challenge: none", id="a challenge too many"
        ),
        pytest.param(STORY[0], Answer(401, "Bearer", reason="expired"), "expected reason: expired", id="reason"),
        pytest.param(STORY[1], Answer(200, body={"for": "bob"}), "expected body: {'for': 'bob'}", id="body"),
    ],
)
def test_an_answer_that_is_not_as_expected_is_shown_and_fails_the_demo(
    step: Step, expected: Answer, sentence: str, story: Callable[..., None]
) -> None:
    story(STORY[7], replace(step, expected=expected))
    result = run_demo()
    assert result.exit_code == 1
    assert f"\n✗  2  {step.title}\n" in result.output
    assert f"       {sentence}\n" in result.output
    assert result.output.endswith("\n✗ 1 of 2 answers are as they should be.\n")


def test_what_the_log_says_beside_refusals_is_kept_as_it_is() -> None:
    journal = Journal()
    journal.handle(logging.makeLogRecord({"msg": "the keys %s", "args": ("are away",)}))
    journal.handle(logging.makeLogRecord({"msg": "refused", "reason": "expired"}))
    assert journal.take_reason() == "the keys are away; expired"
    assert journal.take_reason() is None


# --- what it looks like -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [10, 60, 80])
def test_in_a_terminal_long_lines_are_folded(
    columns: int, story: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(STORY[5])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run_demo()
    step = plain(result.output).partition("✓  1")[2]
    assert result.exit_code == 0
    assert "\x1b[" in result.output
    assert max(map(len, step.splitlines())) <= max(columns, 30)  # narrower than that, nobody could read it
    assert 'error="insufficient_scope"' in re.sub(r"\n +", "", step)


def test_prose_stays_narrow_in_a_wide_terminal_and_a_challenge_stays_whole(
    story: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(STORY[5])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "300")
    lines = plain(run_demo().output).splitlines()
    assert f"       < WWW-Authenticate: {STORY[5].expected.challenge}" in lines
    assert max(len(line) for line in lines if "WWW-Authenticate" not in line) <= 100


def test_in_a_pipe_there_are_no_colours_and_a_challenge_stays_whole(story: Callable[..., None]) -> None:
    story(STORY[5])
    output = run_demo().output
    assert "\x1b" not in output
    assert f"< WWW-Authenticate: {STORY[5].expected.challenge}\n" in output


def test_no_color_is_respected(story: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    story(STORY[0])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", run_demo().output)


def test_an_output_without_unicode_gets_plain_signs(story: Callable[..., None]) -> None:
    story(STORY[1])
    result = CliRunner(charset="ascii").invoke(cli, ["demo"])
    assert result.exit_code == 0
    assert result.output.endswith("\nok 1 of 1 answers are as they should be.\n")
    assert "> Authorization: Bearer eyJhbG...\n" in result.output


# --- the servers ------------------------------------------------------------------------------------------------------


def test_nothing_is_left_behind(story: Callable[..., None], issuers: list[FakeIssuer]) -> None:
    story(STORY[1])
    before = dict(os.environ), threading.active_count()
    run_demo()
    assert (dict(os.environ), threading.active_count()) == before
    logger = logging.getLogger("bearer_guard")
    assert (logger.level, logger.propagate, logger.handlers) == (logging.NOTSET, True, [])
    with pytest.raises(httpx.ConnectError):
        httpx.get(issuers[0].issuer, trust_env=False)


@pytest.mark.parametrize("exceptions", [None, "example.com"], ids=["for everything", "but not for one host"])
def test_a_proxy_in_the_environment_does_not_come_between(
    exceptions: str | None, story: Callable[..., None], monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    story(STORY[1])
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        if exceptions is not None:
            monkeypatch.setenv(name, exceptions)
    monkeypatch.setenv("HTTP_PROXY", f"http://{LOOPBACK}:{free_port}")
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:{free_port}")
    assert run_demo().exit_code == 0
    assert os.environ.get("no_proxy") == exceptions


def test_a_server_that_does_not_start_ends_the_wait() -> None:
    @asynccontextmanager
    async def fails(_: Starlette) -> Any:
        raise ValueError("no database")
        yield

    with listen() as listener, pytest.raises(RuntimeError, match="did not start"):  # noqa: SIM117  which one raises
        with serving(Starlette(lifespan=fails), listener):
            pytest.fail("it is not up")
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("demo")]


def test_a_port_that_is_taken_is_told_kindly_and_at_once() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        result = run_demo("--port", str(port))
    assert result.exit_code == 2
    assert result.output == (
        f"Error: port {port} cannot be had (address already in use); "
        "choose another with --port, or leave it out to get a free one\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_a_usage_error(port: str) -> None:
    assert run_demo("--port", port).exit_code == 2


# --- --serve ----------------------------------------------------------------------------------------------------------


def interrupt(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Ctrl-C, once the demo has nothing to do but wait."""

    def sleep(_: float) -> None:
        meanwhile()
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "time", SimpleNamespace(sleep=sleep))


def test_serve_stays_up_on_the_port_that_was_asked_for_and_prints_what_is_logged(
    story: Callable[..., None], monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    story(STORY[0])
    answers: list[httpx.Response] = []
    url = f"http://{LOOPBACK}:{free_port}/orders"
    interrupt(monkeypatch, lambda: answers.append(httpx.get(url, headers={"Authorization": "Bearer x"})))
    result = run_demo("--serve", "--port", str(free_port))
    assert result.exit_code == 0
    assert [answer.status_code for answer in answers] == [401]
    log = result.output.partition("What the API's log says about your requests:\n")[2]
    assert log.startswith("refused: reason=inactive: ")
    assert log.endswith("\nStopped: both servers and all keys are gone.\n")


def test_serve_does_not_forget_that_the_story_went_wrong(
    story: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(replace(STORY[0], expected=Answer(200)))
    interrupt(monkeypatch)
    assert run_demo("--serve").exit_code == 1


def test_serve_says_that_its_tokens_are_an_exception(
    story: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(STORY[0])
    interrupt(monkeypatch)
    output = run_demo("--serve").output
    assert "The tokens are printed in full because they are throw-away" in output
    assert "Never print, log or paste a real one." in " ".join(output.split())


# --- as a process -----------------------------------------------------------------------------------------------------


def test_the_demo_runs_as_a_process_without_a_warning() -> None:
    done = subprocess.run(COMMAND, capture_output=True, encoding="utf-8", env=utf8(), timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("18 of 18 answers are as they should be.\n")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A process that was started in the background ignores SIGINT, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_printed_curl_lines_get_the_printed_answers_and_ctrl_c_ends_it_cleanly() -> None:
    with running(*COMMAND, "--serve") as process:
        stdout = process.stdout
        assert stdout is not None
        lines = list(iter(lambda: stdout.readline().rstrip("\n"), "What the API's log says about your requests:"))
        trials = [(title, line) for title, line in pairwise(lines) if line.startswith("curl")]
        statuses = [int(re.findall(r"^# (\d+): ", title)[0]) for title, _ in trials]
        assert [curl(line).status_code for _, line in trials] == statuses == [401, 200, 200, 403, 200, 401]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert re.findall(r"reason=(\w+)", rest) == ["missing_token", "missing_group", "expired"]
    assert rest.endswith("\nStopped: both servers and all keys are gone.\n")


def curl(line: str) -> httpx.Response:
    """What the shell would do with such a line."""
    program, _, url, *header = shlex.split(line)
    assert program == "curl"
    headers = dict([header[1].split(": ")]) if header else {}
    return httpx.get(url, headers=headers, trust_env=False)


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended whatever happens, also when it hangs."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, encoding="utf-8", env=utf8()) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def utf8() -> dict[str, str]:
    return {**os.environ, "PYTHONIOENCODING": "utf-8"}
