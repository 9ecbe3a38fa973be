"""The floor: the same student code and checks, called in one warm process, without any sandbox.

`python -m bench.floor COURSE STAGE FOLDER` prints the seconds that the cells and the checks take,
once each; reading the notebooks and loading the earlier stages is not counted.
"""

import json
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path

from mugrade.course.exercises import find_code
from mugrade.course.listing import make_manifest
from mugrade.course.reading import load_course
from mugrade.grader.assemble import submission_job
from mugrade.grader.key import StageKey
from mugrade.grader.submissions import find_submissions
from mugrade.package.ipynb import read_cells
from mugrade.sandbox.guest import load, run_check
from mugrade.sandbox.job import compile_check
from mugrade.sandbox.loader import load_package, package_to_json
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from mugrade.values.observe import seed_of


def main(root: Path, name: str, folder: Path) -> None:
    course = load_course(root)
    stage = course.find(name)
    manifest = make_manifest(course)
    with closing(Sandbox(WEAK)) as sandbox:
        key = StageKey(course, stage, sandbox)
    cpu = wall = 0.0
    warnings.simplefilter("ignore")
    for submission in find_submissions(folder, [stage.name]):
        assert submission.path is not None
        answers = find_code(read_cells(submission.path), manifest, stage.name)
        job = submission_job(key, {stage.name: answers})
        request = {"package": package_to_json(job.package), "setup": job.setup, "names": job.names}
        load_package(key.base)
        began, used = time.perf_counter(), time.process_time()
        scope, _ = load(request, key.base)
        for task in key.tasks:
            run_check(compile_check(task.source), seed_of(task.id), scope)
        cpu, wall = cpu + time.process_time() - used, wall + time.perf_counter() - began
        _forget(course.package)
    print(json.dumps({"cpu": cpu, "wall": wall}))


def _forget(package: str) -> None:
    """Undo the imports of a submission and of the stages before it."""
    del sys.meta_path[:2]
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
