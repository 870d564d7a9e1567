"""Sessions for workers, by name, one of which ends its process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import boto3

FLAG = "LAYERCHECK_TEST_POISON"
"""Names the file that is there while `deadly` may return a session."""


def plain() -> boto3.Session:
    """A session with the keys of the environment."""
    return boto3.Session()


MARKED = "sekam-rekrow-eht-ylno-taht-yek-terces-a"
"""A secret key backwards."""


def marked() -> boto3.Session:
    """A session with a key that is nowhere but in the process that makes it."""
    return boto3.Session(
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=MARKED[::-1], region_name="us-east-1"
    )


def deadly() -> boto3.Session:
    """A session the first time; the second time the end of the process that asks for it."""
    flag = Path(os.environ[FLAG])
    if flag.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    flag.touch()
    return boto3.Session()


def deadly_to_actors() -> boto3.Session:
    """A session, but for an actor of Ray that asks: the end of its process."""
    import ray

    if ray.get_runtime_context().get_actor_id() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return boto3.Session()
