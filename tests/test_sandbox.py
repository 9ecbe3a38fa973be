"""Hostile submissions: what each one tries, that it fails, and that the next student is unharmed.

An attack answers wrongly if it succeeds and rightly if it does not. So it gets full points in the
strong sandbox, and the same attack in the weak one shows that it would have been noticed.
"""

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mugrade.course.model import Course
from mugrade.grader.grade import Grader
from mugrade.grader.submissions import Submission
from mugrade.sandbox.job import Job
from mugrade.sandbox.kernel import landlock_version
from mugrade.sandbox.probe import ESCAPES, probe, strongest
from mugrade.sandbox.process import Death, Limits, Nursery, Sandbox, SandboxError
from mugrade.sandbox.refusals import kernel_version
from mugrade.sandbox.tiers import WEAK, Tier, seccomp_programs
from mugrade.values.verdict import Verdict
from tests.conftest import make_grader
from tests.test_grade import SCALER, hand_in

STRONG = strongest().tier.name == "strong"
TIERS = {"strong": strongest().tier, "medium": Tier("medium"), "weak": WEAK}
LIMITS = Limits(load=20, check=4, total=30, memory=300 << 20)
SECRET = "canary-of-the-grader"
needs_strong = pytest.mark.skipif(not STRONG, reason=f"no strong sandbox: {strongest().reason}")

LIBC = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); got = "
ATTEMPTS = {
    "read a file of the grader": "got = SECRET in open(f'{CANARY}/secret').read()",
    "list the grader's home": "import os; got = bool(os.listdir(os.path.dirname(CANARY)))",
    "read the reference": "import os; got = os.path.exists(f'{COURSE}/solutions')",
    "read the accounts": "got = 'root' in open('/etc/passwd').read()",
    "see other processes": "import os; got = any(n.isdigit() for n in os.listdir('/proc'))",
    "connect to a port": "import socket; got = socket.create_connection(('127.0.0.1', PORT), 1)",
    "connect to a unix socket": (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect(f'{CANARY}/unix'); got = True"
    ),
    "open a socket of any kind": "import socket; got = bool(socket.socket(socket.AF_UNIX))",
    "write beside the submissions": "got = bool(open(f'{CANARY}/written', 'w'))",
    "write into mugrade": (
        "import mugrade, os; p = os.path.dirname(mugrade.__file__) + '/x.pyc';"
        " got = bool(open(p, 'w')); os.remove(p)"
    ),
    "trace its parent": f"{LIBC}libc.ptrace(16, os.getppid(), 0, 0) == 0",
    "make a socket that sends to any other": (
        "import socket; got = bool(socket.socketpair(type=socket.SOCK_DGRAM))"
    ),
    "lower its parent's limits": (
        "import os, resource; got = bool(resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE))"
    ),
    "read another's memory": (
        f"{LIBC}libc.syscall(310, os.getpid(), 0, 0, 0, 0, 0) == 0"  # process_vm_readv
    ),
    "share memory by System V": f"{LIBC}libc.shmget(0, 4096, 0o1600) >= 0",
    "make a semaphore by System V": f"{LIBC}libc.semget(0, 1, 0o1600) >= 0",
    "keep a key in the kernel": (
        f"{LIBC}libc.syscall(248, b'user', b'k', b'v', 1, -2) > 0"  # add_key
    ),
    "enter a new user namespace": f"{LIBC}libc.unshare(0x10000000) == 0",
    "make a file in memory": "import os; got = os.memfd_create('x') >= 0",
    "signal the grader": "import os; got = os.kill(GRADER, 0) is None",
    "use a right of root": "import os; got = os.setgroups([]) is None",
    "share memory without a name": "import mmap; got = bool(mmap.mmap(-1, 4096))",
    "share memory of /dev/zero": (
        "import mmap, os; got = bool(mmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096))"
    ),
    "lock a file that all can read": (
        "import fcntl, os; got = fcntl.flock(open(os.__file__), fcntl.LOCK_SH) is None"
    ),
    "see who has locked a file that all can read": (
        "import fcntl, os, struct; lock = struct.pack('hhqqi4x', 0, 0, 0, 0, 0);"
        " got = bool(fcntl.fcntl(open(os.__file__), fcntl.F_GETLK, lock))"
    ),
    "watch files that all can read": f"{LIBC}libc.inotify_init() >= 0",
    "read other libraries": (
        "import glob, sys; roots = [sys.base_prefix + '/lib', '/lib', '/usr/lib'];"
        " paths = [p for r in roots for p in glob.glob(r + '/python3*/*-packages/*/*.py')];"
        " got = bool([open(path) for path in paths[:9]])"
    ),
}
HONEST = {
    "one folder for everything": (
        "import os, tempfile; assert os.getcwd() == tempfile.gettempdir() == os.environ['TMPDIR']"
        " == os.path.expanduser('~')"
    ),
    "a temporary file": "import tempfile; tempfile.NamedTemporaryFile('w').write('x')",
    "a temporary folder": "import tempfile; open(tempfile.mkdtemp() + '/x', 'w').write('x')",
    "a file at home": "import pathlib; (pathlib.Path.home() / 'x').write_text('x')",
    "a child with NumPy": (
        "import subprocess, sys\n"
        "        subprocess.run([sys.executable, '-c', 'import numpy'], check=True)"
    ),
    "memory of its own": (
        "import mmap; mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).write(b'x')"
    ),
    "a pipe both ways": (
        "import multiprocessing as m; a, b = m.Pipe(); a.send('x'); assert b.recv() == 'x'"
    ),
    "a loop of events": "import asyncio; asyncio.run(asyncio.sleep(0))",
    "its own limits": (
        "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));"
        " os.sched_setaffinity(0, os.sched_getaffinity(0)); os.nice(1)"
    ),
    "a database in a file": (
        "import sqlite3; db = sqlite3.connect('x.db');"
        " db.execute('create table if not exists t (x)');"
        " db.execute('insert into t values (1)'); db.commit()"
    ),
    "a module that may be missing": (
        "import importlib\n"
        "        try: y *= 0 * len(importlib.import_module('IPython').__file__)\n"
        "        except ImportError: pass"
    ),
}
LEAVES = {
    "a file in /dev/shm": ("open('/dev/shm/left', 'w')", "os.path.exists('/dev/shm/left')"),
    "a file in /tmp": ("open('/tmp/left', 'w')", "os.path.exists('/tmp/left')"),
    "a module to import": (
        "open('/tmp/numpy.py', 'w'); open('/tmp/sitecustomize.py', 'w')",
        "os.path.exists('/tmp/numpy.py')",
    ),
    "a change of NumPy": ("np.pi = 3", "np.pi == 3"),
    "a change of mugrade": (
        "import mugrade.values.judges as j; j.left = 1",
        "hasattr(__import__('mugrade.values.judges').judges, 'left')",
    ),
    "an environment variable": ("import os; os.environ['LEFT'] = '1'", "'LEFT' in os.environ"),
    "a signal handler": (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "__import__('signal').getsignal(15) == __import__('signal').SIG_IGN",
    ),
}
HIDDEN = """\
import ctypes, os, threading, time
        def go():
            {}
        if os.fork() == 0:
            os.setsid()
            threading.Thread(target=go).start()
            ctypes.CDLL(None).syscall(EXIT, 0)
        """.replace("EXIT", "60" if platform.machine() == "x86_64" else "93")  # of one thread
DEADLY = {
    "kill everybody": ("import os; os.kill(-1, 9)", "error"),
    "kill process 1": ("import os; os.kill(1, 9)", "pass"),
    "stop the group": ("import os, signal; os.killpg(0, signal.SIGSTOP)", "timeout"),
    "fork without end": ("import os\n        while True: os.fork()", "crash"),
    "start children without end": (
        "import os, time\n        while True:\n            if os.fork() == 0: time.sleep(60)",
        "crash",
    ),
    "start threads without end": (
        "import threading, time\n"
        "        while True: threading.Thread(target=time.sleep, args=(60,)).start()",
        "crash or error",
    ),
    "fill the memory": ("keep = [b'x' * (1 << 24) for _ in range(99)]", "memory"),
    "fill the memory in children": (
        "import os, time\n"
        "        for _ in range(6):\n"
        "            if os.fork() == 0: keep = bytearray(b'x') * (80 << 20); time.sleep(60)\n"
        "        time.sleep(60)",
        "memory",
    ),
    "fill the memory behind a first thread that has ended": (
        f"{HIDDEN.format('keep = np.ones(100 << 20); time.sleep(60)')}time.sleep(60)",
        "memory",
    ),
    "allocate 8 TB": ("np.ones(1 << 40)", "error"),
    "fill the disk": (
        "f = open('big', 'wb')\n        while True: f.write(bytes(1 << 20))",
        "error",
    ),
    "use up the inodes": (
        "import os\n        for i in range(10**6): open(f'f{i}', 'w').close()",
        "error",
    ),
    "nest folders": (
        "import os, tempfile; os.chdir(tempfile.mkdtemp())\n"
        "        for i in range(1000): os.mkdir('d'); os.chdir('d')",
        "pass",
    ),
    "use up the descriptors": ("import os\n        while True: os.dup(0)", "error"),
    "print without end": ("while True: print('x' * 65536)", "output"),
    "write half an answer": (
        "import os, sys\n"
        "        for fd in range(3, 64):\n"
        "            try: os.write(fd, b'MGR1')\n"
        "            except OSError: pass\n"
        "        os._exit(0)",
        "crash",
    ),
    "ask for input": ("input()", "error"),
    "raise the limits": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "error",
    ),
}


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that no submission may see, with a socket that none may reach."""
    folder = tmp_path_factory.mktemp("home") / "grader"
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "unix"))
        server.listen()
        yield folder


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def graders(tiny: Course) -> Iterator[Callable[[str], Grader]]:
    made: dict[str, Grader] = {}

    def of(tier: str) -> Grader:
        if tier not in made:
            made[tier] = make_grader(tiny, ["01_scale"], LIMITS, tier=TIERS[tier])
        return made[tier]

    yield of
    for grader in made.values():
        grader.close()


Run = Callable[..., dict[str, Verdict]]


@pytest.fixture
def run(tiny: Course, graders: Callable[[str], Grader], tmp_path: Path) -> Run:
    """Grade a scaler that ends with a statement; `y` is the right value."""

    def run(tier: str, statement: str = "return y", before: str = "") -> dict[str, Verdict]:
        folder = tmp_path / "mallory"
        shutil.rmtree(folder, ignore_errors=True)
        path = hand_in(tiny, folder, scaler=f"{before}\n{SCALER.format(statement)}")
        result = graders(tier).grade(Submission("mallory", "01_scale", path), {})
        return {grade.check.id: grade.verdict for grade in result.grades}

    return run


def attempt(code: str, **names: object) -> tuple[str, str]:
    """A statement and what comes before it: wrong if `code` sets `got`, right otherwise."""
    body = "\n".join(f"{name} = {value!r}" for name, value in names.items())
    lines = "".join(f"    {line.strip()}\n" for line in code.split(";"))
    before = f"{body}\ndef attack():\n    got = False\n{lines}    return got\n"
    safe = (
        f"{before}\ndef got():\n    try: return bool(attack())\n    except Exception: return False"
    )
    return "return 0 * y if got() else y", safe


def names(course: Course, canary: Path, port: int) -> dict[str, object]:
    """What the attempts know of the grader."""
    known = {"SECRET": SECRET, "CANARY": str(canary), "COURSE": str(course.root), "PORT": port}
    return {**known, "GRADER": os.getpid()}


def medium_allows() -> set[str]:
    """What Landlock does not forbid: to see that a file exists and, before Linux 6.12, signals."""
    return {"read the reference"} | ({"signal the grader"} if landlock_version() < 6 else set())


def passed(verdicts: dict[str, Verdict]) -> bool:
    return all(verdict.passed for verdict in verdicts.values())


def demand(tier: str) -> None:
    """Skip a test where a tier cannot be had."""
    if tier == "strong" and not STRONG:
        pytest.skip(f"no strong sandbox: {strongest().reason}")
    try:
        probe(TIERS[tier])
    except (SandboxError, Death) as error:
        pytest.skip(f"no {tier} sandbox: {error}")


@pytest.mark.parametrize("tier", ["strong", "medium"])
@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_fails(
    run: Run, tiny: Course, canary: Path, port: int, name: str, tier: str
) -> None:
    demand(tier)
    if tier == "medium" and name in medium_allows():
        pytest.skip("the medium tier lets it through, and says so")
    statement, before = attempt(ATTEMPTS[name], **names(tiny, canary, port))
    assert passed(run(tier, statement, before))
    assert not (canary / "written").exists()


@pytest.mark.parametrize("name", sorted(set(ATTEMPTS) - {"trace its parent"}))
def test_the_attempt_would_be_noticed(
    run: Run, tiny: Course, canary: Path, port: int, name: str
) -> None:
    statement, before = attempt(ATTEMPTS[name], **names(tiny, canary, port))
    command = [sys.executable, "-c", f"{before}\nprint(got())"]
    if "True" not in subprocess.run(command, capture_output=True, text=True).stdout:
        pytest.skip("nobody can do this here, with or without a sandbox")
    assert not passed(run("weak", statement, before))
    (canary / "written").unlink(missing_ok=True)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", HONEST)
def test_honest_code_passes_in_every_tier(run: Run, tier: str, name: str) -> None:
    demand(tier)
    assert passed(run(tier, f"{HONEST[name]}\n        return y"))


@pytest.mark.parametrize("tier", TIERS)
def test_what_it_does_to_its_group_is_told_in_every_tier(run: Run, tier: str) -> None:
    demand(tier)
    verdict = run(tier, "import os; os.killpg(0, 9)")["scaler-centres"]
    assert (verdict.category, verdict.actual) == ("crash", "the process was ended by SIGKILL")


@needs_strong
@pytest.mark.parametrize("name", LEAVES)
def test_a_submission_leaves_nothing_for_the_next(run: Run, name: str) -> None:
    leave, found = LEAVES[name]
    assert passed(run("strong", f"{leave}\n        return y"))
    assert passed(run("strong", *attempt(f"import os; got = {found}")))


@needs_strong
@pytest.mark.parametrize("name", LEAVES)
def test_what_it_leaves_would_be_noticed(run: Run, name: str) -> None:
    leave, found = LEAVES[name]
    code = f"{leave}\n        import os\n        return 0 * y if {found} else y"
    assert not passed(run("strong", code))


@needs_strong
@pytest.mark.parametrize("name", DEADLY)
def test_a_deadly_cell_costs_its_own_check(run: Run, name: str) -> None:
    statement, category = DEADLY[name]
    verdicts = run("strong", f"{statement}\n        return y")
    assert verdicts["scaler-centres"].category in category.split(" or ")
    assert verdicts["noise-is-normal"].passed
    assert passed(run("strong"))


@pytest.mark.parametrize("tier", ["strong", "medium"])
def test_what_is_refused_is_told_by_name(
    tiny: Course, graders: Callable[[str], Grader], tmp_path: Path, tier: str
) -> None:
    demand(tier)
    asks = "import socket\n        try: socket.socket()\n        except OSError: pass"
    path = hand_in(tiny, tmp_path, scaler=SCALER.format(f"{asks}\n        return y"))
    result = graders(tier).grade(Submission("mallory", "01_scale", path), {})
    assert (result.points, result.refused) == (8, ("socket",))


def test_where_nobody_can_be_asked_calls_are_refused_all_the_same() -> None:
    code = (
        "import os, socket, sys\n"
        "from mugrade.sandbox import refusals\n"
        "from mugrade.sandbox.kernel import c_library\n"
        "refusals.NEW_LISTENER = 1 << 30\n"  # a flag that no kernel knows
        "c_library().prctl(38, 1, 0, 0, 0)\n"
        "programs = refusals.CallFilter(*map(bytes.fromhex, sys.argv[1:]))\n"
        "refusals.filter_calls(programs, socket.socketpair()[0])\n"
        "try: socket.socket()\n"
        "except PermissionError: print('refused', flush=True)\n"
        "if os.fork() == 0: os._exit(print('forked', flush=True) or 0)\n"
    )
    command = [sys.executable, "-c", code, *(program.hex() for program in seccomp_programs())]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    assert said.split() == ["refused", "forked"]


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.18.44-fc-v657", (6, 18)),
        ("5.5+", (5, 5)),
        ("6.9-custom", (6, 9)),
        ("4.18.0-553.el8_10.x86_64", (4, 18)),
        ("unknown", ()),
    ],
)
def test_a_kernel_says_its_version_in_many_ways(release: str, version: tuple[int, ...]) -> None:
    assert kernel_version(release) == version


MARK = f"left-behind-by-a-submission-{os.getpid()}"
DAEMON = f"""\
import os, subprocess, sys
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                sleep = "import time; time.sleep(60)"
                subprocess.run([sys.executable, "-S", "-c", sleep, "{MARK}"])
            os._exit(0)
        import time; time.sleep(0.5)
        return y"""


def left() -> list[str]:
    """Command lines of processes that carry the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if MARK.encode() in words:
            found.append(path.parent.name)
    return found


HEADLESS = HIDDEN.format(
    "import subprocess, sys; "
    f"subprocess.run([sys.executable, '-S', '-c', 'import time; time.sleep(60)', '{MARK}'])"
)


@pytest.mark.parametrize("daemon", [DAEMON, f"{HEADLESS}time.sleep(0.5); return y"])
@pytest.mark.parametrize("tier", TIERS)
def test_no_process_is_left(run: Run, tier: str, daemon: str) -> None:
    demand(tier)
    assert passed(run(tier, daemon))
    assert left() == []


def test_a_process_that_is_left_would_be_found() -> None:
    command = [sys.executable, "-S", "-c", "print(flush=True); input()", MARK]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        assert left() == [str(process.pid)]
        process.stdin.close()


@needs_strong
def test_descriptors_do_not_pile_up(run: Run) -> None:
    run("strong")
    before = len(os.listdir("/proc/self/fd"))
    for statement in ("return y", "import os; os._exit(1)", "while True: print('x' * 65536)"):
        run("strong", statement)
    assert len(os.listdir("/proc/self/fd")) == before


# the tiers


def test_the_probe_gets_out_of_the_weak_tier() -> None:
    assert set(probe(WEAK)) == set(ESCAPES[:-1])


@needs_strong
def test_the_probe_does_not_get_out_of_the_strong_tier() -> None:
    assert probe(strongest().tier) == []


FORK = """
import os, threading, time
from mugrade.sandbox.confine import Walls, fork_keeper
threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
pid = fork_keeper(Walls(namespaces=True))
if pid == 0:
    print(os.getpid(), os.getuid(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


@needs_strong
def test_a_keeper_is_process_1_also_where_a_library_has_threads() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["1", str(os.getuid())], done.stderr


def test_a_check_asserts_whatever_the_teachers_environment_says() -> None:
    program = "from mugrade.sandbox.job import compile_check; exec(compile_check('assert 0'))"
    done = subprocess.run([sys.executable, "-O", "-c", program], capture_output=True, text=True)
    assert "AssertionError" in done.stderr


def test_a_sandbox_that_ends_before_a_submission_is_no_crash_of_the_students(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Nursery, "fork", lambda self, fds: None)  # as where no process can be made
    with closing(Sandbox(WEAK)) as sandbox, pytest.raises(SandboxError, match="before the sub"):
        sandbox.start(Job({}, "", ()), LIMITS)
