"""Questions that need a program of their own; each is run by a target of the Makefile."""
