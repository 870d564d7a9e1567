"""The command line, run in its own process against a local endpoint, as a user runs it."""
