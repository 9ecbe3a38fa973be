"""A second release of the tiny course: a changed stub, a moved exercise, checks new and gone."""

from pathlib import Path

from mugrade.author.build import build_course
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from tests.tiny import STAGES, write_course

NOISE = STAGES["01_scale.py"].partition('# %% id="noise"')[2]
CHANGES = {
    "00_mean.py": [
        ("# # 00 Mean", "# # 00 The mean\n#\n# Of all entries."),
        ('"""The mean of all entries."""', '"""The mean of all entries, as an array."""'),
        ('"""Means."""', '"""Means of arrays."""'),
        ("2. Sum, then divide.", "2. Sum and divide."),
        (
            '# %% id="index-mean"',
            '# %% id="noise-imports" role="given" export="stats/noise.py"\nimport numpy as np\n\n'
            + '# %% id="noise"'
            + NOISE.rstrip().replace("stats/scale.py", "stats/noise.py")
            + '\n\n# %% id="index-mean"',
        ),
    ],
    "01_scale.py": [
        (f'# %% id="noise"{NOISE}', ""),
        ('id="scaler-centres"', 'id="scaler-shifts"'),
        ("def scaler_centres", "def scaler_shifts"),
    ],
}
TWICE = '''
# %% id="mean-twice" role="check" points=1 of="mean"
@check
def mean_twice():
    """A mean is linear."""
    yield stats.mean(np.array([2.0, 4.0, 12.0]))
    ### BEGIN HIDDEN TESTS
    yield mean(2 * rng.standard_normal((4, 5)).astype("float32"))
    ### END HIDDEN TESTS
'''


def second_release(root: Path) -> Course:
    """The course below `root`, built, as its author has changed it."""
    write_course(root)
    for name, changes in CHANGES.items():
        path = root / "solutions" / name
        text = path.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path.write_text(text + (TWICE if name == "00_mean.py" else ""))
    course = load_course(root)
    build_course(course)
    return course
