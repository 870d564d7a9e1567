"""Dispatch: puts batches to the service through boto3 and settles every digest.

The only folder that knows boto3, threads and time. boto3 is imported inside
functions, so that `import layercheck` loads neither boto3 nor numpy.

The way of one call: `Scheduler` says which digests are next, `WorkerPool` gives it a
slot when the `Pacer` allows, a `Transport` asks, `classify` names what failed,
and `Run` writes the outcome into the ledger.
"""

from layercheck.dispatch.check import check
from layercheck.dispatch.checker import Checker
from layercheck.dispatch.run import Run
from layercheck.dispatch.stream import Answer

__all__ = ["Answer", "Checker", "Run", "check"]
