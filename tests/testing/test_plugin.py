"""The fixtures for users' tests, as pytest finds them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bearer_guard import BearerGuard, JWTValidator
from bearer_guard.testing import FakeIssuer, plugin

fresh_issuer = plugin.issuer
"""The fixture of the plugin, under another name than ours."""

NOT_NEEDED = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:hypothesispytest")

TESTS = """
from bearer_guard import BearerGuard, JWTValidator
from bearer_guard.testing import FakeIssuer

seen = []

def test_an_issuer_comes_as_a_fixture(issuer):
    assert isinstance(issuer, FakeIssuer)
    issuer.clock.advance(1000)
    seen.append(issuer)

def test_each_test_has_its_own(issuer):
    assert issuer is not seen[0]
    assert abs(issuer.clock.time() - seen[0].clock.time() + 1000) < 100

def test_its_tokens_are_good(issuer):
    import asyncio
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"))
    assert asyncio.run(guard.validate(issuer.token())).subject == "alice"
"""


def run_pytest(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # pytest-asyncio warns where it is not configured, and a warning is an error here.
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *NOT_NEEDED, *arguments]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", ["on the command line", "in conftest.py"])
def test_a_user_has_an_issuer_in_each_test(way: str, tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(TESTS)
    arguments = ["-p", "bearer_guard.testing.plugin"] if way == "on the command line" else []
    if not arguments:
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["bearer_guard.testing.plugin"]\n')
    done = run_pytest(tmp_path, *arguments)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_without_the_plugin_there_is_no_such_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(TESTS)
    assert "fixture 'issuer' not found" in run_pytest(tmp_path).stdout


def test_the_plugin_names_its_fixture_for_those_who_ask(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "-p", "bearer_guard.testing.plugin", "--fixtures", "-v")
    assert "An authorization server in memory, with keys and a clock of its own." in done.stdout


async def test_its_issuer_is_fresh_and_online(fresh_issuer: FakeIssuer) -> None:
    guard = BearerGuard(JWTValidator(fresh_issuer.server, audience="api"))
    assert (await guard.validate(fresh_issuer.token())).subject == "alice"
    assert fresh_issuer.requests != []
