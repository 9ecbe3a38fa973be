"""What goes wrong for a person to mend; light, so that the command line starts at once."""


class MugradeError(Exception):
    """Says in one sentence, or a line for each finding, what is wrong, where and what to do."""


class MissingExtra(MugradeError):
    """What a command or a course needs is not installed; says how to install it."""


class CourseError(MugradeError):
    """What is wrong with a course's scripts; one line `file:line: problem` for each mistake."""


class Unreadable(MugradeError):
    """A submission that is no notebook, or a folder without submissions; says why."""


class WorkspaceError(MugradeError):
    """A folder in which the course cannot work; says which and why."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class DataError(MugradeError):
    """What keeps the data from being fetched, in one sentence."""
