"""Checks on a Dask cluster: many workers prepare and join, a few ask, and all keep to one rate.

It needs `pip install 'layercheck[dask]'` on the client and on the workers, which must see the same files.

Examples:
    >>> import layercheck.dask
    >>> verdicts = layercheck.dask.audit(  # doctest: +SKIP
    ...     "digests/", "team/app", path="/shared/audit", region_name="eu-west-1", progress=True
    ... )
    >>> verdicts["verdict"].value_counts().compute()  # doctest: +SKIP
"""

from __future__ import annotations

from layercheck.dask.audit import audit, submit
from layercheck.dask.images import audit_images, read_images
from layercheck.dask.joins import attach, canonical
from layercheck.dask.verdict_table import read
from layercheck.dask.verdicts import verdicts

__all__ = ["audit", "submit", "read", "verdicts", "canonical", "attach", "audit_images", "read_images"]
