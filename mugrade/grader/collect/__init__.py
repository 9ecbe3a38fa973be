"""From what a platform gives out to nbgrader's `submitted/`, with a ledger of every file."""
