"""A distributed check whose tasks read and write Parquet files themselves, as those on Dask and Ray do.

The driver (`drive.py`) knows of an engine only that it runs functions somewhere, a few at once. The functions
that run there stand in `prepare_pieces.py` and `ask_parts.py`, and the files between them in `files.py`.
"""
