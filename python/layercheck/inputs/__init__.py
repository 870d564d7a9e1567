"""Reads rows: `adapters` from objects, `files` from files with columns."""
