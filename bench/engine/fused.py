"""needle with what stage 09 adds: `needle.fast`."""

from dataclasses import replace
from functools import partial

from needle.fast import data, memory, models, nn, optim

from bench.engine import plain, problem
from bench.engine.problem import Arrays, Network, Step

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm1d}


def train(network: Network, weights: Arrays, drop: float) -> Step:
    size = (problem.FEATURES, network.hidden, problem.BLOCKS, problem.CLASSES)
    memory.keep_memory()
    model = models.MLPResNet(*size, NORMS[network.norm], drop)
    return plain.trainer(model, nn.SoftmaxLoss(), weights, optim.Adam)


SYSTEM = replace(
    plain.SYSTEM,
    train=train,
    functions={
        "layernorm": lambda function: plain.norm(function, nn.LayerNorm1d),
        "batchnorm": lambda function: plain.norm(function, nn.BatchNorm1d),
    },
    load=partial(plain.load, space=data),
)
