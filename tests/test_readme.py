"""The README tells the truth: its Python runs, and the wire says what it says."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bearer_guard.authorization_server.http import clients
from bearer_guard.settings import Settings
from bearer_guard.testing import FakeIssuer

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def readme_issuer(monkeypatch: pytest.MonkeyPatch) -> FakeIssuer:
    """Answers in place of the README's issuer, to whoever asks it over the usual client."""
    issuer = FakeIssuer("https://id.example.com", audience="https://api.example.com")
    monkeypatch.setattr(clients, "short_lived", lambda _, url: issuer.http_client())
    return issuer


def run(blocks: list[str]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102  that it runs is what is tested
    return names


def test_its_python_runs_from_top_to_bottom() -> None:
    assert run(blocks("python"))["issuer"]


def exchanges() -> list[tuple[str, str]]:
    """The README's requests and answers, in pairs."""
    (block,) = blocks("http")
    paragraphs = block.strip().split("\n\n")
    return list(zip(paragraphs[::2], paragraphs[1::2], strict=True))


def headers_for(request: str, issuer: FakeIssuer) -> dict[str, str]:
    if "Authorization" not in request:
        return {}
    scope = re.search(r"with scope (\S+)>", request)
    return issuer.bearer(
        scope=scope[1] if scope else "orders:read", exp=-60 if "expired" in request else 300, groups=["staff"]
    )


@pytest.mark.parametrize(("request_text", "answer_text"), exchanges())
def test_the_wire_says_what_it_says(request_text: str, answer_text: str, readme_issuer: FakeIssuer) -> None:
    client = TestClient(run(blocks("python")[:1])["app"])
    answer = client.get(request_text.split()[1], headers=headers_for(request_text, readme_issuer))
    written = [f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}"]
    challenge = answer.headers.get("www-authenticate")
    written.append(answer.text if challenge is None else f"WWW-Authenticate: {challenge}")
    assert "\n".join(written) == answer_text


def test_it_has_two_commands_each_in_one_line() -> None:
    commands = re.findall(r"^ {4}(python3 -m venv .*)$", README, re.MULTILINE)
    assert [command.split(" && ")[-1] for command in commands] == [
        ".venv/bin/bearer-guard demo",
        ".venv/bin/python -m pytest --cov",
    ]


def test_its_table_of_variables_is_complete() -> None:
    documented = re.findall(r"^\| `BEARER_GUARD_([A-Z_]+)` \|", README, re.MULTILINE)
    assert [name.lower() for name in documented] == list(Settings.__dataclass_fields__)


def test_its_first_python_block_has_no_more_than_twelve_lines_of_code() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 12
