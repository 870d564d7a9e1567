"""Comparing two checks of one repository: what changed between them."""
