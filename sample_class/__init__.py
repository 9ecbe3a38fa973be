"""A class of nine students, for the demo and the tests."""
