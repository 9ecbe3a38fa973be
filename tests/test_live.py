"""Cell by cell: what ran is what is on disk, and objects that are alive stay valid."""

import atexit
import contextlib
import importlib
import io
import json
import shutil
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from traitlets.config import Config

from mugrade.course.manifest import ANSWERS, CELLS, MANIFEST
from mugrade.course.model import Course
from mugrade.package.blocks import Block
from mugrade.student import checks
from mugrade.student.live import PackageFinder
from mugrade.student.reload import run_block

MEAN = "#| export stats/mean.py\n"
SCALE = "#| export stats/scale.py\n"
GOOD_MEAN = MEAN + "def mean(x):\n    return x.sum() / x.size"
IMPORTS = MEAN + '"""Means."""\n\nimport numpy as np'
INDEX = "#| export stats/__init__.py\nfrom stats.mean import mean"


@dataclass
class Output:
    """What a cell printed, and the exception that ended it."""

    text: str
    error: BaseException | None


class Kernel:
    """A kernel of a student's folder inside this process; one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.shell = InteractiveShell(config=config)
        atexit.unregister(self.shell.atexit_operations)
        self.shell.user_ns["module"] = importlib.import_module
        self.run("%load_ext mugrade\nimport numpy as np\nimport stats")

    def run(self, source: str, cell_id: str | None = None) -> Output:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            result = self.shell.run_cell(source, cell_id=cell_id)
        return Output(printed.getvalue(), result.error_before_exec or result.error_in_exec)

    def value(self, expression: str) -> Any:
        return eval(expression, self.shell.user_ns)

    def text(self, path: str) -> str:
        return (self.folder / path).read_text()

    def stop(self) -> None:
        sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, PackageFinder)]
        sys.path[:] = [p for p in sys.path if p != str(self.folder)]
        checks.current_workspace.cache_clear()
        for name in [n for n in sys.modules if n.partition(".")[0] == "stats"]:
            del sys.modules[name]

    def restart(self) -> None:
        self.stop()
        self.start()


def student_folder(course: Course, folder: Path) -> Path:
    folder.mkdir()
    for name in (MANIFEST, ANSWERS, CELLS, *(f"{stage.name}.ipynb" for stage in course.stages)):
        shutil.copy(course.root / "notebooks" / name, folder / name)
    return folder.resolve()


@pytest.fixture
def kernel(tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    folder = student_folder(tiny, tmp_path / "notebooks")
    monkeypatch.chdir(folder)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "displayhook", sys.displayhook)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    kernel = Kernel(folder)
    yield kernel
    kernel.stop()


# exporting


def test_a_cell_lands_in_its_module_when_it_has_run(kernel: Kernel) -> None:
    assert kernel.run(IMPORTS).text.strip() == "stats/mean.py: mean-imports"
    assert kernel.run(GOOD_MEAN).text.strip() == "stats/mean.py: mean"
    assert kernel.run(INDEX).error is None
    assert kernel.text("stats/mean.py").startswith('# %% mean-imports\n"""Means."""')
    assert "# %% mean\ndef mean(x)" in kernel.text("stats/mean.py")
    assert kernel.value("stats.mean(np.arange(3.0))") == 1.0
    assert kernel.value("mean.__module__") == "stats.mean"


def test_running_a_cell_again_replaces_its_block(kernel: Kernel) -> None:
    kernel.run(GOOD_MEAN)
    kernel.run(MEAN + "def mean(x):\n    return 7")
    assert kernel.text("stats/mean.py") == "# %% mean\ndef mean(x):\n    return 7\n"
    assert kernel.value("mean(1)") == 7


@pytest.mark.parametrize(
    "source", ["def mean(x): return 8\n1 / 0", "def mean(x) return", "%nomagic"]
)
def test_a_cell_that_raises_exports_nothing(kernel: Kernel, source: str) -> None:
    kernel.run(GOOD_MEAN)
    before = kernel.text("stats/mean.py")
    assert "stats/mean.py: " not in kernel.run(MEAN + source).text
    assert kernel.text("stats/mean.py") == before


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (MEAN + "known = [1]\n%time 1", "%time 1 is not Python"),
        (MEAN + "from __future__ import annotations", "beginning of the file"),
        ("#| export numpy/mean.py\nx = 1", "write stats/name.py"),
        ("#| export stats/../x.py\nx = 1", "write stats/name.py"),
        ("#| export stats/mean/x.py\nx = 1", "hide another module"),
        (MEAN + "y = hidden + 1", "NameError: name 'hidden' is not defined"),
        ("#| export\nx = 1", "write '#| export stats/name.py'"),
        ("# | export stats/x.py\nx = 1", "write '#| export stats/name.py'"),
        ("#| export stats/my x.py\nx = 1", "write '#| export stats/name.py'"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(kernel: Kernel, source: str, why: str) -> None:
    kernel.run("hidden = 3")
    kernel.run(GOOD_MEAN)
    before = kernel.text("stats/mean.py")
    output = kernel.run(source)
    assert output.error is None
    (line,) = [line for line in output.text.splitlines() if line.startswith("not exported: ")]
    assert why in line
    assert kernel.text("stats/mean.py") == before
    assert kernel.value("module('stats.mean').mean(np.ones(2))") == 1


def test_a_first_cell_that_does_not_work_leaves_no_module(kernel: Kernel) -> None:
    kernel.run("hidden = 3")
    assert "not exported" in kernel.run(SCALE + "y = hidden").text
    assert not (kernel.folder / "stats/scale.py").exists()
    assert "01_scale.ipynb" in str(kernel.run("import stats.scale").error)


def test_helpers_stand_before_what_needs_them_on_import(kernel: Kernel) -> None:
    kernel.run(MEAN + "def mean(x): return 1")
    kernel.run(MEAN + "def twice(f): return inner(f)\ndef inner(f): return f", "cell-7")
    kernel.run(MEAN + "@twice\ndef mean(x): return 2")
    kernel.run(MEAN + "def inner(f): return f", "cell-9")
    assert kernel.run(MEAN + "import math", "cell-8").error is None
    kernel.restart()
    assert kernel.value("module('stats.mean').mean(0)") == 2


def test_helpers_without_a_cell_id_do_not_replace_each_other(kernel: Kernel) -> None:
    for source in ("import math", "import json", "def one(): return 1", "two = 2"):
        kernel.run(MEAN + source)
    assert kernel.value("vars(stats.mean).keys()") >= {"math", "json", "one", "two"}


def test_a_copied_cell_counts_once(kernel: Kernel) -> None:
    for cell_id in ("original", "copy"):
        kernel.run(GOOD_MEAN, cell_id)
        kernel.run(MEAN + "def helper(): return 1", cell_id + "-2")
    assert kernel.text("stats/mean.py").count("def mean") == 1
    assert kernel.text("stats/mean.py").count("def helper") == 1


def test_a_restart_changes_nothing(kernel: Kernel) -> None:
    for source in (IMPORTS, GOOD_MEAN, INDEX):
        kernel.run(source)
    before = kernel.text("stats/mean.py")
    kernel.restart()
    assert kernel.value("stats.mean(np.arange(3.0))") == 1.0
    kernel.run(GOOD_MEAN)
    assert kernel.text("stats/mean.py") == before


def test_loading_twice_exports_once(kernel: Kernel) -> None:
    kernel.run("%reload_ext mugrade")
    assert kernel.run(GOOD_MEAN).text.count("stats/mean.py: mean") == 1


def test_a_module_imported_before_the_extension_is_followed(kernel: Kernel) -> None:
    kernel.run(GOOD_MEAN)
    kernel.stop()
    sys.path.insert(0, str(kernel.folder))
    old = importlib.import_module("stats.mean")
    kernel.start()
    kernel.run(MEAN + "def mean(x): return 5")
    assert old.mean(0) == 5


def test_future_imports_hold_for_the_whole_module(kernel: Kernel) -> None:
    for _ in range(2):
        kernel.run(MEAN + "from __future__ import annotations", "mean-imports")
        kernel.run(MEAN + "def mean(x: Unknown) -> Unknown: return 1")
        assert kernel.value("module('stats.mean').mean.__annotations__['x']") == "Unknown"
        kernel.restart()
        assert kernel.value("module('stats.mean').mean.__annotations__['x']") == "Unknown"


def test_annotations_are_those_of_the_last_run(kernel: Kernel) -> None:
    kernel.run("from dataclasses import dataclass, fields")
    kernel.run(MEAN + "from dataclasses import dataclass", "mean-imports")
    for annotation, expected in (("x: int", {"x": int}), ("x", {}), ("x: str", {"x": str})):
        kernel.run(MEAN + f"def mean({annotation}): return 1")
        assert kernel.value("module('stats.mean').mean.__annotations__") == expected
    for names in ("ab", "bc", ""):
        lines = "".join(f"    {name}: int = 1\n" for name in names)
        kernel.run(MEAN + f"@dataclass\nclass Point:\n{lines}    pass")
        assert kernel.value("[f.name for f in fields(Point)]") == list(names)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are computed at once")
def test_annotations_may_name_what_is_not_there_yet(kernel: Kernel) -> None:
    for body in ("1", "2"):
        assert "not exported" not in kernel.run(MEAN + f"def mean(x: Later): return {body}").text
        assert kernel.value("mean(0)") == int(body)
    kernel.run(MEAN + "class Later: pass", "later")
    assert kernel.value("mean.__annotations__['x'] is stats.mean.Later")


def test_names_that_only_the_notebook_knows_are_reported(kernel: Kernel) -> None:
    kernel.run("scale, other, x = 2, 3, 4")
    text = kernel.run(
        MEAN + "def mean(x):\n    def inner(other): return np.sum(x) * scale\n    return inner"
    ).text
    assert "note: np, scale is known in the notebook but not in stats/mean.py" in text
    assert "note" not in kernel.run(MEAN + "import numpy as np\nscale = 1", "mean-imports").text
    assert "note" not in kernel.run(MEAN + "def mean(x): return np.sum(x) * scale").text


def test_a_read_only_folder_is_said_in_one_line(kernel: Kernel) -> None:
    shutil.rmtree(kernel.folder / "stats")
    (kernel.folder / "stats").write_text("in the way")
    output = kernel.run(GOOD_MEAN)
    assert output.error is None
    assert output.text.count("\n") == 1
    assert "not exported: " in output.text and "cannot be" in output.text
    kernel.stop()
    assert kernel.run("%load_ext mugrade").error is None


def test_garbage_on_disk_is_named_and_mended_by_running_the_cell(kernel: Kernel) -> None:
    kernel.run(IMPORTS)
    kernel.run(GOOD_MEAN)
    file = kernel.folder / "stats/mean.py"
    file.write_text(file.read_text().replace("def mean(x):", "def mean(x:"))
    assert "stats/mean.py has changed but does not run" in kernel.run("x = 1").text
    assert kernel.run("x = 1").text == ""
    assert kernel.value("module('stats.mean').mean(np.ones(3))") == 1
    assert "not exported: stats/mean.py would be no module" in kernel.run(IMPORTS).text
    kernel.run(GOOD_MEAN)
    assert "not exported" not in kernel.run(IMPORTS).text
    kernel.restart()
    assert kernel.value("module('stats.mean').mean(np.ones(3))") == 1


@pytest.mark.parametrize("garbage", [b"def (", b"\xff\x00\x12", b"\x00"])
def test_garbage_never_breaks_the_kernel(kernel: Kernel, garbage: bytes) -> None:
    kernel.run(GOOD_MEAN)
    (kernel.folder / "stats/mean.py").write_bytes(garbage)
    output = kernel.run(GOOD_MEAN)
    assert output.error is None
    assert "not exported: " in output.text and "Traceback" not in output.text
    kernel.restart()
    assert "Traceback" not in kernel.run(GOOD_MEAN).text
    (kernel.folder / "stats/mean.py").unlink()
    assert kernel.run(GOOD_MEAN).text == "stats/mean.py: mean\n"


def test_a_traceback_shows_the_lines_of_the_cell(kernel: Kernel) -> None:
    kernel.run(MEAN + "def other():\n    return 0")
    kernel.run(MEAN + "def mean(x):\n    y = x\n    return y / 0  # here")
    assert "# here" in kernel.run("mean(1)").text
    kernel.restart()
    kernel.run(MEAN + "\n\n\n\ndef other():\n\n\n    return 0")
    assert "# here" in kernel.run("module('stats.mean').mean(1)").text


def test_state_is_reset_by_running_its_cell_again(kernel: Kernel) -> None:
    kernel.run(MEAN + "seen = []")
    kernel.run("seen.append(1)")
    kernel.run(MEAN + "seen = []")
    assert kernel.value("seen") == kernel.value("module('stats.mean').seen") == []


def test_an_interrupt_while_exporting_restores_the_module(kernel: Kernel) -> None:
    kernel.run(GOOD_MEAN)
    source = MEAN + "def mean(x): return 2\nif __name__ != '__main__': raise KeyboardInterrupt"
    assert "not exported" in kernel.run(source).text
    assert kernel.value("module('stats.mean').mean(np.ones(2))") == 1
    assert "KeyboardInterrupt" not in kernel.text("stats/mean.py")


# what is not there


@pytest.mark.parametrize(
    "source",
    [
        "import stats.scale",
        "from stats import scale",
        "from stats.scale import Scaler",
        "stats.scale",
        "stats.Scaler",
        "from stats import Scaler",
        "from stats import noise as n",
    ],
)
def test_an_unbuilt_part_says_who_builds_it(kernel: Kernel, source: str) -> None:
    output = kernel.run(source)
    assert len(output.text.strip().splitlines()) == 1
    assert "01_scale.ipynb" in output.text and "mugrade take 01" in output.text


@pytest.mark.parametrize(
    "source", ["from stats.scale import noise", "import stats.scale\nstats.scale.noise"]
)
def test_an_unbuilt_exercise_of_a_started_module_says_so(kernel: Kernel, source: str) -> None:
    kernel.run(SCALE + "import numpy as np")
    kernel.restart()
    assert "01_scale.ipynb" in kernel.run(source).text


@pytest.mark.parametrize("source", ["from stats import scale", "scale = stats.scale"])
def test_a_built_part_is_found_however_it_is_asked_for(kernel: Kernel, source: str) -> None:
    kernel.run(SCALE + "def noise(n): return n")
    kernel.restart()
    assert kernel.run(source).error is None
    assert kernel.value("scale.noise(4)") == 4


def test_a_misspelt_name_is_an_ordinary_error(kernel: Kernel) -> None:
    assert isinstance(kernel.run("stats.maen").error, AttributeError)
    assert isinstance(kernel.run("import stats.maen").error, ModuleNotFoundError)
    assert not kernel.value("hasattr(stats, '_private')")


def test_an_unwritten_exercise_is_one_sentence(kernel: Kernel) -> None:
    kernel.run(MEAN + "def mean(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()")
    for _ in range(2):
        output = kernel.run("module('stats.mean').mean(1)")
        assert isinstance(output.error, NotImplementedError)
        assert output.text == (
            "mean is not written yet: fill its cell in and run it, then this one\n"
        )
        kernel.restart()
    assert "Traceback" in kernel.run("raise NotImplementedError('on purpose')").text


# objects that are alive


def module_of(*sources: str) -> types.ModuleType:
    module = types.ModuleType("live")
    for source in sources:
        run_block(Block("b", textwrap.dedent(source)), module)
    return module


def rerun(module: types.ModuleType, source: str) -> None:
    run_block(Block("b", textwrap.dedent(source)), module)


CLASSES = {
    "plain": "class A{bases}:\n    def f(self): return {value}",
    "slots": "class A{bases}:\n    __slots__ = ('x',)\n    def f(self): return {value}",
    "super": "class A{bases}:\n    def __init__(self): super().__init__()\n"
    "    def f(self): super().__repr__(); return {value}",
    "property": "class A{bases}:\n    @property\n    def g(self): super(); return {value}\n"
    "    def f(self): return self.g",
    "classmethod": "class A{bases}:\n    @classmethod\n    def g(cls): super(); return {value}\n"
    "    def f(self): return self.g()",
    "staticmethod": "class A{bases}:\n    @staticmethod\n    def g(): return {value}\n"
    "    def f(self): return A.g()",
    "dataclass": "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A{bases}:\n"
    "    x: int = {value}\n    def f(self): return self.__class__().x",
    "wrapped": "import functools\ndef deco(g): return lambda *a: g(*a)\nclass A{bases}:\n"
    "    @deco\n    def f(self): super().__repr__(); return {value}",
    "cached": "import functools\nclass A{bases}:\n    @functools.cache\n    def g(self, v):"
    " super().__repr__(); return {value}\n    def f(self): return self.g({value})",
    "abstract": "import abc\nclass A(abc.ABC):\n    def f(self): super(); return {value}",
    "generic": "import typing\nclass A(typing.Generic[typing.TypeVar('T')]):\n"
    "    def f(self): return {value}",
}


@pytest.mark.parametrize("kind", CLASSES)
def test_instances_made_before_are_instances_of_the_new_class(kind: str) -> None:
    versions = [CLASSES[kind].format(bases="", value=value) for value in (1, 2)]
    module = module_of("class Base: pass", versions[0])
    cls, x = module.A, module.A()
    assert x.f() == 1
    rerun(module, versions[1])
    assert module.A is cls and isinstance(x, module.A)
    assert x.f() == module.A().f() == 2


attributes = st.dictionaries(
    st.sampled_from(["a", "b", "c", "__len__", "__doc__"]), st.integers(0, 9)
)


def class_source(members: dict[str, int]) -> str:
    lines = [
        f"    {name} = 'doc{n}'" if name == "__doc__" else f"    def {name}(self): return {n}"
        for name, n in members.items()
    ]
    return "\n".join(["class A:", "    x: int = 0", *lines])


@given(attributes, attributes)
def test_a_class_in_use_becomes_what_a_fresh_one_would_be(old: dict, new: dict) -> None:
    module, fresh = module_of(class_source(old)), module_of(class_source(new))
    instance = module.A()
    rerun(module, class_source(new))
    assert vars(module.A).keys() == vars(fresh.A).keys()
    assert module.A.__doc__ == fresh.A.__doc__
    for name in new.keys() - {"__doc__"}:
        assert getattr(instance, name)() == new[name]


@given(attributes, attributes)
def test_a_block_that_raises_changes_nothing(old: dict, new: dict) -> None:
    module = module_of(class_source(old) + "\ndef f(): return 1")
    scope, members = dict(vars(module)), dict(vars(module.A))
    with pytest.raises(ZeroDivisionError):
        rerun(module, class_source(new) + "\ndef f(): return 2\nextra = 1 / 0")
    assert vars(module) == scope and dict(vars(module.A)) == members
    assert module.f() == 1


def test_subclasses_follow_their_base() -> None:
    module = module_of("class A:\n    def f(self): return 1")
    other = module_of("")
    other.A = module.A
    rerun(other, "class B(A):\n    def f(self): return super().f() + 10")
    b = other.B()
    rerun(module, "class A:\n    def f(self): return 2")
    assert b.f() == 12 and isinstance(b, module.A)
    rerun(module, "class A:\n    def f(self): return 3\nclass C(A): pass\nc = C()")
    assert isinstance(module.c, module.A) and module.c.f() == 3


def test_a_base_can_be_exchanged() -> None:
    module = module_of("class A: x = 1", "class B: x = 2", "class C(A): pass")
    c = module.C()
    rerun(module, "class C(B): pass")
    assert isinstance(c, module.C) and isinstance(c, module.B) and c.x == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("def f(): return 1", "def f(a=2): return a"),
        ("def f(*, k=1): return k", "def f(*, k=2): return k"),
        (
            "def deco(g):\n    def inner(): return g()\n    inner.__qualname__ = 'f'\n"
            "    return inner\n@deco\ndef f(): return 1",
            "@deco\ndef f(): return 2",
        ),
        (
            "from contextlib import contextmanager\n@contextmanager\ndef g(): yield 1\n"
            "def f():\n    with g() as x: return x",
            "@contextmanager\ndef g(): yield 2",
        ),
    ],
)
def test_functions_imported_elsewhere_follow(first: str, second: str) -> None:
    module = module_of(first)
    imported = module.f
    assert imported() == 1
    rerun(module, second)
    assert imported() == 2 and module.f is imported


def test_an_alias_keeps_its_own_code() -> None:
    module = module_of("def f(): return 1\ng = f\nclass A: x = 1\nB = A")
    rerun(module, "def g(): return 2\nclass B: x = 2")
    assert (module.f(), module.g(), module.A.x, module.B.x) == (1, 2, 1, 2)


def test_functions_of_another_module_are_left_alone() -> None:
    module = module_of("from textwrap import dedent as f")
    rerun(module, "from textwrap import indent as f")
    assert textwrap.dedent("  a") == "a"


LAYOUTS = {
    "slots": ("class A: __slots__ = 'x'", "class A: __slots__ = 'y'"),
    "base": ("class A: pass", "class A(dict): pass"),
    "enum": ("import enum\nclass A(enum.Enum): X = 1", "import enum\nclass A(enum.Enum): X = 2"),
    "namedtuple": (
        "from collections import namedtuple\nA = namedtuple('A', 'x')",
        "from collections import namedtuple\nA = namedtuple('A', 'y')",
    ),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_class_that_cannot_be_kept_asks_for_a_restart(kernel: Kernel, kind: str) -> None:
    first, second = LAYOUTS[kind]
    assert "restart" not in kernel.run(MEAN + first).text
    kernel.run(SCALE + "from stats.mean import A")
    lines = kernel.run(MEAN + second).text.splitlines()
    assert len(lines) == 2 and "note: A" in lines[1] and "restart the kernel" in lines[1]
    assert kernel.value("A is stats.mean.A is stats.scale.A")


def test_what_another_module_imported_follows(kernel: Kernel) -> None:
    kernel.run(MEAN + "import functools\nEPS = 1000\n@functools.cache\ndef one(): return 1")
    kernel.run(SCALE + "from stats.mean import EPS, one\ndef both(): return EPS, one()")
    kernel.run("from stats.mean import one")
    kernel.run(MEAN + "import functools\nEPS = 2000\n@functools.cache\ndef one(): return 2")
    assert kernel.value("stats.scale.both()") == (2000, 2)
    assert kernel.value("one()") == 2


small = st.sampled_from(["a", "b", "c"])
statements = st.one_of(
    st.builds("def {}(): return {}".format, small, st.integers(0, 3)),
    st.builds("{} = {}".format, small, st.integers(0, 3)),
    st.builds("import {} as {}".format, st.sampled_from(["json", "math"]), small),
)
exports = st.tuples(
    st.sampled_from([None, "mean", "h1", "h2"]), st.lists(statements, min_size=1, max_size=3)
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(exports, max_size=6))
def test_what_is_in_memory_is_what_is_on_disk(kernel: Kernel, history: list) -> None:
    (kernel.folder / "stats/mean.py").unlink(missing_ok=True)
    kernel.restart()
    for cell_id, lines in history:
        kernel.run(MEAN + "\n".join(lines), cell_id)
    live = visible(sys.modules.get("stats.mean"))
    kernel.restart()
    fresh = importlib.import_module("stats.mean") if history else None
    assert live == visible(fresh)


def visible(module: types.ModuleType | None) -> dict[str, Any]:
    names = {n: v for n, v in vars(module).items() if n in "abc"} if module else {}
    return {n: v() if isinstance(v, types.FunctionType) else v for n, v in names.items()}


# two kernels


DRIVER = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell(config=config)
for line in sys.stdin:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = shell.run_cell(json.loads(line))
    print(json.dumps([printed.getvalue(), repr(result.result)]), flush=True)
"""


class RemoteKernel:
    """A kernel in a process of its own."""

    def __init__(self, folder: Path) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", DRIVER], cwd=folder, **pipes)

    def send(self, source: str) -> None:
        print(json.dumps(source), file=self.process.stdin, flush=True)

    def receive(self) -> list[str]:
        """What the cell printed, and its value's repr."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def run(self, source: str) -> list[str]:
        self.send(source)
        return self.receive()

    def stop(self) -> None:
        self.process.communicate()


@pytest.fixture
def remote(tiny: Course, tmp_path: Path) -> Iterator[list[RemoteKernel]]:
    """Three kernels on one folder."""
    folder = student_folder(tiny, tmp_path / "notebooks")
    kernels = [RemoteKernel(folder) for _ in range(3)]
    for kernel in kernels:
        kernel.send("%load_ext mugrade\nimport numpy as np\nimport stats")
    for kernel in kernels:
        kernel.receive()
    yield kernels
    for kernel in kernels:
        kernel.stop()


def test_two_kernels_see_each_other(remote: list[RemoteKernel]) -> None:
    one, two = remote[0].run, remote[1].run
    for source in (IMPORTS, GOOD_MEAN, INDEX, SCALE + "from stats.mean import mean"):
        one(source)
    assert two("float(stats.mean(np.ones(3)))")[1] == "1.0"
    two("from stats import scale, mean\nf = stats.mean")
    one(MEAN + "def mean(x): return 'new'")
    assert two("mean(0), f(0), scale.mean(0), stats.mean(0)")[1] == repr(("new",) * 4)
    two(MEAN + "def mean(x): return 'newer'")
    assert one("mean(0)")[1] == "'newer'"
    one(MEAN + "class A: __slots__ = 'x'")
    two("from stats.mean import A")
    one(MEAN + "class A: __slots__ = 'y'")
    text, value = two("A.__slots__")
    assert value == "'y'" and "restart the kernel" in text


def test_changes_that_need_each_other_are_taken_over_together(remote: list[RemoteKernel]) -> None:
    one, two = remote[0].run, remote[1].run
    one(INDEX.replace("stats.mean", "math").replace("mean", "pi"))
    one(SCALE + "one = 1")
    one(MEAN + "one = 1")
    two("from stats import scale; import stats.mean as m")
    one(MEAN + "one = 1\ntwo = 2")
    one(SCALE + "from stats.mean import two\none = 1\nthree = two + 1")
    one("#| export stats/__init__.py\nfrom stats.scale import three")
    assert two("stats.three")[1] == "3"


def test_concurrent_exports_lose_nothing(remote: list[RemoteKernel]) -> None:
    for name, kernel in zip("xyz", remote, strict=True):
        kernel.send(
            "export = get_ipython().events.callbacks['post_run_cell'][-1].__self__.export\n"
            "for i in range(20):\n"
            f"    export(f'def {name}{{i}}(): return i', 'stats/mean.py', f'{name}{{i}}')"
        )
    for kernel in remote:
        kernel.receive()
    names = {f"{name}{i}" for name in "xyz" for i in range(20)}
    for kernel in remote:
        assert kernel.run(f"import stats.mean; {names!r} - vars(stats.mean).keys()")[1] == "set()"


def test_real_kernels_export_what_their_notebook_says(tiny: Course, tmp_path: Path) -> None:
    folder = student_folder(tiny, tmp_path / "notebooks")
    sources = ["%load_ext mugrade\nimport numpy as np\nimport stats", IMPORTS, GOOD_MEAN, INDEX]
    sources += ["stats.mean(np.ones(2))", "stats.scale", "from stats.scale import Scaler"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=60, allow_errors=True, resources=where).execute()
    outputs = [[o.output_type for o in cell.outputs] for cell in notebook.cells]
    assert outputs == [[], *[["stream"]] * 3, ["execute_result"], ["error"], ["error"]]
    assert all(len(cell.outputs[0].traceback) == 1 for cell in notebook.cells[-2:])


# commands


def test_a_command_runs_in_a_cell_with_the_kernels_own_python(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")
    kernel.run(IMPORTS)
    kernel.run(MEAN + "def mean(x):\n    return x.sum()")
    told = kernel.run("%mugrade check 00").text
    assert "mean_of_three" in told and "00_mean" in told and "\x1b" not in told
    assert "━" not in told
    assert "What is a mean?" in kernel.run("%mugrade hint mean").text
    assert "mean" in kernel.run("%mugrade hint").text
    assert "no hints for nothing" in kernel.run("%mugrade hint nothing").text


def test_where_a_cell_is_taken_for_a_terminal_nothing_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mugrade.cli.shared import console

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    assert console().is_terminal
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert not console().is_terminal


def test_the_index_appears_with_what_it_offers(kernel: Kernel) -> None:
    kernel.run(IMPORTS)
    assert kernel.text("stats/__init__.py") == ""
    kernel.run(GOOD_MEAN)
    assert "from stats.mean import mean" in kernel.text("stats/__init__.py")
    assert kernel.value("stats.mean is mean")


def test_an_index_that_does_not_run_yet_is_said_and_taken_back(kernel: Kernel) -> None:
    kernel.run(IMPORTS)
    told = kernel.run(MEAN + "if not np:\n    def mean(x):\n        return x.sum() / x.size").text
    assert "note: stats/__init__.py does not offer it yet: " in told
    assert kernel.text("stats/__init__.py").strip() == ""
    kernel.run(GOOD_MEAN)
    assert kernel.value("stats.mean(np.ones(3))") == 1
