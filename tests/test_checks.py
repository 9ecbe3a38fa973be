"""`@check` in a notebook: one line when it passes, at most eight when not, and nothing breaks."""

import base64
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.manifest import ANSWERS
from mugrade.course.model import Course
from mugrade.errors import CourseError, WorkspaceError
from mugrade.sandbox.loader import Piece, load_package
from mugrade.student.checks import passing
from mugrade.student.progress import stage_progress, take_stage
from mugrade.student.workspace import Workspace
from mugrade.values.observe import observe, rng, seed_of
from mugrade.view import visible
from tests.test_live import GOOD_MEAN, IMPORTS, INDEX, MEAN, SCALE, Kernel, student_folder
from tests.test_panels import Tree

CHECK = '''@check
def mean_of_three():
    """A mean divides by the number of entries."""
    yield stats.mean(np.array([1.0, 2.0, 6.0]))
'''


@pytest.fixture
def kernel(tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    folder = student_folder(tiny, tmp_path / "notebooks")
    monkeypatch.chdir(folder)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "displayhook", sys.displayhook)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    kernel = Kernel(folder)
    kernel.run("from mugrade import check, rng")
    for source in (IMPORTS, GOOD_MEAN, INDEX):
        kernel.run(source)
    yield kernel
    kernel.stop()


def answer(kernel: Kernel, body: str) -> str:
    """The output of the check for this body of `mean`."""
    kernel.run(f"{MEAN}def mean(x):\n    {body}")
    return kernel.run(CHECK).text


def test_a_check_that_passes_prints_one_line(kernel: Kernel) -> None:
    output = kernel.run(CHECK)
    assert output.text == f"mean_of_three   {visible.PASS}\n" and output.error is None


def test_a_check_that_passed_counts_as_long_as_its_code_is_the_same(kernel: Kernel) -> None:
    workspace = Workspace.find(Path.cwd())
    assert passing(workspace, "mean") == set()
    kernel.run(CHECK)
    assert passing(workspace, "mean") == {"mean-of-three"}
    kernel.run(f"{MEAN}def mean(x):\n    return x.sum() / 4")
    assert passing(workspace, "mean") == set()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return np.array([1.0])", "shape (1,)"),
        ("return np.float32(3.0)", "dtype float32"),
        ("return x.sum() / 2", "4.5"),
        ("return 3.0", "a float"),
        ("return [3.0]", "a list"),
        ("return np.array(['a'])", "array of"),
        ("pass", "None"),
        ("return {}['gone']", "KeyError: 'gone'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return mean(x)", "RecursionError"),
        ("# YOUR CODE HERE\n    raise NotImplementedError()", "not written yet"),
        ("import stats\n    return stats.noise(3)", "or: mugrade take 01"),
        ("return nowhere", "name 'nowhere' is not defined"),
    ],
)
def test_what_is_wrong_is_told_apart(kernel: Kernel, body: str, said: str) -> None:
    text = answer(kernel, body)
    lines = text.splitlines()
    assert lines[0] == "mean_of_three   0 of 2 points" and len(lines) <= 8
    assert lines[1].startswith("  you") and said in lines[1]
    assert "A mean divides by the number of entries." in text or "  mistake " in text
    assert "stats.mean(np.array([1.0, 2.0, 6.0]))" in text and "mugrade hint mean" in text


def test_a_mistake_in_an_earlier_stage_is_looked_for_there(kernel: Kernel, tiny: Course) -> None:
    check = """@check
def scaler_centres():
    x = np.arange(6.0)
    yield Scaler(x)(x)
"""
    scaler = """import numpy as np
from stats.mean import mean
class Scaler:
    def __init__(self, x):
        self.centre = mean(x)
        self.width = np.sqrt(mean((x - self.centre) ** 2))
    def __call__(self, x):
        return (x - self.centre) / self.width
"""
    kernel.run(SCALE + scaler)
    assert kernel.run(check).error is None
    answer(kernel, "return x.max()")
    text = kernel.run(check).text
    assert "look at 00_mean first: mean_of_three failed there when it last ran" in text
    assert len(text.splitlines()) <= 8
    take_stage(Workspace.find(kernel.folder), "00_mean", tiny.root)
    kernel.run(SCALE + scaler.replace("self.width\n", "self.width ** 3\n"))
    text = kernel.run(check).text
    assert "0 of 3 points" in text and "00_mean" not in text


@pytest.mark.parametrize(
    "body",
    [
        "print('hello')",
        "import sys; print('hello', file=sys.stderr)",
        "import os; os.write(2, b'hello'); os.write(1, b'hello')",
        "import os; os.system('echo hello >&2')",
        "import os; os.close(2)",
        "import warnings; warnings.warn('hello')",
        "import warnings; warnings.simplefilter('error')",
        "np.seterr(all='raise')",
        "import logging; logging.warning('hello')",
        "import logging, sys; logging.getLogger('a').addHandler(logging.StreamHandler());"
        " logging.getLogger('a').error('hello')",
        "import sys, io; sys.stdout = sys.stderr = io.StringIO()",
        "np.random.seed(0)",
    ],
)
def test_noise_never_fails_a_check(kernel: Kernel, body: str) -> None:
    state, errors, streams = np.random.get_state(), np.geterr(), (sys.stdout, sys.stderr)
    text = answer(kernel, f"{body}\n    return x.sum() / x.size")
    assert text.rstrip().endswith(visible.PASS)
    assert (sys.stdout, sys.stderr) == streams and np.geterr() == errors
    assert all(map(np.array_equal, state, np.random.get_state()))
    os.fstat(2)
    assert kernel.run(CHECK).error is None


@pytest.mark.parametrize("filter", ["warnings.simplefilter('error')", "np.seterr(all='raise')"])
def test_a_strict_notebook_does_not_fail_a_check(kernel: Kernel, filter: str) -> None:
    with warnings.catch_warnings(), np.errstate():
        kernel.run(f"import warnings\n{filter}")
        text = answer(kernel, "np.log(np.zeros(2))\n    return x.sum() / x.size")
    assert text.rstrip().endswith(visible.PASS)


def test_an_interrupt_ends_a_check_and_nothing_else(kernel: Kernel) -> None:
    kernel.run(f"{MEAN}def mean(x): raise KeyboardInterrupt")
    assert isinstance(kernel.run(CHECK).error, KeyboardInterrupt)
    kernel.run(GOOD_MEAN)
    assert kernel.run(CHECK).error is None


def test_a_check_knows_its_course_after_a_change_of_directory(kernel: Kernel) -> None:
    kernel.run("import os; os.chdir('/')")
    assert kernel.run(CHECK).error is None


def test_a_check_that_is_not_the_courses_says_so(kernel: Kernel) -> None:
    text = kernel.run("@check\ndef my_own():\n    yield 1").text
    assert text.strip() == "my_own is no check of this course"


@pytest.mark.parametrize("text", ["", "[]", '{"mean-of-three": 3}', "{}"])
def test_broken_answers_are_one_sentence(kernel: Kernel, text: str) -> None:
    (kernel.folder / ANSWERS).write_text(text)
    output = kernel.run(CHECK).text
    assert len(output.splitlines()) == 1 and "no recorded answers" in output


def test_a_notebook_outside_the_course_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkspaceError, match="work in the folder of the course's notebooks"):
        Workspace.find(tmp_path)
    (tmp_path / "course.json").write_text("{")
    with pytest.raises(WorkspaceError, match="is broken"):
        Workspace.find(tmp_path)


def test_a_folder_that_cannot_be_written_costs_no_check(kernel: Kernel) -> None:
    shutil.rmtree(kernel.folder / ".mugrade")
    (kernel.folder / ".mugrade").write_text("in the way")
    output = kernel.run(CHECK)
    assert output.error is None and "cannot be written" in output.text
    assert output.text.rstrip().endswith(visible.PASS)


def test_a_lock_that_is_held_is_named(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.find(kernel.folder)
    monkeypatch.setattr("mugrade.student.workspace.LOCK_SECONDS", 0.05)
    with (
        workspace.lock(),
        pytest.raises(WorkspaceError, match="another notebook"),
        workspace.lock(),
    ):
        pass


# observing


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(max_dims=3, min_dims=0)))
def test_arrays_are_observed_as_they_are(array: np.ndarray) -> None:
    def yields() -> Iterator[Any]:
        yield array
        array[...] = 0

    before = array.copy()
    (value,) = observe(yields, 0)
    if array.dtype.kind in "biufc":
        assert value.array is not None and value.array.dtype == before.dtype
        np.testing.assert_array_equal(value.array, before)
    else:
        assert value.kind == "no datum"


@given(st.text(max_size=5))
def test_inputs_depend_on_the_check_and_nothing_else(id: str) -> None:
    def yields() -> Iterator[Any]:
        yield rng.random(3)
        yield np.random.random(3)

    np.random.seed()
    seed = seed_of(id)
    first, second = observe(yields, seed), observe(yields, seed)
    for a, b in zip(first, second, strict=True):
        assert a.array is not None and b.array is not None
        np.testing.assert_array_equal(a.array, b.array)


def test_an_exception_ends_the_values_and_knows_its_line() -> None:
    def yields() -> Iterator[Any]:
        yield np.ones(1)
        raise ValueError("first line\nsecond line")

    one, two = observe(yields, 0)
    assert (one.kind, one.line) == ("array", 1)
    assert (two.kind, two.line, two.text) == ("error", 2, "ValueError: first line")


@pytest.mark.parametrize("function", [lambda: None, lambda: [1, 2]])
def test_a_check_without_a_yield_has_no_values(function: Callable[[], Any]) -> None:
    assert observe(function, 0) == []


def test_standard_error_goes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()

    def yields() -> Iterator[Any]:
        print("one", file=sys.stderr)
        os.write(2, b"two\n")
        handler.emit(logging.makeLogRecord({"msg": "three"}))
        yield np.ones(1)

    observe(yields, 0)
    out, err = capfd.readouterr()
    assert "one" in out and "two" in out and "one" not in err and "two" not in err


# the grader's importer


@pytest.fixture
def forget() -> Iterator[None]:
    before = list(sys.meta_path)
    yield
    sys.meta_path[:] = before
    for name in [n for n in sys.modules if n.partition(".")[0] == "graded"]:
        del sys.modules[name]


def test_a_block_that_fails_costs_only_itself(forget: None) -> None:
    pieces = [
        Piece("future", "from __future__ import annotations"),
        Piece("good", "def f(x: Unknown): return 1"),
        Piece("bad", "1 / 0", "g = 'stub'"),
        Piece("exit", "raise SystemExit"),
        Piece("garbage", "def ("),
    ]
    modules = {"graded/deep/down.py": pieces, "graded/deep.py": [Piece("no", "h = 1")]}
    failures = load_package(modules)
    assert failures.keys() == {"bad", "exit", "garbage"}
    down = sys.modules["graded.deep.down"]
    assert down.f(0) == 1 and down.g == "stub"


# taking a stage, and what `mugrade status` says


def test_status_follows_what_a_student_does(kernel: Kernel, tiny: Course) -> None:
    def status(stage: str) -> tuple[int, int, int, int]:
        progress = stage_progress(Workspace.find(kernel.folder), stage)
        return progress.built, progress.taken, progress.passing, progress.points

    assert status("00_mean") == (1, 0, 0, 0)
    kernel.run(CHECK)
    assert status("00_mean") == (1, 0, 1, 2)
    answer(kernel, "# YOUR CODE HERE\n    raise NotImplementedError()")
    assert status("00_mean") == (0, 0, 0, 0)
    assert status("01_scale") == (0, 0, 0, 0)
    take_stage(Workspace.find(kernel.folder), "01_scale", tiny.root)
    assert status("01_scale") == (2, 2, 0, 0)
    kernel.run(SCALE + "def noise(n): return np.random.randn(n)")
    assert status("01_scale") == (2, 1, 0, 0)


def states(kernel: Kernel, stage: str) -> list[str]:
    progress = stage_progress(Workspace.find(kernel.folder), stage)
    return [check.state for check in progress.every_check]


def test_what_changed_since_it_passed_is_told(kernel: Kernel, tiny: Course) -> None:
    assert states(kernel, "00_mean") == ["not run"]
    kernel.run(CHECK)
    kernel.run(GOOD_MEAN)
    assert states(kernel, "00_mean") == ["passes"]
    kernel.run(GOOD_MEAN.replace("x.size", "len(x)"))
    progress = stage_progress(Workspace.find(kernel.folder), "00_mean")
    assert states(kernel, "00_mean") == ["changed"]
    assert (progress.changed, progress.passing, progress.points) == (1, 0, 0)
    kernel.run(CHECK)
    assert states(kernel, "00_mean") == ["passes"]
    answer(kernel, "return x.max()")
    (item,) = stage_progress(Workspace.find(kernel.folder), "00_mean").items
    assert (item.state, item.checks[0].state, item.checks[0].changed) == ("built", "fails", True)
    take_stage(Workspace.find(kernel.folder), "00_mean", tiny.root)
    (item,) = stage_progress(Workspace.find(kernel.folder), "00_mean").items
    assert (item.state, item.checks[0].state) == ("taken", "fails")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"mean-of-three": true}', "passes"),
        ('{"mean-of-three": false}', "fails"),
        ('{"mean-of-three": {"passed": true, "good": "0"}}', "changed"),
        ('{"mean-of-three": {}, "gone": 3}', "fails"),
        ("[]", "not run"),
        ("{", "not run"),
    ],
)
def test_progress_files_of_old_and_broken_ones_are_read(
    kernel: Kernel, text: str, expected: str
) -> None:
    state = kernel.folder / ".mugrade"
    state.mkdir(exist_ok=True)
    (state / "progress.json").write_text(text)
    assert states(kernel, "00_mean") == [expected]
    kernel.run(CHECK)
    assert states(kernel, "00_mean") == ["passes"]


def test_a_taken_stage_is_there_at_the_next_cell(kernel: Kernel, tiny: Course) -> None:
    kernel.run(f"{MEAN}def mean(x):\n    return 0\ndef own(): return 1", "helper")
    kernel.run("before = stats.mean")
    paths = take_stage(Workspace.find(kernel.folder), "00_mean", tiny.root)
    assert paths == ["stats/mean.py", "stats/__init__.py"]
    kernel.run("x = 1")
    assert kernel.value("before(np.ones(4)), stats.mean(np.ones(4))") == (1, 1)
    assert "# %% mean taken" in kernel.text("stats/mean.py")
    kernel.run(GOOD_MEAN)
    assert "taken" not in kernel.text("stats/mean.py").partition("# %% mean\n")[2]


def test_a_course_without_solutions_has_nothing_to_take(kernel: Kernel, tmp_path: Path) -> None:
    workspace = Workspace.find(kernel.folder)
    with pytest.raises(CourseError, match=r"has no solutions .* --course"):
        take_stage(workspace, "01_scale", kernel.folder)
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "00_x.py").touch()
    with pytest.raises(CourseError, match="missing or broken"):
        take_stage(workspace, "01_scale", tmp_path)


def test_an_unknown_name_asks_for_the_cells_above(kernel: Kernel) -> None:
    assert "  try       run the cells above" in answer(kernel, "return nowhere")


def test_nothing_is_taken_if_one_stage_does_not_exist(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kernel.folder)
    outcome = CliRunner().invoke(app, ["take", "00", "77"])
    assert outcome.exit_code == 1
    assert outcome.output == "no stage 77: there are 00_mean, 01_scale\n"


@pytest.mark.parametrize("command", [["status"], ["take", "00"], ["hint", "mean"]])
def test_a_folder_without_a_course_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(app, command)
    assert outcome.exit_code == 1
    assert outcome.output.startswith(f"no course.json in {tmp_path} or above it")
    assert outcome.output.endswith("; mugrade start makes one\n")


def test_a_kernel_beside_the_course_is_told_where_it_is(
    tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny.root / "notebooks", tmp_path / "a course")
    with pytest.raises(
        WorkspaceError, match=r'notebooks: cd "a course", in a cell %cd "a course"$'
    ):
        Workspace.find(tmp_path)


def test_a_module_that_cannot_be_read_is_one_sentence(kernel: Kernel) -> None:
    (kernel.folder / "stats").mkdir(exist_ok=True)
    (kernel.folder / "stats/mean.py").write_bytes(b"\xff")
    with pytest.raises(WorkspaceError, match=r"not UTF-8 text\): move it away") as caught:
        Workspace.find(kernel.folder).read_module("stats/mean.py")
    assert caught.value._render_traceback_() == [str(caught.value)]


def test_half_an_exercise_is_not_built(kernel: Kernel, tiny: Course) -> None:
    kernel.run(SCALE + "class Scaler: pass")
    progress = stage_progress(Workspace.find(kernel.folder), "01_scale")
    assert (progress.built, progress.exercises) == (1, 2)


def test_a_real_kernel_shows_messages_and_survives(tiny: Course, tmp_path: Path) -> None:
    folder = student_folder(tiny, tmp_path / "notebooks")
    noisy = (
        "import logging, os, sys, warnings\nlogging.basicConfig()\n"
        + MEAN
        + "def mean(x):\n    import logging, os, sys, warnings\n    logging.error('a')\n"
        "    os.write(2, b'b')\n    warnings.warn('c')\n    os.system('echo d >&2')\n"
        "    return x.sum() / x.size"
    )
    sources = ["%load_ext mugrade\nimport numpy as np\nimport stats\nfrom mugrade import check"]
    sources += [IMPORTS, noisy, INDEX, CHECK, MEAN + "def mean(x): return x.sum()", CHECK]
    sources += [MEAN + "def mean(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"]
    sources += ["stats.mean(1)", CHECK]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=60, allow_errors=True, resources=where).execute()
    errors = [[o for o in cell.outputs if o.output_type == "error"] for cell in notebook.cells]
    assert [bool(found) for found in errors] == [False] * 6 + [True, False, True, True]
    passed = "".join(o.text for o in notebook.cells[4].outputs if o.output_type == "stream")
    assert f"mean_of_three   {visible.PASS}" in passed
    assert errors[6][0].ename == "CheckFailed" and len(errors[6][0].traceback) <= 8
    assert errors[8][0].ename == "NotImplementedError"
    (text,) = notebook.cells[8].outputs[-1].traceback
    assert text.startswith("mean is not written yet")


def ask(client: BlockingKernelClient, source: str, cell: str | None) -> list[dict[str, Any]]:
    """What a kernel answers to a cell from a front end that sends the cell's id, or not."""
    content = {"code": source, "silent": False, "store_history": True, "stop_on_error": False}
    metadata = {"cellId": cell} if cell else {}
    request = client.session.msg("execute_request", content, metadata=metadata)
    client.shell_channel.send(request)
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get_iopub_msg(timeout=60)
        if answer["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        if answer["content"].get("execution_state") == "idle":
            return found
        found.append({"type": answer["msg_type"], **answer["content"]})


def shown(answers: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [answer for answer in answers if answer["type"] == kind]


@pytest.fixture
def client(tiny: Course, tmp_path: Path) -> Iterator[BlockingKernelClient]:
    """A real kernel of a student who has built the mean."""
    folder = student_folder(tiny, tmp_path / "notebooks")
    manager, client = start_new_kernel(cwd=str(folder))
    setup = "%load_ext mugrade\nimport numpy as np\nimport stats\nfrom mugrade import check"
    for source in (setup, IMPORTS, GOOD_MEAN, INDEX):
        assert not shown(ask(client, source, None), "error")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_front_end_shows_a_panel_and_says_nothing_twice(client: BlockingKernelClient) -> None:
    answers = ask(client, CHECK, "a-cell")
    (panel,) = shown(answers, "display_data")
    assert panel["data"]["text/plain"] == f"mean_of_three   {visible.PASS}"
    assert "passed" in panel["data"]["text/html"]
    assert not shown(answers, "stream") and not shown(answers, "error")
    ask(client, MEAN + "def mean(x): return x.sum()", "mean")
    answers = ask(client, CHECK, "a-cell")
    (panel,), (error,) = shown(answers, "display_data"), shown(answers, "error")
    assert "expected" in panel["data"]["text/html"]
    assert error["traceback"] == ["mean_of_three   0 of 2 points"]
    assert error["evalue"] == panel["data"]["text/plain"]
    assert len(error["evalue"].splitlines()) > 3


def test_what_runs_a_notebook_without_showing_it_gets_the_text(
    client: BlockingKernelClient,
) -> None:
    (stream,) = shown(ask(client, CHECK, None), "stream")
    assert stream["text"] == f"mean_of_three   {visible.PASS}\n"
    ask(client, MEAN + "def mean(x): return x.sum()", None)
    answers = ask(client, CHECK, None)
    (error,) = shown(answers, "error")
    assert error["traceback"] == error["evalue"].splitlines()
    assert len(error["traceback"]) > 3 and not shown(answers, "display_data")


def test_a_plot_is_an_image_with_a_text(client: BlockingKernelClient) -> None:
    plot = "import matplotlib.pyplot as plt\nfrom mugrade import show\nplt.plot([1, 2])\n"
    (image,) = shown(ask(client, plot + "show('a < b & \"c\"')", "x"), "display_data")
    assert '<img alt="a &lt; b &amp; &quot;c&quot;" src="data' in image["data"]["text/html"]
    assert image["data"]["text/plain"] == 'a < b & "c"'
    assert image["metadata"]["image/png"]["alt"] == 'a < b & "c"'
    assert base64.b64decode(image["data"]["image/png"]).startswith(b"\x89PNG")


def test_progress_is_shown_for_the_stage_and_the_course(kernel: Kernel, tiny: Course) -> None:
    kernel.run("from mugrade import progress")
    kernel.run(CHECK)
    kernel.run(SCALE + "def noise(n): return np.random.randn(n)")
    assert kernel.value("progress('1').text").splitlines() == [
        "01 Scale: 1 of 2 exercises built, visible inputs: 0 of 2 checks pass, worth 0 points",
        "  scaler  not written",
        "            scaler_centres: not run, 0 of 3 points",
        "  noise   built",
        "            noise_is_normal: not run, 0 of 5 points",
        "",
        "  00_mean   1 of 1 exercises built, visible inputs: 1 of 1 checks pass, worth 2 points",
        "  01_scale  1 of 2 exercises built, visible inputs: 0 of 2 checks pass, worth 0 points",
        visible.NOTE,
    ]
    assert "mean_of_three: passes on the visible inputs, worth 2 points" in (
        kernel.value("progress('0').text")
    )
    kernel.run(GOOD_MEAN.replace("x.size", "len(x)"))
    take_stage(Workspace.find(kernel.folder), "01_scale", tiny.root)
    html = kernel.value("progress('00')._repr_mimebundle_()")["text/html"]
    tree = Tree(html)
    assert "mean_of_three changed since it last passed: run it again, 0 of 2 points" in " ".join(
        tree.text.split()
    )
    assert tree.attributes("section")[0]["role"] == "group"
    assert {a["scope"] for a in tree.attributes("th")} == {"col", "row"}
    assert [a for a in tree.attributes("tr") if "aria-current" in a] == [{"aria-current": "step"}]
    text = kernel.value("progress('1').text")
    assert "2 of 2 exercises built, 2 of them taken" in text and "1 changed" in text


def test_progress_of_no_stage_is_one_sentence(kernel: Kernel) -> None:
    kernel.run("from mugrade import progress")
    assert kernel.run("progress('7')").text.strip() == "no stage 7: there are 00_mean, 01_scale"


def test_a_notebook_computes_with_one_thread_unless_told_otherwise() -> None:
    code = "import mugrade, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    bare = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    for env, threads in ((bare, "1\n"), (bare | {"OPENBLAS_NUM_THREADS": "4"}, "4\n")):
        run = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert run.stdout == threads
