"""What platforms take: their own tables with our points, feedback, results for an autograder."""

EXPORTED = "export"  # the folder
