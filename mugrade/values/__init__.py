"""What checks yield: observed, judged against recorded answers, and explained where it differs."""
