# %% device-cpu
"""Where the numbers live: in this course always in the memory of the processor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CPUDevice:
    """The processor, computing with NumPy."""

    def __repr__(self) -> str:
        return "needle.cpu()"


def cpu() -> CPUDevice:
    """The device that every tensor is on."""
    return CPUDevice()


def all_devices() -> list[CPUDevice]:
    """Every device there is."""
    return [cpu()]


def demand_cpu(device: object) -> None:
    """Raise RuntimeError for a device that does not exist here."""
    if device not in (cpu(), "cpu"):
        raise RuntimeError(f"there is no device {device!r}: write needle.cpu(), or leave it out")
