"""Work on what a student has made in a process of its own, which has limits."""

import multiprocessing
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from mugrade.errors import Unreadable
from mugrade.grader.pool import TOO_SLOW, Allowance, status_name

T = TypeVar("T")
ONE = Allowance(seconds=120)  # the reference's values are compared too


def apart(
    work: Callable[[], T],
    meanwhile: AbstractContextManager[Any] | None = None,
    allowance: Allowance = ONE,
) -> T:
    """What `work` returns in a fork of this process; raises what it raises.

    Raises Unreadable where it needs more than is allowed. `meanwhile` is entered after the fork.
    """
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=_answer, args=(work, theirs, allowance), daemon=True)
    child.start()
    theirs.close()
    answer: T | Exception
    with meanwhile or nullcontext():
        try:
            answer = ours.recv()
        except EOFError:
            child.join()
            answer = Unreadable(_why(child.exitcode or 0, allowance))
        child.join()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(work: Callable[[], Any], answers: Connection, allowance: Allowance) -> None:
    from mugrade.grader.worker import limit_memory, limit_time

    limit_time(allowance.seconds)
    limit_memory(allowance.memory)
    try:
        answers.send(work())
    except MemoryError:
        answers.send(Unreadable(f"reading it needs more than {allowance.memory >> 20} MB"))
    except Exception as error:
        answers.send(error)


def _why(status: int, allowance: Allowance) -> str:
    if status == TOO_SLOW:
        return f"it took longer than {allowance.seconds} s to read"
    return f"whatever reads it ends ({status_name(status)})"
