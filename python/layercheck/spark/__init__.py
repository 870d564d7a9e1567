"""Check digests that are in a Spark table, and the images of repositories: `audit`, `audit_images`.

It works with Spark 3.5 and 4, through Spark Connect too. All cores of the cluster prepare and join, and a few
tasks ask, because one process can use up the rate of an account and region. The workers need layercheck and
pyarrow, and credentials of their own.

`import layercheck.spark` loads neither pyspark nor pyarrow.
"""

from __future__ import annotations

from layercheck.spark.audit import audit
from layercheck.spark.images import audit_images
from layercheck.spark.joins import attach, canonical
from layercheck.spark.verdicts import verdicts

__all__ = ["audit", "verdicts", "canonical", "attach", "audit_images"]
