"""A file for each platform; what looks like none of them is taken for students' folders."""

from mugrade.grader.collect.origin import Platform
from mugrade.grader.collect.platforms.blackboard import Blackboard
from mugrade.grader.collect.platforms.brightspace import Brightspace
from mugrade.grader.collect.platforms.canvas import Canvas
from mugrade.grader.collect.platforms.classroom import Classroom
from mugrade.grader.collect.platforms.exchange import Exchange
from mugrade.grader.collect.platforms.folders import Folders
from mugrade.grader.collect.platforms.github import GitHub
from mugrade.grader.collect.platforms.gradescope import Gradescope
from mugrade.grader.collect.platforms.moodle import Moodle

PLATFORMS: dict[str, Platform] = {
    "gradescope": Gradescope(),
    "exchange": Exchange(),
    "moodle": Moodle(),
    "brightspace": Brightspace(),
    "blackboard": Blackboard(),
    "canvas": Canvas(),
    "classroom": Classroom(),
    "github": GitHub(),
    "folders": Folders(),
}
"""In the order in which they are tried."""
