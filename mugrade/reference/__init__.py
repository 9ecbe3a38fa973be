"""The reference solution at work: its answers are recorded, its mistakes made on purpose."""
