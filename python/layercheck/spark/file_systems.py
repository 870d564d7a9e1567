"""Paths whose scheme the Hadoop of a Spark session does not know."""

from __future__ import annotations

import re

from layercheck.errors import JournalError

_NO_SCHEME = re.compile(r'No FileSystem for scheme "?([\w.+-]+)')
_NO_CLASS = re.compile(r"ClassNotFoundException: Class (\S*FileSystem) not found")
"""S3A is known to every Hadoop, and its class is in a package that Spark does not bring along."""


def lacks_file_system(error: BaseException) -> JournalError | None:
    """Return what to raise if Hadoop has no file system for a path; None if that is not the error."""
    scheme, missing = _NO_SCHEME.search(str(error)), _NO_CLASS.search(str(error))
    if scheme is not None:
        lack = f"has no file system for {scheme[1]}://"
    elif missing is not None:
        lack = f"lacks {missing[1]}" + (" for s3a://" if ".s3a." in missing[1] else "")
    else:
        return None
    advice = "add the package of this file system to the cluster, or pass another path"
    if "s3" in lack:
        advice = (
            "add the package hadoop-aws of the same version to the cluster (spark.jars.packages), and begin "
            "the path with s3a://"
        )
    return JournalError(f"path cannot be opened: the Hadoop of this Spark session {lack}; {advice}")
