"""Dispatch: asks the service about each batch and settles every digest.

The core (`src/dispatch/`) decides what is asked next, when, and what follows from a failure. `schedule/`
starts the threads and settles each result. `rate/` says which Checkers share a rate. `transport/` makes the
request. boto3 is imported inside functions, so that `import layercheck` loads neither boto3 nor numpy.

The trip of one call: `Scheduler` chooses the digests, `Rotation` takes the call when the `Pacer` allows it, a
worker of the `WorkerPool` makes the `Exchange` over a `Transport`, `classify` names a failure, `Execution`
settles the digests in the ledger, and every subscriber records the `Outcome`.
"""

from layercheck.dispatch.check import check
from layercheck.dispatch.checker import Checker
from layercheck.dispatch.run import Run
from layercheck.dispatch.stream import Answer

__all__ = ["Answer", "Checker", "Run", "check"]
