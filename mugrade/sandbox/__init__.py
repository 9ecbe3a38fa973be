"""The process that runs a submission, and the channel to it."""
