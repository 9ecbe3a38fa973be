"""A process that does a submission's whole way, from a file to a small result, within limits.

Started as `python -P -m mugrade.grader.worker FD`, FD being a socket to the head. No student code
runs in it, but everything that reads, parses, compares and names what students have made. The
kernel limits its own processor time, which does not count what the sandbox uses, and its memory.
"""

import math
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from mugrade.grader.grade import CourseKey, Grader
from mugrade.grader.results import Result
from mugrade.sandbox.kernel import die_with_parent
from mugrade.sandbox.process import Sandbox


def be_worker(fd: int) -> None:
    """Answer requests, which are a method of Grader and its arguments, until the head is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    with Connection(fd) as head:
        key: CourseKey = head.recv()
        tier, allowance, core = head.recv()
        if core is not None:
            os.sched_setaffinity(0, {core})
        grader = Grader(key, Sandbox(tier, most=1))
        limit_memory(allowance.memory)
        head.send(None)
        try:
            answer_all(head, grader, allowance.seconds)
        finally:
            grader.close()


def answer_all(head: Connection, grader: Grader, seconds: int) -> None:
    """Answer until there are no more requests."""
    while True:
        try:
            method, *arguments = head.recv()
        except EOFError:
            return
        limit_time(seconds)
        result: Result = getattr(grader, method)(*arguments)
        for grade in result.grades:
            _ = grade.columns
        head.send(result)


def limit_time(seconds: int) -> None:
    """Let the kernel end this process by SIGXCPU once it has used so much more processor time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    lower(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime) + seconds)
    lower(resource.RLIMIT_CORE, 0)


def limit_memory(more: int) -> None:
    """Let this process have so many bytes more than now; what asks for more gets MemoryError."""
    if sys.platform == "linux":  # macOS refuses it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        lower(resource.RLIMIT_AS, pages * resource.getpagesize() + more)


def lower(limit: int, value: int) -> None:
    """Lower what may be used, and leave what could be asked for: the sandbox asks for it again."""
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    be_worker(int(sys.argv[1]))
