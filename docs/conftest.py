"""The examples of the API page run where they come from: in the docstrings."""

collect_ignore = ["reference/api.md"]
