"""An audit in slices: it goes on where it ended, refuses what does not fit, and keeps to its rate."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from pyspark.serializers import CloudPickleSerializer
from pyspark.sql import DataFrame, SparkSession

import layercheck as lc
from audited import REPOSITORY, SECRET, TOKEN, digests, most_calls_in_a_second, of_one_process
from layercheck import shard
from layercheck.shard.folder import LIMIT_BYTES
from layercheck.spark import cluster, tasks
from layercheck.testing import Fault, LocalEcr
from on_spark import session, sessions
from on_spark.tables import frame_of, lines_of

TEXTS = digests(4000)
CALLS = 40


def failed_tasks(spark: SparkSession) -> int:
    """How many attempts of tasks have failed since the session began."""
    tracker = spark.sparkContext.statusTracker()
    jobs = [tracker.getJobInfo(number) for number in tracker.getJobIdsForGroup()]
    stages = [tracker.getStageInfo(stage) for job in jobs if job is not None for stage in job.stageIds]
    return sum(stage.numFailedTasks for stage in stages if stage is not None)


def manifests(folder: Path) -> dict[int, shard.Manifest]:
    """The manifests of a run."""
    kept = shard.open_folder(str(folder / "audit" / "_layercheck"))
    found = {number: shard.Manifest.read(kept, number) for number in range(5)}
    return {number: each for number, each in found.items() if each is not None}


def test_the_table_is_that_of_one_process(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    assert lines_of(audit(frame_of(spark, TEXTS), slices=4)) == of_one_process(ecr, TEXTS)


def test_exactly_so_many_tasks_ask_though_spark_adapts_the_number_of_others(
    spark: SparkSession, audit: Any, tmp_path: Path
) -> None:
    assert spark.conf.get("spark.sql.adaptive.enabled") == "true"
    audit(frame_of(spark, TEXTS), slices=2, askers=2)
    assert [each.outcome.parts for each in manifests(tmp_path).values()] == [2, 2]
    audit(frame_of(spark, TEXTS), slices=1, askers=1, path=tmp_path / "one" / "audit")
    assert [each.outcome.parts for each in manifests(tmp_path / "one").values()] == [1]


def test_a_second_call_asks_nothing_but_the_first_look(
    spark: SparkSession, ecr: LocalEcr, audit: Any
) -> None:
    first = lines_of(audit(frame_of(spark, TEXTS), slices=2))
    calls = ecr.counters.calls
    assert lines_of(audit(frame_of(spark, TEXTS, parts=2))) == first
    assert ecr.counters.calls == calls + 1


def test_slices_that_are_too_old_are_asked_again(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    table = lines_of(audit(frame_of(spark, TEXTS), slices=2))
    calls = ecr.counters.calls
    assert lines_of(audit(frame_of(spark, TEXTS), slices=2, max_age_s=0)) == table
    assert ecr.counters.calls >= calls + CALLS


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"slices": 4}, "has 2 slices instead of 4; leave slices out to go on", id="slices"),
        pytest.param(
            {"repository_name": "team/other"}, "repository_name 'team/app' instead", id="repository"
        ),
        pytest.param({"rows": [*TEXTS, "one more"]}, "4,001 rows instead of 4,000", id="a row more"),
        pytest.param({"rows": [*TEXTS[1:], digests(1, 9999)[0]]}, "other digests", id="another digest"),
    ],
)
def test_a_path_of_another_audit_is_refused(
    spark: SparkSession, ecr: LocalEcr, audit: Any, given: dict[str, Any], message: str
) -> None:
    ecr.add_repository("team/other")
    audit(frame_of(spark, TEXTS), slices=2)
    calls = ecr.counters.calls
    rows = given.pop("rows", TEXTS)
    with pytest.raises(lc.JournalError, match=message):
        audit(frame_of(spark, rows), **given)
    assert ecr.counters.calls == calls + 1


def test_a_repository_that_does_not_exist_is_our_exception_after_one_call(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path
) -> None:
    before = failed_tasks(spark)
    with pytest.raises(lc.RepositoryNotFoundError, match="check the name"):
        audit(frame_of(spark, TEXTS), repository_name="team/nothing")
    assert (ecr.counters.calls, failed_tasks(spark) - before) == (1, 0)
    assert not (tmp_path / "audit").exists()


def test_a_fatal_error_in_mid_run_is_tried_once_and_the_same_call_goes_on(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path
) -> None:
    before = failed_tasks(spark)
    ecr.set_faults([Fault("access_denied", calls=(30, None))])
    with pytest.raises(lc.AccessDeniedError, match="call audit again with the same arguments to go on"):
        audit(frame_of(spark, TEXTS), slices=2, rate=100)
    assert failed_tasks(spark) == before
    assert [*manifests(tmp_path)] == [0]
    ecr.set_faults([])
    calls = ecr.counters.calls
    assert lines_of(audit(frame_of(spark, TEXTS))) == of_one_process(ecr, TEXTS)
    assert manifests(tmp_path)[0].outcome.calls + ecr.counters.calls - calls < 2 * CALLS + 10


def test_what_has_no_final_verdict_is_asked_once_more(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path
) -> None:
    truth = lines_of(audit(frame_of(spark, TEXTS), slices=2))
    forget(spark, tmp_path, number=1, lines=150)
    calls = ecr.counters.calls
    table = audit(frame_of(spark, TEXTS))
    assert lines_of(table) == truth
    assert ecr.counters.calls - calls == 3  # the first look, and two parts
    assert shard.summary(tmp_path / "audit").complete
    # Asked again in its own slice, a digest does not come a second time from the last one.
    assert lines_of(audit(frame_of(spark, TEXTS), done=[], write=lambda frame, number: None)) == truth


def forget(spark: SparkSession, folder: Path, *, number: int, lines: int) -> None:
    """Make lines of a slice `unanswered`, as a service does that fails for a while."""
    path = str(folder / "audit" / f"slice={number}")
    rows = spark.read.schema(tasks.LINES).parquet(path).collect()
    found = [row.asDict() for row in rows]
    for each in found[:lines]:
        each |= {"verdict": "unanswered", "size": None, "media_type": None}
    spark.createDataFrame([tuple(each.values()) for each in found], tasks.LINES).write.mode(
        "overwrite"
    ).parquet(path)
    manifest = manifests(folder)[number]
    verdicts = [each["verdict"] for each in found]
    counts = {word: verdicts.count(word) for word in manifest.outcome.counts}
    outcome = dataclasses.replace(manifest.outcome, counts=counts)
    kept = shard.open_folder(str(folder / "audit" / "_layercheck"))
    dataclasses.replace(manifest, outcome=outcome).write(kept)


@pytest.mark.parametrize("lost", ["a slice", "a file", "all slices"])
def test_lines_that_are_gone_are_said_and_asked_again_without_their_manifest(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path, lost: str
) -> None:
    truth = lines_of(audit(frame_of(spark, TEXTS), slices=4))
    folders = sorted((tmp_path / "audit").glob("slice=*"))[0 if lost == "all slices" else 1 :][:4]
    for folder in folders if lost == "all slices" else folders[:1]:
        if lost == "a file":
            next(folder.glob("part-*.parquet")).unlink()
        else:
            shutil.rmtree(folder)
    calls = ecr.counters.calls
    number = 0 if lost == "all slices" else 1
    message = rf"slice={number} has [0-9]* lines and should have .* delete .*/slice=000{number}\.json and run"
    with pytest.raises(lc.JournalError, match=message):
        audit(frame_of(spark, TEXTS))
    assert ecr.counters.calls == calls + 1
    for manifest in (tmp_path / "audit" / "_layercheck").glob("slice=*.json"):
        if lost == "all slices" or manifest.name == "slice=0001.json":
            manifest.unlink()
    assert lines_of(audit(frame_of(spark, TEXTS))) == truth


def test_digests_that_are_gone_are_said(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path
) -> None:
    audit(frame_of(spark, TEXTS), slices=2)
    shutil.rmtree(tmp_path / "audit" / "_layercheck" / "digests" / "slice=1")
    (tmp_path / "audit" / "_layercheck" / "slice=0001.json").unlink()
    with pytest.raises(lc.JournalError, match=r"the digests of slice 1 are gone .* pass another path"):
        audit(frame_of(spark, TEXTS))


def test_what_somebody_else_put_under_the_path_is_not_read(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path
) -> None:
    truth = lines_of(audit(frame_of(spark, TEXTS), slices=2))
    spark.range(3).write.parquet(str(tmp_path / "audit" / "slice=99"))
    spark.range(3).write.parquet(str(tmp_path / "audit" / "of" / "others"))
    assert lines_of(audit(frame_of(spark, TEXTS))) == truth


@pytest.mark.parametrize("where", ["in it", "inside of it"])
def test_an_audit_is_not_put_into_the_table_of_its_rows(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path, where: str
) -> None:
    table = tmp_path / "own"
    frame_of(spark, TEXTS).write.parquet(str(table))
    with pytest.raises(lc.InvalidParameterError, match="pass a folder"):
        audit(spark.read.parquet(str(table)), path=table if where == "in it" else table / "audit")
    assert sorted(each.name for each in table.iterdir() if each.is_dir()) == []


def test_what_an_earlier_attempt_left_is_not_taken_for_digests(
    spark: SparkSession, ecr: LocalEcr, audit: Any, tmp_path: Path
) -> None:
    left = tmp_path / "audit" / "_layercheck" / "digests" / "slice=3"
    spark.createDataFrame([(b"\0" * 32,)], "digest binary").write.parquet(str(left))
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    try:
        assert lines_of(audit(frame_of(spark, TEXTS), slices=1)) == of_one_process(ecr, TEXTS)
    finally:
        spark.conf.unset("spark.sql.sources.partitionOverwriteMode")


def test_an_own_table_gets_the_lines_of_each_slice(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    written: dict[int, list[Any]] = {}

    def write(lines: DataFrame, number: int) -> None:
        assert lines.count() == len(lines.collect())  # two actions, and nothing is asked again
        written[number] = lines_of(lines)

    table = audit(frame_of(spark, TEXTS), slices=4, write=write)
    assert sorted(line for lines in written.values() for line in lines) == lines_of(table)
    assert ecr.counters.calls < CALLS + 4 * 2 + 2
    audit(frame_of(spark, TEXTS), write=lambda lines, number: written.pop(number), done=[0, 1, 3])
    assert [*written] == [0, 1, 3]


def test_progress_is_told_after_each_slice(spark: SparkSession, audit: Any) -> None:
    told: list[lc.Progress] = []
    audit(frame_of(spark, TEXTS), slices=4, progress=told.append)
    assert [each.done for each in told] == [False, False, False, True]
    assert [each.settled for each in told] == sorted(each.settled for each in told)
    assert (told[-1].settled, told[-1].unique, told[-1].rows_done) == (4000, 4000, 4000)


def test_all_askers_together_keep_to_the_rate(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    texts = digests(30_000)
    audit(frame_of(spark, texts), rate=100, askers=2, slices=1)
    assert most_calls_in_a_second(ecr) <= 102 + 2


def test_a_session_is_made_in_the_worker_by_the_name_of_a_function(
    spark: SparkSession, audit: Any, tmp_path: Path
) -> None:
    for name, function in (("as itself", sessions.by_function), ("by name", "on_spark.sessions:by_function")):
        table = audit(frame_of(spark, TEXTS[:100]), session=function, path=tmp_path / name)
        assert table.count() == 100


def test_what_holds_credentials_is_refused_before_anything_is_pickled(
    spark: SparkSession, ecr: LocalEcr, audit: Any
) -> None:
    made = boto3.Session(aws_access_key_id="AKID", aws_secret_access_key=SECRET, region_name="us-east-1")
    frame = frame_of(spark, TEXTS[:10])
    for held in (made, made.client("ecr"), made.get_credentials(), lambda: made):
        with pytest.raises(TypeError, match="session is"):
            audit(frame, session=held)
    assert ecr.counters.calls == 0


def test_no_secret_is_in_what_spark_sends_or_writes(
    spark: SparkSession, ecr: LocalEcr, audit: Any, cluster_folder: Path, tmp_path: Path
) -> None:
    audit(frame_of(spark, TEXTS), slices=2)
    settings = shard.Settings(REPOSITORY, endpoint_url=ecr.endpoint_url, region_name="us-east-1", rate=100)
    share = shard.share_of(100.0)
    command = CloudPickleSerializer().dumps((tasks.ask, settings, share))
    assert len(command) < 3_000
    assert len(pickle.dumps(settings)) < 2_000
    logs = session.executor_logs(spark)
    assert any(logs.rglob("stderr"))
    events = b"".join(each.read_bytes() for each in (cluster_folder / "events").rglob("*") if each.is_file())
    assert b"SparkListenerTaskEnd" in events  # it can be read
    files = [
        each
        for folder in (cluster_folder, tmp_path, logs)
        for each in folder.rglob("*")
        if each.is_file() and not each.is_symlink()
    ]
    assert len(files) > 10
    for content in [command, *(each.read_bytes() for each in files)]:
        assert SECRET.encode() not in content
        assert TOKEN.encode() not in content


@pytest.mark.parametrize(
    ("path", "lack"),
    [
        (
            "s3a://bucket/audit",
            "lacks org.apache.hadoop.fs.s3a.S3AFileSystem for s3a://; add the package hadoop",
        ),
        ("s3://bucket/audit", "has no file system for s3://; add the package hadoop-aws of the same version"),
        ("nowhere://bucket/audit", "has no file system for nowhere://; add the package of this file system"),
    ],
)
@pytest.mark.parametrize("has_folder", [False, True], ids=["no folder", "folder"])
def test_a_path_that_hadoop_cannot_open_is_said(
    spark: SparkSession, audit: Any, tmp_path: Path, path: str, lack: str, has_folder: bool
) -> None:
    folder = shard.open_folder(tmp_path) if has_folder else None
    with pytest.raises(lc.JournalError) as refused:
        audit(frame_of(spark, TEXTS[:2]), path=path, folder=folder)
    assert str(refused.value).startswith(f"path cannot be opened: the Hadoop of this Spark session {lack}")
    assert len(str(refused.value).splitlines()) == 1


def test_numbers_of_numpy_are_taken(spark: SparkSession, ecr: LocalEcr, audit: Any) -> None:
    given = {
        "slices": np.int64(2),
        "askers": np.int64(2),
        "rate": np.int64(2000),
        "max_age_s": np.float32(60),
    }
    assert lines_of(audit(frame_of(spark, TEXTS[:100]), **given)) == of_one_process(ecr, TEXTS[:100])


def test_the_folder_of_hadoop_is_like_the_folder_of_python(spark: SparkSession, tmp_path: Path) -> None:
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path((tmp_path / "kept").as_uri())
    folder = cluster.HadoopFolder(jvm, path.getFileSystem(spark._jsc.hadoopConfiguration()), path)
    assert (folder.names(), folder.read("one.json")) == ([], None)
    folder.write("one.json", b"first")
    folder.write("one.json", b"second")
    assert (folder.names(), folder.read("one.json")) == (["one.json"], b"second")
    (tmp_path / "kept" / "large.json").write_bytes(b"0" * (3 * LIMIT_BYTES))
    (tmp_path / "kept" / "empty.json").touch()
    assert len(folder.read("large.json") or b"") == LIMIT_BYTES + 1
    assert folder.read("empty.json") == b""
    (tmp_path / "file").touch()
    wrong = jvm.org.apache.hadoop.fs.Path((tmp_path / "file").as_uri())
    broken = cluster.HadoopFolder(jvm, wrong.getFileSystem(spark._jsc.hadoopConfiguration()), wrong)
    with pytest.raises(lc.JournalError, match="cannot be written"):
        broken.write("one.json", b"")
