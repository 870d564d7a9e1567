"""Which of these layer digests are really in that Amazon ECR repository?

Examples:
    >>> import layercheck as lc
    >>> plan = lc.plan(["sha256:" + "ab" * 32, "AB" * 32])  # offline: nothing is asked
    >>> plan.rows, plan.unique
    (2, 1)

`layercheck.check` asks the service and gives a report with one verdict for every row.
"""

from __future__ import annotations

import warnings as _warnings

from layercheck._core import MAX_BATCH, Plan, Reject, build_info
from layercheck.dispatch import Answer, Checker, Run, check
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    EndpointError,
    InvalidDigestError,
    InvalidParameterError,
    JournalError,
    LayercheckError,
    RepositoryNotFoundError,
    RunCancelled,
    UnansweredError,
)
from layercheck.plan import plan
from layercheck.read import FileRows, read
from layercheck.report import Report
from layercheck.types import BatchError, Progress, RunStats, Target
from layercheck.verdict import Verdict

__version__: str = build_info()["version"]

if build_info()["profile"] == "debug":
    _warnings.warn(
        "this layercheck is a debug build and many times slower; rebuild it with `maturin develop --release`",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = [
    "check",
    "plan",
    "read",
    "Checker",
    "Run",
    "Answer",
    "Plan",
    "FileRows",
    "Reject",
    "Report",
    "Verdict",
    "Target",
    "RunStats",
    "BatchError",
    "Progress",
    "LayercheckError",
    "RepositoryNotFoundError",
    "AccessDeniedError",
    "InvalidParameterError",
    "CredentialsError",
    "EndpointError",
    "RunCancelled",
    "JournalError",
    "InvalidDigestError",
    "UnansweredError",
    "MAX_BATCH",
    "build_info",
    "__version__",
]
