"""What runs in a student's notebook."""
