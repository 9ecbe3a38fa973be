"""The class at a glance: what its results say to the one who teaches it."""

GLANCE = "report.html"
