"""The limits of a submission, which a sandbox enforces."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Limits:
    """Wall-clock seconds: to load the package, for one check, and for the whole submission.

    `memory`: bytes for all processes of a submission together; `processes`: how many of these and
    of their threads there may be.
    """

    load: float = 20.0
    check: float = 10.0
    total: float = 60.0
    memory: int = 2 << 30
    processes: int = 64

    def but(self, said: Mapping[str, float]) -> "Limits":
        """These, but for what a course says; there `memory` is in MB."""
        found = dict(said)
        if "memory" in found:
            found["memory"] = int(found["memory"]) << 20
        if "check" in found:
            found.setdefault("total", max(self.total, 6 * found["check"]))
        return replace(self, **found)  # type: ignore[arg-type]

    def at_least(self, other: "Limits") -> "Limits":
        """What leaves room for both."""
        mine, others = asdict(self), asdict(other)
        return Limits(**{name: max(mine[name], others[name]) for name in mine})
