"""What grading costs, and whether it lasts."""
