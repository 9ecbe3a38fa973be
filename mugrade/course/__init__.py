"""The language of a course: its cells, exercises, checks, mistakes, manifest and settings."""
