"""nbgrader's settings: of the course that is built, and of the one around results."""

CONFIG = "nbgrader_config.py"
OF_COURSE = '''"""nbgrader's settings for this course; written by `mugrade build`."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course!r}
c.CourseDirectory.root = {root!r}
c.OverwriteCells.add_missing_cells = True
c.ClearSolutions.text_stub = "Write your answer here."
c.Execute.timeout = 30
c.FileNameCollectorPlugin.named_regexp = (  # archives of `mugrade submit`, for zip_collect
    r".*[/\\\\](?P<file_id>[^/\\\\]+)[/\\\\]extracted[/\\\\].*?"
    r"(?P<student_id>[^/\\\\]+)[/\\\\](?P=file_id)[/\\\\](?P=file_id)\\.ipynb$"
)
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
'''
OF_RESULTS = '''"""nbgrader's settings for these results; written by `mugrade grade`."""

from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course!r}
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CsvExportPlugin.to = "nbgrader.csv"
c.HTMLExporter.sanitize_html = True
c.GenerateFeedback.preprocessors = [  # students are not shown what points are given for
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
c.ClearHiddenTests.enforce_metadata = False
c.ClearHiddenTests.begin_test_delimeter = {begin!a}
c.ClearHiddenTests.end_test_delimeter = {end!a}
'''
BEGIN_TEACHERS, END_TEACHERS = "\u2063Mark scheme, not shown to students", "\u2063End of it"
"""Around what teachers alone see; no text that was handed in keeps a character like the first."""
