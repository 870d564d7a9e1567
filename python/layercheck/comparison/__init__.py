"""Compares two checks of the same digests, from journals or report files."""
