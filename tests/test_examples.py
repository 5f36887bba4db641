"""The examples are programs: each runs offline, and prints or proves what it says."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.redis_server import running_redis

EXAMPLES = Path(__file__).parent.parent / "examples"


def output_of(name: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_01_lets_nobody_in_without_a_valid_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of("01_starlette.py", capsys) == [
        "401 Bearer",
        '200 {"subject":"alice"}',
        '401 Bearer error="invalid_token", error_description="The token has expired."',
        '401 Bearer error="invalid_token", error_description="The token is meant for another audience."',
    ]


def test_02_decides_by_scopes_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output_of("02_scopes_and_groups.py", capsys)
    assert [line.split(maxsplit=2)[:2] for line in lines] == [
        ["/orders", "200"],
        ["/reports", "403"],
        ["/orders", "200"],
        ["/reports", "200"],
    ]
    assert lines[1].endswith('scope="orders:admin"')


def test_03_is_a_test_that_passes() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--no-cov",
        "-p",
        "no:cacheprovider",
        str(EXAMPLES / "03_testing.py"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout


def test_04_makes_the_guard_from_the_environment_and_lists_all_that_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = output_of("04_settings.py", capsys)
    assert lines[:2] == ['401 Bearer realm="orders"', '200 {"subject":"alice"}']
    assert len([line for line in lines if line.startswith("- ")]) == 3


def test_05_takes_the_token_from_the_subprotocols(capsys: pytest.CaptureFixture[str]) -> None:
    welcome, refusal = output_of("05_websocket.py", capsys)
    assert welcome == "bearer hello alice"
    assert refusal.startswith("403 Bearer ")
    assert refusal.endswith('scope="chat"')


def test_06_takes_a_cookie_only_from_pages_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split()[-1] for line in output_of("06_cookie.py", capsys)] == ["200", "200", "200", "400"]


def test_07_hands_the_token_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of("07_forwarding.py", capsys) == ['{"order":1,"stock":{"in stock":7,"asked by":"alice"}}']


def test_08_asks_about_opaque_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of("08_introspection.py", capsys) == [
        '{"subject":"alice"}',
        'Bearer error="invalid_token", error_description="The token is not active."',
        "503 and not 401: nobody knows",
    ]


def test_09_asks_about_jwts_where_a_route_wants_to_know_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of("09_jwt_or_opaque.py", capsys) == ["opaque 200", "JWT 200 200", "revoked 200 401"]


def test_10_shares_answers_and_revocations_through_redis(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_redis(tmp_path) as redis:
        monkeypatch.setenv("REDIS_URL", redis.url)
        assert output_of("10_redis.py", capsys) == [
            '{"bye":"alice"}',
            'Bearer error="invalid_token", error_description="The token was revoked." 1',
        ]


def test_11_is_ready_once_it_has_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of("11_readiness.py", capsys) == ['{"keys":10,"error":null}']


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 40
