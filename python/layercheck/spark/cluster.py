"""What layercheck has to know of a Spark session, and how it reaches the cluster's file system."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from layercheck import shard
from layercheck.errors import JournalError, LayercheckError
from layercheck.shard.folder import LIMIT_BYTES
from layercheck.spark.file_systems import lacks_file_system

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WHOLE_OBJECTS = frozenset({"s3", "s3a", "s3n", "gs"})
"""File systems that show an object when it is whole, and whose rename is a copy."""


def is_connect(spark: SparkSession) -> bool:
    """Whether the session is one of Spark Connect, which has no JVM in this process."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def observes_writes(spark: SparkSession) -> bool:
    """Whether an `Observation` of a write is told to this process; Connect does it since Spark 4."""
    return not is_connect(spark) or _major(spark) >= 4


def slots(spark: SparkSession) -> int | None:
    """How many tasks can run at once; None if this process cannot know it, or the cluster grows."""
    if is_connect(spark) or _is_on(spark, "spark.dynamicAllocation.enabled"):
        return None
    cores: int = spark.sparkContext.defaultParallelism
    return max(1, cores // int(spark.conf.get("spark.task.cpus", "1") or 1))


def speculates(spark: SparkSession) -> bool:
    """Whether the cluster may run a second copy of a task; False where Connect does not tell it."""
    return _is_on(spark, "spark.speculation")


def _major(spark: SparkSession) -> int:
    return int(spark.version.partition(".")[0])


def _is_on(spark: SparkSession, name: str) -> bool:
    return str(spark.conf.get(name, "false")).lower() == "true"


@contextlib.contextmanager
def cancelled_at_failure(spark: SparkSession, how_to_go_on: str) -> Iterator[None]:
    """Cancel the jobs of the block if Ctrl-C or another exception ends it, so that no task goes on asking.

    Args:
        spark: The session.
        how_to_go_on: A note for exceptions that are not of layercheck. In Spark 3.5, Ctrl-C while a job runs
            ends in an error of py4j and not in KeyboardInterrupt.
    """
    tag = f"layercheck-{uuid.uuid4()}"
    if is_connect(spark) or _major(spark) >= 4:
        add, remove, cancel = spark.addTag, spark.removeTag, spark.interruptTag
    else:  # the session of 3.5 has these methods, and they raise
        context = spark.sparkContext
        add, remove, cancel = context.addJobTag, context.removeJobTag, context.cancelJobsWithTag
    add(tag)
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(Exception):
            cancel(tag)
        unknown = lacks_file_system(error)
        if unknown is not None:
            raise unknown from None
        if not isinstance(error, LayercheckError):
            error.add_note(how_to_go_on)
        raise
    finally:
        with contextlib.suppress(Exception):
            remove(tag)


def open_folder(spark: SparkSession, path: str) -> shard.Folder:
    """Return a folder of the file system that the cluster itself uses for this path.

    A path without a scheme is one of the cluster's default file system, which is not this machine's disk on
    most clusters. Connect cannot be asked for it, so there the path means what pyarrow makes of it.
    """
    if is_connect(spark):
        return shard.open_folder(path)
    jvm: Any = spark._jvm
    place = jvm.org.apache.hadoop.fs.Path(path)
    system = place.getFileSystem(spark._jsc.hadoopConfiguration())
    if system.getUri().getScheme() == "file":
        return shard.open_folder(system.makeQualified(place).toUri().getPath())
    return HadoopFolder(jvm, system, place)


class HadoopFolder:
    """Small files in a folder of HDFS, of an object store, or whatever else Hadoop reaches."""

    def __init__(self, jvm: Any, system: Any, path: Any) -> None:
        self._jvm = jvm
        self._system = system
        self._path = path

    def __repr__(self) -> str:
        return str(self._path.toString())

    def read(self, name: str) -> bytes | None:
        """Return at most `LIMIT_BYTES` and one byte of a file; None if there is no such file."""
        with self._told("read", name):
            path = self._jvm.org.apache.hadoop.fs.Path(self._path, name)
            if not self._system.exists(path):
                return None
            size = min(self._system.getFileStatus(path).getLen(), LIMIT_BYTES + 1)
            stream = self._system.open(path)
            try:
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream, size))
            finally:
                stream.close()

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: to another name that is then renamed, or in one piece to an object store."""
        with self._told("written", name):
            path_of = self._jvm.org.apache.hadoop.fs.Path
            path = path_of(self._path, name)
            whole = self._system.getUri().getScheme() in _WHOLE_OBJECTS
            target = path if whole else path_of(self._path, f".{name}.part")
            stream = self._system.create(target, True)
            try:
                stream.write(bytearray(content))
            finally:
                stream.close()
            if not whole:
                # Between the two the file is missing, and a missing file means only that more is asked again.
                self._system.delete(path, False)
                if not self._system.rename(target, path):
                    raise JournalError(
                        f"{self!r}/{name} cannot be written: {target.getName()} was not renamed"
                    )

    def names(self) -> list[str]:
        """Return the names in the folder."""
        with self._told("read", ""):
            if not self._system.exists(self._path):
                return []
            return sorted(each.getPath().getName() for each in self._system.listStatus(self._path))

    @contextlib.contextmanager
    def _told(self, verb: str, name: str) -> Iterator[None]:
        from py4j.protocol import Py4JJavaError

        try:
            yield
        except Py4JJavaError as error:
            what = str(error.java_exception.toString())[:300]
            raise JournalError(f"{self!r}/{name} cannot be {verb}: {what}") from None
