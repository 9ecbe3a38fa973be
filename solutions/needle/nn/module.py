# %% nn-module
"""Parameter and Module: the tensors that are trained, and the objects that hold them."""

from typing import Any

from needle.autograd import Tensor


class Parameter(Tensor):
    """A tensor to be trained: a leaf of the graph, which `Module.parameters` finds.

    As a condition it is always true, so that `if self.bias:` asks whether there is one.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


class Module:
    """A function with parameters; subclasses define `forward`."""

    training: bool = True

    def parameters(self) -> list[Parameter]:
        """Every parameter of this module and of the modules in it, each once."""
        return [part for part in _parts(self) if isinstance(part, Parameter)]

    def train(self) -> None:
        """Put this module and every module in it into training mode."""
        self._set_training(True)

    def eval(self) -> None:
        """Put this module and every module in it into evaluation mode."""
        self._set_training(False)

    def _set_training(self, training: bool) -> None:
        for part in _parts(self):
            if isinstance(part, Module):
                part.training = training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output of the module for the given inputs."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)


def _parts(root: Module) -> list[Parameter | Module]:
    """Every parameter and module reached from root, in order of definition, each once."""
    found: list[Parameter | Module] = []
    seen: set[int] = set()  # ids: a module may hold itself, and a tensor may have two owners
    stack: list[Any] = [root]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Parameter | Module):
            found.append(value)
        stack.extend(reversed(_children(value)))
    return found


def _children(value: Any) -> list[Any]:
    """What a module's attributes, or a list, tuple or dict, hold."""
    if isinstance(value, Module):
        return list(vars(value).values())
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []
