"""Checks on a Ray cluster: many workers prepare and join, a few actors ask, and all keep to one rate.

It needs `pip install 'layercheck[ray]'` on the driver and on the workers, which must see the same files.

Examples:
    >>> import layercheck.ray
    >>> verdicts = layercheck.ray.audit(  # doctest: +SKIP
    ...     ray.data.read_parquet("digests/"), "team/app", path="/shared/audit", region_name="eu-west-1"
    ... )
    >>> verdicts.groupby("verdict").count().show()  # doctest: +SKIP
"""

from __future__ import annotations

from layercheck.ray.audit import audit, submit
from layercheck.ray.images import audit_images, read_images
from layercheck.ray.joins import attach, canonical
from layercheck.ray.verdict_table import read
from layercheck.ray.verdicts import verdicts

__all__ = ["audit", "submit", "read", "verdicts", "canonical", "attach", "audit_images", "read_images"]
