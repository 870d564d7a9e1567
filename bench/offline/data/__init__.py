"""The input of each case, and what must be found in it."""
