"""The command line, run as users run it: in processes of its own, against a local endpoint."""
