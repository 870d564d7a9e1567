"""Which settings files the environment names, although they are not there."""

from __future__ import annotations

import os
from pathlib import Path

from layercheck.redact import clean

_NAMED_BY = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")

_LACKS_FILES = frozenset(("NoCredentialsError", "NoRegionError", "ProfileNotFound"))
"""The failures that such a file may lead to. boto3 itself says nothing of a missing file."""


def missing_files(code: str) -> str:
    """Return the end of a message about a failure, with the files that are missing; empty without any.

    Args:
        code: The name of botocore's exception.
    """
    if code not in _LACKS_FILES:
        return ""
    told = ""
    for name in _NAMED_BY:
        path = os.environ.get(name)
        # As botocore finds it. The null device is a usual way to have no file.
        if path and not Path(os.path.expandvars(path)).expanduser().exists():
            told += f"; {name} names {clean(path, 200)!r}, and no such file is there"
    return told
