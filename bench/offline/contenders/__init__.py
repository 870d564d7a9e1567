"""The implementations that are measured: one module for each job and library, named `<job>_<library>`."""
