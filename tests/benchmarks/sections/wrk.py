"""Requests in a second under `wrk`: uvicorn with uvloop and httptools, one process. The bare route's throughput = 1.00.

**seen before**: one token in all requests. **cold**: 4096 tokens in turn, more than are remembered (RS256). The bare
route gets the same requests. wrk runs on the same machine: **on one core** it takes its share of the server's, the same
from all. **On all cores** it sleeps between answers, and a server that takes longer than an idle core stays awake (50
microseconds on a virtual machine with `haltpoll`) pays for waking it as well, about 15 microseconds for an answer,
which the bare route does not: then one microsecond more costs as much as ten.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.contestants.applications import BARE, PATH
from tests.benchmarks.findings import US, Figure, Findings, Spread, Target
from tests.benchmarks.racing import Effort
from tests.benchmarks.served import TOKENS_FOLDER
from tests.processes import free_port, running

ROOT = Path(__file__).parents[3]
CONNECTIONS = 32
ROUNDS, SECONDS = 4, 2
SEEN, COLD = "seen before", "cold, RS256"
TARGETS = {SEEN: Target(0.78, at_least=True), COLD: Target(0.38, at_least=True)}

# wrk asks this script for each request; the tokens stand in a file, one a line.
_SCRIPT = """
local requests, count, turn = {{}}, 0, 0
for token in io.lines("{tokens}") do
  count = count + 1
  requests[count] = wrk.format("GET", "{path}", {{["Authorization"] = "Bearer " .. token}})
  if count == {most} then break end
end
request = function()
  turn = turn % count + 1
  return requests[turn]
end
"""


def measure(effort: Effort) -> Findings:
    """In each round: the bare route and ours, with one token and with many."""
    missing = [name for name in ("uvloop", "httptools", "uvicorn") if importlib.util.find_spec(name) is None]
    missing += [] if shutil.which("wrk") else ["wrk"]
    if missing:
        return Findings("of the bare route", notes=[f"Left out: {', '.join(missing)} is not installed."])
    findings = Findings("of the bare route's throughput")
    for where, cores in _places():
        with _only_on(cores):
            shares, bare_rates = _measured(*((2, 1) if effort.is_quick else (ROUNDS, SECONDS)))
        findings.figures += [Figure(f"{kind}, {where}", BARE, Spread(1, 1, 1)) for kind in shares]
        findings.figures += [
            Figure(f"{kind}, {where}", US, Spread.of(values), TARGETS[kind]) for kind, values in shares.items()
        ]
        served = Spread.of(bare_rates).described("requests in a second")
        findings.notes.append(f"The bare route served {served} {where}")
    return findings


def _places() -> list[tuple[str, set[int]]]:
    """Where it is measured, and the cores that makes; where processes cannot be bound to any, as they come."""
    if not hasattr(os, "sched_getaffinity"):
        return [("on all cores", set())]
    every = os.sched_getaffinity(0)
    return [("on one core", {min(every)}), ("on all cores", every)]


@contextmanager
def _only_on(cores: set[int]) -> Iterator[None]:
    """Binds the processes that are started meanwhile."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _measured(rounds: int, seconds: int) -> tuple[dict[str, list[float]], list[float]]:
    shares: dict[str, list[float]] = {SEEN: [], COLD: []}
    bare_rates: list[float] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        bare = servers.enter_context(_serving("bare", folder / "bare"))
        guarded = servers.enter_context(_serving("bearer_guard", folder / "guarded"))
        for _ in range(rounds):
            for kind, most in ((SEEN, 1), (COLD, -1)):
                bare_rates.append(_rate(bare, folder / "bare", most, seconds))
                shares[kind].append(_rate(guarded, folder / "guarded", most, seconds) / bare_rates[-1])
    return shares, bare_rates


@contextmanager
def _serving(application: str, folder: Path) -> Iterator[str]:
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", f"tests.benchmarks.served:{application}"]
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--lifespan", "off"]
    url, env = f"http://127.0.0.1:{port}", {TOKENS_FOLDER: str(folder)}
    with running([*command, *options], cwd=ROOT, env=env, log=folder / "log", health=f"{url}/health"):
        yield url


def _rate(url: str, folder: Path, most: int, seconds: int) -> float:
    script = folder / "requests.lua"
    script.write_text(_SCRIPT.format(tokens=folder / "tokens", path=PATH, most=most))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in output:
        raise RuntimeError(f"requests were refused:\n{output}")
    [rate] = re.findall(r"Requests/sec:\s+([\d.]+)", output)
    return float(rate)
