"""Who takes part: where each system is written down, and how one gets it."""

from dataclasses import dataclass

EXTRA = "make bench-engine installs it"
STAGE_09 = "needle.fast is built by stage 09"


@dataclass(frozen=True)
class Entry:
    module: str
    name: str = "SYSTEM"
    install: str = EXTRA


SYSTEMS = {
    "limit": Entry("bench.engine.limit"),
    "needle plain": Entry("bench.engine.plain"),
    "needle fused": Entry("bench.engine.fused", install=STAGE_09),
    "PyTorch eager": Entry("bench.engine.pytorch", "EAGER"),
    "  with fused Adam": Entry("bench.engine.pytorch", "FUSED"),
    "  and compiled": Entry("bench.engine.pytorch", "COMPILED"),
    "JAX jit": Entry("bench.engine.in_jax"),
    "HIPS autograd": Entry("bench.engine.hips"),
}
