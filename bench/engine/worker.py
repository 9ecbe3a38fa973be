"""`python -m bench.engine.worker NAME THREADS`: one system, which does what it is told.

Each line of standard input is a request, each line of standard output its answer, both JSON:

{"prepare": "W1"}   make the workload ready and answer {"numbers": [...]}, what is to be checked,
                    or {"numbers": null} if the system has no such thing
{"seconds": 0.2}    repeat it for so long, at least once, and answer {"times": [...]}
{"memory": 200}     take so many steps of W2 and answer {"peak": ..., "later": ...}, the MB that
                    all steps, and those after the second, have added to the most there ever was
"""

import importlib
import json
import os
import resource
import signal
import sys
import time
from itertools import cycle
from typing import Any

from bench.engine import problem
from bench.engine.problem import System
from bench.engine.systems import SYSTEMS
from bench.engine.work import Job, workloads

WARM_UP = 2


class Worker:
    def __init__(self, system: System, threads: int) -> None:
        self.system = system
        self.clock = time.process_time if threads == 1 else time.perf_counter
        self.works = {work.name: work for work in workloads()}
        self.job: Job | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "prepare" in request:
            return {"numbers": self.prepare(request["prepare"])}
        if "seconds" in request:
            return {"times": self.time(request["seconds"])}
        return self.memory(request["memory"])

    def prepare(self, name: str) -> list[float] | None:
        self.job = None  # what the last one held is free before the next one begins
        self.job = self.works[name].job(self.system)
        if self.job is None:
            return None
        numbers = self.job.check()
        for _ in range(WARM_UP):
            self.job.run()
        return numbers

    def time(self, seconds: float) -> list[float]:
        assert self.job is not None
        times: list[float] = []
        while not times or sum(times) < seconds:
            began = self.clock()
            self.job.run()
            times.append(self.clock() - began)
        return times

    def memory(self, steps: int) -> dict[str, float]:
        network = problem.NETWORKS["W2"]
        step = self.system.train(network, network.weights(), problem.DROP)
        supply = cycle(network.batches())
        peaks = [peak()]
        for _ in range(steps):
            step(*next(supply))
            peaks.append(peak())
        return {"peak": peaks[-1] - peaks[0], "later": peaks[-1] - peaks[2]}


def peak() -> float:
    """The most memory this process has ever had, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(name: str, threads: int) -> None:
    """Serve until the input ends. Whatever prints writes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who gives the orders
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    entry = SYSTEMS[name]
    try:
        system: System = getattr(importlib.import_module(entry.module), entry.name)
        system.threads(threads)
        worker = Worker(system, threads)
        print(json.dumps({"ready": True}), file=answers, flush=True)
    except ImportError as error:
        missing = {"missing": f"not installed ({error}): {entry.install}"}
        print(json.dumps(missing), file=answers, flush=True)
        return
    for line in sys.stdin:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:  # the row says so, the others go on
            answer = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
