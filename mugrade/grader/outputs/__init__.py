"""What grading writes, a file for each; `grader/publish.py` lists them."""
