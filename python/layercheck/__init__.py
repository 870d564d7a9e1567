"""Which of these layer digests are really in that Amazon ECR repository?

Examples:
    >>> import layercheck as lc
    >>> plan = lc.plan(["sha256:" + "ab" * 32, "AB" * 32])  # offline, without a request
    >>> plan.rows, plan.unique
    (2, 1)

`layercheck.check` asks the service and returns a report with one verdict for every row.
"""

from __future__ import annotations

import warnings as _warnings
from typing import TYPE_CHECKING as _TYPE_CHECKING

from layercheck._core import MAX_BATCH, Plan, Reject, build_info
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    EndpointError,
    IncompleteImagesError,
    InvalidDigestError,
    InvalidParameterError,
    JournalError,
    LayercheckError,
    LayoutError,
    ManifestStoreError,
    PullTimeError,
    PushBlockedError,
    RepositoryNotFoundError,
    RunCancelled,
    UnansweredError,
    VerdictError,
)
from layercheck.inputs.files import FileRows, read
from layercheck.planning import plan

if _TYPE_CHECKING:
    from layercheck.comparison.changes import Changes, diff
    from layercheck.dispatch import Answer, Checker, Run, check
    from layercheck.images.check_images import check_images
    from layercheck.images.image_checker import ImageChecker
    from layercheck.images.image_progress import ImageProgress
    from layercheck.images.image_report import ImageReport
    from layercheck.images.image_run import ImageRun
    from layercheck.images.repository_report import RepositoryReport
    from layercheck.journal.history import JournalRun
    from layercheck.journal.reader import Journal, JournalStatus
    from layercheck.layout import Layout, LayoutBlob, LayoutImage, LayoutPlatform, read_layout
    from layercheck.plots import PlotTable
    from layercheck.push.actions import PushRow
    from layercheck.push.plan import ImagePlan, PushPlan
    from layercheck.push.planning import push_plan
    from layercheck.report import Report, Row, Timeline
    from layercheck.types import BatchError, Progress, RunStats, Target
    from layercheck.verdict import ImageVerdict, Verdict

# These names are imported on first use, so that `import layercheck` is fast.
_LAZY = {
    "Answer": "layercheck.dispatch",
    "Checker": "layercheck.dispatch",
    "Run": "layercheck.dispatch",
    "check": "layercheck.dispatch",
    "check_images": "layercheck.images.check_images",
    "ImageChecker": "layercheck.images.image_checker",
    "ImageRun": "layercheck.images.image_run",
    "ImageReport": "layercheck.images.image_report",
    "RepositoryReport": "layercheck.images.repository_report",
    "ImageProgress": "layercheck.images.image_progress",
    "diff": "layercheck.comparison.changes",
    "Changes": "layercheck.comparison.changes",
    "Journal": "layercheck.journal.reader",
    "JournalRun": "layercheck.journal.history",
    "JournalStatus": "layercheck.journal.reader",
    "Layout": "layercheck.layout",
    "LayoutBlob": "layercheck.layout",
    "LayoutImage": "layercheck.layout",
    "LayoutPlatform": "layercheck.layout",
    "read_layout": "layercheck.layout",
    "push_plan": "layercheck.push.planning",
    "PushPlan": "layercheck.push.plan",
    "PushRow": "layercheck.push.actions",
    "ImagePlan": "layercheck.push.plan",
    "Report": "layercheck.report",
    "Row": "layercheck.report",
    "Timeline": "layercheck.report",
    "PlotTable": "layercheck.plots",
    "BatchError": "layercheck.types",
    "Progress": "layercheck.types",
    "RunStats": "layercheck.types",
    "Target": "layercheck.types",
    "Verdict": "layercheck.verdict",
    "ImageVerdict": "layercheck.verdict",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'layercheck' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
    "read_layout",
    "Checker",
    "Run",
    "Answer",
    "Plan",
    "FileRows",
    "Reject",
    "Report",
    "Row",
    "Timeline",
    "PlotTable",
    "Layout",
    "LayoutImage",
    "LayoutPlatform",
    "LayoutBlob",
    "Journal",
    "JournalRun",
    "JournalStatus",
    "check_images",
    "ImageChecker",
    "ImageRun",
    "ImageReport",
    "RepositoryReport",
    "ImageProgress",
    "diff",
    "Changes",
    "push_plan",
    "PushPlan",
    "PushRow",
    "ImagePlan",
    "Verdict",
    "ImageVerdict",
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
    "LayoutError",
    "InvalidDigestError",
    "UnansweredError",
    "VerdictError",
    "PushBlockedError",
    "IncompleteImagesError",
    "ManifestStoreError",
    "PullTimeError",
    "MAX_BATCH",
    "build_info",
    "__version__",
]
