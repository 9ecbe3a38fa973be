"""Grade on a cluster: the same bundles, run by the workers of a dask.distributed scheduler."""

import functools
import logging
from typing import Any

from mugrade.errors import Unreadable
from mugrade.grader.bundle import Bundle, Outcome, run_bundle
from mugrade.sandbox.job import SandboxError
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox

RETRIES = 3  # when a worker dies with a bundle


class Cluster:
    """A connection to a scheduler, `tcp://host:port`; raises Unreadable if nobody answers there."""

    def __init__(self, address: str, accept_weak: bool = False, timeout: float = 10.0) -> None:
        from distributed import Client

        logging.getLogger("distributed").setLevel(logging.ERROR)
        self.accept_weak = accept_weak
        try:
            self.client: Any = Client(address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError) as error:
            raise Unreadable(f"no scheduler at {address}: {error}") from None
        if not self.jobs:
            self.client.close()
            raise Unreadable(f"the scheduler at {address} has no workers: start some")

    @property
    def jobs(self) -> int:
        """How many bundles its workers run at once."""
        return sum(self.client.nthreads().values())

    def run(self, bundle: Bundle) -> Outcome:
        """Run a bundle on some worker; on another one if that dies."""
        future = self.client.submit(
            run_on_worker, bundle, self.accept_weak, pure=False, retries=RETRIES
        )
        outcome: Outcome = future.result()
        return outcome

    def close(self) -> None:
        self.client.close()


def run_on_worker(bundle: Bundle, accept_weak: bool) -> Outcome:
    """Run a bundle in the sandbox of this worker; raises SandboxError if that is not strong."""
    return run_bundle(bundle, _sandbox(accept_weak))


@functools.cache
def _sandbox(accept_weak: bool) -> Sandbox:
    found = strongest()
    if found.reason and not accept_weak:
        raise SandboxError(f"a worker has no strong sandbox ({found.reason})")
    return Sandbox(found.tier)
