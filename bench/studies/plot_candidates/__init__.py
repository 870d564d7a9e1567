"""One small program for each plot library: the same bars, drawn the way the library's pages show it.

Each has `draw(labels, values, colours) -> str`, an SVG, and `shown(...)`, the object that a notebook would
get. `bench/studies/plots.py` runs each in an environment that has its library.
"""
