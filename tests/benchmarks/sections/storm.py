"""The longest stall of the event loop while keys are fetched, lost and attacked, in milliseconds: best of three runs.

Other requests wait that long. The situations, and the authorization server in a process of its own, are those of
`tests/benchmarks/stalls.py`. Issue 6 sets no target here. A thousand requests in one turn of the loop never yield when
keys are warm: that row is the time of a thousand signature checks.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from tests.benchmarks.findings import US, Figure, Findings, Spread
from tests.benchmarks.racing import Effort
from tests.benchmarks.stalls import RUNS, SITUATIONS, stall_in

ALGORITHM = "ES256"


def measure(effort: Effort) -> Findings:
    """Each run has a process of its own, as what is loaded with the first fetch counts."""
    spawn = multiprocessing.get_context("spawn")
    runs, positions = (1, range(1)) if effort.is_quick else (RUNS, range(len(SITUATIONS)))
    findings = Findings("milliseconds")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for position in positions:
            stalls = [processes.submit(stall_in, position, ALGORITHM).result() for _ in range(runs)]
            what = str(SITUATIONS[position].__doc__)
            findings.figures.append(Figure(what, US, Spread(min(stalls), min(stalls), max(stalls))))
    return findings
