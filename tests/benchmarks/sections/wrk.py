"""Requests in a second under `wrk`: uvicorn with uvloop and httptools, one process. The bare route's throughput = 1.00.

**seen before**: one token in all requests. **cold**: 4096 tokens in turn, more than are remembered (RS256). The bare
route gets the same requests. wrk runs on the same machine and takes its share of it, the same from all.
"""

import importlib.util
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
ROUNDS, SECONDS = 6, 2
ROW_SEEN, ROW_COLD = "seen before", "cold, RS256"
TARGETS = {ROW_SEEN: Target(0.78, at_least=True), ROW_COLD: Target(0.38, at_least=True)}

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
    rounds, seconds = (2, 1) if effort.is_quick else (ROUNDS, SECONDS)
    shares: dict[str, list[float]] = {ROW_SEEN: [], ROW_COLD: []}
    bare_rates: list[float] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        bare = servers.enter_context(_serving("bare", folder / "bare"))
        guarded = servers.enter_context(_serving("bearer_guard", folder / "guarded"))
        for _ in range(rounds):
            for row, most in ((ROW_SEEN, 1), (ROW_COLD, -1)):
                bare_rates.append(_rate(bare, folder / "bare", most, seconds))
                shares[row].append(_rate(guarded, folder / "guarded", most, seconds) / bare_rates[-1])
    figures = [Figure(row, BARE, Spread(1, 1, 1)) for row in shares]
    figures += [Figure(row, US, Spread.of(values), TARGETS[row]) for row, values in shares.items()]
    served = Spread.of(bare_rates).described("requests in a second")
    return Findings("of the bare route's throughput", figures, notes=[f"The bare route served {served}"])


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
