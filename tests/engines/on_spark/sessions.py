"""A session as workers make it, by the name of this function."""

from __future__ import annotations

import boto3

KEY = "AKIDOFTHEFUNCTION"


def by_function() -> boto3.Session:
    """A session with keys that no worker has in its environment."""
    return boto3.Session(aws_access_key_id=KEY, aws_secret_access_key="x" * 40, region_name="us-east-1")
