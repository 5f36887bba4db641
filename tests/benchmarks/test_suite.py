"""The benchmark suite runs, for bearer_guard alone: no time is asserted, and no contestant is needed."""

import math
from pathlib import Path
from typing import Any

import pytest

from bearer_guard import JWTValidator
from tests.benchmarks import __main__ as suite
from tests.benchmarks import asgi, material, plot, report
from tests.benchmarks.contestants import applications, least, verifiers
from tests.benchmarks.findings import US, Figure, Findings, Spread, Target, shown
from tests.benchmarks.racing import FULL, QUICK, Effort, Lane, race

IN_PROCESS = [name for name in suite.SECTIONS if name not in ("storm", "wrk")]
"""The others start servers, and are used by hand alone."""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for contestants in (verifiers.VERIFIERS, applications.APPLICATIONS):
        for name in contestants.keys() - {US}:
            monkeypatch.delitem(contestants, name)


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_section_runs_and_its_findings_make_a_table(name: str) -> None:
    findings = suite.run(name, QUICK)
    assert findings.notes or not findings.is_empty
    assert all(0 <= figure.spread.low <= figure.spread.median <= figure.spread.high for figure in findings.figures)
    assert report.table(name, findings).row_count == len({cell.row for cell in findings.cells})


@pytest.mark.parametrize("name", suite.SECTIONS)
def test_a_section_says_what_it_measures(name: str) -> None:
    assert suite.section(name).__doc__


def test_the_guard_refuses_what_the_sanity_section_says_and_lets_the_good_token_in() -> None:
    verdicts = [verdict for verdict in suite.run("sanity", QUICK).verdicts if verdict.column == US]
    assert [verdict.row for verdict in verdicts if verdict.accepts] == ["a good token"]
    assert all(verdict.may_be_accepted == verdict.accepts for verdict in verdicts)


async def test_the_yardstick_takes_part_and_asks_what_it_says() -> None:
    validate = least.remembering(least.verifier(material.jwks(), "ES256"), size=1)
    good = material.token("ES256")
    for presented in (good, good.encode(), good):  # anew, and remembered
        assert (await validate(presented))["aud"] == material.AUDIENCE
    claims: list[dict[str, Any]] = [{"iss": "x"}, {"aud": "x"}, {"exp": -60}]
    for presented in (material.tampered(good), *(material.token("ES256", **wrong) for wrong in claims)):
        with pytest.raises(least.Refused):
            await validate(presented)


async def test_the_route_behind_the_yardstick_wants_a_token_with_its_scope() -> None:
    app = applications.least_in_python()
    assert await asgi.status_of(app, asgi.bearer(material.token())) == 200
    for headers in (asgi.headers(None), asgi.bearer(material.token(scope="other")), asgi.headers("Basic YTpi")):
        with pytest.raises(least.Refused):
            await asgi.status_of(app, headers)


@pytest.mark.parametrize("effort", [QUICK, FULL], ids=["quick", "full"])
def test_a_token_has_been_forgotten_when_it_comes_again(effort: Effort) -> None:
    lane = Lane("", "", print, range(effort.tokens))
    presented = [*lane.last_batch(effort.batch)]
    for number in range(effort.rounds):
        presented += lane.batch_of(number, effort.batch)
    last_seen: dict[int, int] = {}
    for moment, item in enumerate(presented):
        assert moment - last_seen.get(item, -math.inf) > effort.memory
        last_seen[item] = moment


async def test_cold_tokens_all_reach_the_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    validate = JWTValidator.validate

    async def counting(self: JWTValidator, token: str, **options: Any) -> Any:
        reached.append(token)
        return await validate(self, token, **options)

    monkeypatch.setattr(JWTValidator, "validate", counting)
    tokens = material.tokens("ES256", QUICK.tokens)
    lane = Lane("cold", US, material.guard(remember=QUICK.memory).validate, tokens)
    await race(material.raw_lane("cold", "ES256", tokens), [lane], QUICK)
    assert len(reached) == QUICK.batch * (QUICK.rounds + 1)


async def test_a_race_compares_what_was_done_in_the_same_round() -> None:
    done: list[str] = []
    lanes = [Lane("row", name, done.append, [name]) for name in ("a", "b", "c")]
    findings = await race(lanes[0], lanes[1:], QUICK)
    rounds = done[len(lanes) :]
    assert sorted(rounds) == sorted(["a", "b", "c"] * QUICK.rounds)
    assert [rounds[n : n + 3] for n in (0, 3, 6)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
    assert findings.figures[0].spread == Spread(1, 1, 1)


def test_tokens_are_of_the_size_that_they_should_have() -> None:
    for size in (1000, 4096, 16 * 1024):
        assert size * 0.99 < len(material.token("ES256", size=size)) <= size + 1


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.012")])
def test_a_number_has_as_many_digits_as_it_deserves(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_baseline_that_does_not_stand_still_is_complained_about() -> None:
    assert Spread(19, 20, 21).described("microseconds") == "20.0 microseconds here (19.0 to 21.0)."
    assert "The machine is busy" in Spread(19, 20, 30).described("microseconds")


def test_a_target_is_compared_as_it_is_shown() -> None:
    assert Target(1.6).is_reached(1.604)
    assert not Target(1.6).is_reached(1.606)
    assert Target(0.78, at_least=True).is_reached(0.7751)
    assert not Target(0.78, at_least=True).is_reached(0.77)


def test_a_picture_is_drawn_of_figures_alone(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")  # it belongs to the extra `bench`, and to no other
    paths = plot.draw({"a": Findings("times", [Figure("row", US, Spread(1, 2, 3), Target(2))])}, tmp_path / "p.svg")
    assert [path.suffix for path in paths if path.stat().st_size] == [".svg", ".png"]


def test_an_unknown_section_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        suite.main(["speed"])
    assert "there is no section 'speed'; write some of validate, request" in capsys.readouterr().err
