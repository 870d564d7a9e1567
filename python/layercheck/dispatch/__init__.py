"""Dispatch: asks the service about each batch and settles every digest.

`schedule/` decides what is asked next, in which thread, and what follows from each result. `rate/` decides
how fast. `transport/` makes the request. Threads and clocks live in this folder alone; boto3 is imported
inside functions, so that `import layercheck` loads neither boto3 nor numpy.

The trip of one call: `Scheduler` chooses the digests, `Rotation` takes the call when the `Pacer` allows it, a
worker of the `WorkerPool` makes the `Exchange` over a `Transport`, `classify` names a failure, `Execution`
settles the digests in the ledger, and every subscriber records the `Outcome`.
"""

from layercheck.dispatch.check import check
from layercheck.dispatch.checker import Checker
from layercheck.dispatch.run import Run
from layercheck.dispatch.stream import Answer

__all__ = ["Answer", "Checker", "Run", "check"]
