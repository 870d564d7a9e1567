# pyright: strict
"""A mistake that a type checker must find; if it does not, it does not read the types of layercheck."""

import layercheck as lc

lc.check(["sha256:" + "a0" * 32], repository_name=5)
