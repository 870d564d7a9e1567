"""What a death costs, what a rerun asks, and which manifests are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layercheck as lc
from fake_account import SECRET, TOKEN, digests
from layercheck import shard
from layercheck.shard import waves
from layercheck.testing import Fault, LocalEcr
from layercheck.types import Progress

from . import by_hand
from .test_settings import session

DIGESTS = digests(400)
PARTS = [[pa.record_batch({"digest": DIGESTS[at::3]})] for at in range(3)]
EXPECTED = {digest: ("available" if at % 2 == 0 else "unavailable") for at, digest in enumerate(DIGESTS)}


def _server(**given: Any) -> LocalEcr:
    return LocalEcr({"app": DIGESTS[::2]}, region_name=None, **given)


def _settings(ecr: LocalEcr, **given: Any) -> shard.Settings:
    given = {"repository_name": "app", "region_name": "us-east-1", "rate": 5_000, **given}
    return shard.Settings(endpoint_url=ecr.endpoint_url, **given)


def _verdicts(found: pa.Table) -> dict[str, str]:
    return {digest: line[0] for digest, line in by_hand.lines_of(found).items()}


def _kill(step: str, times: int = 1) -> Callable[[str, int], None]:
    """Kill the driver at the n-th time that it comes to a step."""
    seen = [0]

    def on(at: str, number: int) -> None:
        if at == step:
            seen[0] += 1
            if seen[0] == times:
                raise by_hand.Killed

    return on


@pytest.fixture(scope="module")
def server() -> Iterator[LocalEcr]:
    with _server() as ecr:
        yield ecr


@pytest.fixture(scope="module")
def finished(server: LocalEcr, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("finished")
    # By a function, because a fixture of the module is made without the environment of a test.
    by_hand.audit(PARTS, _settings(server, session="layercheck.testing:dummy_session"), path)
    return path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


STEPS = ["prepared", "slice", "asked", "written", "finished"]


@pytest.mark.parametrize("step", STEPS)
def test_a_driver_that_dies_anywhere_costs_at_most_one_slice(step: str, tmp_path: Path) -> None:
    with _server() as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path / "whole", slices=8)
        least = ecr.counters.digests
        ecr.reset()
        with pytest.raises(by_hand.Killed):
            by_hand.audit(
                PARTS,
                _settings(ecr),
                tmp_path / "run",
                slices=8,
                on=_kill(step, 1 if step == "prepared" else 3),
            )
        found = by_hand.audit(PARTS, _settings(ecr), tmp_path / "run", slices=8)
        asked = ecr.counters.digests
    assert _verdicts(found) == EXPECTED
    largest = max(
        json.loads(each.read_text())["digests"] for each in (tmp_path / "run/_layercheck").glob("slice=*")
    )
    assert asked <= least + largest + 2  # and one digest for each look
    assert shard.summary(tmp_path / "run").complete


@settings(max_examples=20)
@given(st.data(), st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 5)), max_size=4))
def test_any_number_of_deaths_changes_no_verdict(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, deaths: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("run")
    with _server() as ecr:
        for at, (step, times) in enumerate(deaths):
            try:
                by_hand.audit(PARTS, _settings(ecr), path, on=_kill(step, times), seed=at)
            except by_hand.Killed:
                continue
        shuffled = data.draw(st.permutations(PARTS))
        found = by_hand.audit(shuffled, _settings(ecr), path)
    assert _verdicts(found) == EXPECTED


def test_a_finished_run_asks_nothing_again(tmp_path: Path) -> None:
    with _server() as ecr:
        first = by_hand.audit(PARTS, _settings(ecr), tmp_path)
        before = {each.name: each.read_bytes() for each in (tmp_path / "_layercheck").glob("*.json")}
        calls = ecr.counters.calls
        again = by_hand.audit(PARTS, _settings(ecr), tmp_path)
        assert ecr.counters.calls == calls + 1  # the look
    assert again.equals(first)
    assert before == {each.name: each.read_bytes() for each in (tmp_path / "_layercheck").glob("*.json")}


def test_a_slice_that_is_asked_twice_changes_nothing(tmp_path: Path) -> None:
    with _server() as ecr:
        first = by_hand.audit(PARTS, _settings(ecr), tmp_path)
        counted = shard.summary(tmp_path)
        (tmp_path / "_layercheck/slice=0002.json").unlink()
        assert shard.summary(tmp_path).open == (2,)
        again = by_hand.audit(PARTS, _settings(ecr), tmp_path)
    assert by_hand.lines_of(again) == by_hand.lines_of(first)
    assert shard.summary(tmp_path).counts == counted.counts


def test_old_slices_are_asked_again(tmp_path: Path) -> None:
    with _server() as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        name = tmp_path / "_layercheck/slice=0001.json"
        old = json.loads(name.read_text())
        name.write_text(json.dumps({**old, "oldest": "2020-01-01T00:00:00+00:00"}))
        calls = ecr.counters.digests
        by_hand.audit(PARTS, _settings(ecr), tmp_path, max_age_s=1e6)
        assert ecr.counters.digests == calls + old["digests"] + 1
        by_hand.audit(PARTS, _settings(ecr), tmp_path, max_age_s=1e6)
        assert ecr.counters.digests == calls + old["digests"] + 2


@pytest.mark.parametrize("age", [-1, True, "1h", float("nan")])
def test_an_age_that_is_none_is_refused(age: Any, server: LocalEcr, run: Path) -> None:
    with pytest.raises(lc.InvalidParameterError, match=r"max_age_s is .*; expected seconds, from 0 on"):
        by_hand.audit(PARTS, _settings(server), run, max_age_s=age)


def test_the_last_slice_asks_once_more_what_has_no_final_verdict(tmp_path: Path) -> None:
    # Answers that contradict themselves about a digest twice leave it unanswered.
    with _server(faults=[Fault("contradict", calls=(2, 9), share=1.0)]) as ecr:
        found = by_hand.audit(PARTS, _settings(ecr), tmp_path)
        unanswered = [
            json.loads((tmp_path / f"_layercheck/slice={at:04d}.json").read_text())["counts"]["unanswered"]
            for at in range(4)
        ]
        last = json.loads((tmp_path / "_layercheck/slice=0004.json").read_text())
    assert sum(unanswered) == last["digests"] > 0
    assert _verdicts(found) == EXPECTED
    summed = shard.summary(tmp_path)
    assert summed.complete
    assert summed.counts["unanswered"] == 0
    assert sum(summed.counts.values()) == len(DIGESTS)


def test_what_the_last_slice_left_open_is_asked_by_the_next_run(tmp_path: Path) -> None:
    with _server(faults=[Fault("contradict", calls=(2, 30), share=1.0)]) as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        assert not shard.summary(tmp_path).complete
        found = by_hand.audit(PARTS, _settings(ecr), tmp_path)
    assert _verdicts(found) == EXPECTED
    assert shard.summary(tmp_path).complete


def test_a_last_slice_counts_no_more_when_the_others_were_asked_again(tmp_path: Path) -> None:
    with _server(faults=[Fault("contradict", calls=(2, 9), share=1.0)]) as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        assert (tmp_path / "_layercheck/slice=0004.json").exists()
        found = by_hand.audit(PARTS, _settings(ecr), tmp_path, max_age_s=0.0)
    assert _verdicts(found) == EXPECTED
    summed = shard.summary(tmp_path)
    assert sum(summed.counts.values()) == summed.settled == summed.digests == len(DIGESTS)


@pytest.mark.parametrize("times", [1, 3])
def test_a_run_that_asks_old_slices_again_is_gone_on_with_without_the_age(times: int, tmp_path: Path) -> None:
    with _server(faults=[Fault("contradict", calls=(2, 9), share=1.0)]) as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        with pytest.raises(by_hand.Killed):
            by_hand.audit(PARTS, _settings(ecr), tmp_path, max_age_s=0.0, on=_kill("written", times))
        found = by_hand.audit(PARTS, _settings(ecr), tmp_path)
    assert _verdicts(found) == EXPECTED
    assert shard.summary(tmp_path).complete


def test_a_dead_end_in_the_middle_leaves_the_slice_open_and_the_rerun_goes_on(tmp_path: Path) -> None:
    with _server(faults=[Fault("access_denied", calls=(5, 8))]) as ecr:
        with pytest.raises(lc.AccessDeniedError):
            by_hand.audit(PARTS, _settings(ecr), tmp_path, askers=1)
        done = shard.summary(tmp_path)
        assert done.open
        assert done.counts["not_checked"] == 0
        while ecr.counters.calls < 8:
            with pytest.raises(lc.AccessDeniedError):
                lc.check(DIGESTS[:1], "app", client=ecr.client())
        found = by_hand.audit(PARTS, _settings(ecr), tmp_path, askers=1)
    assert _verdicts(found) == EXPECTED


def test_another_input_is_refused(tmp_path: Path) -> None:
    with _server() as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        more = [*PARTS, [pa.record_batch({"digest": ["latest"]})]]
        with pytest.raises(lc.JournalError, match=r"401 rows instead of 400, 1 invalid rows instead of 0"):
            by_hand.audit(more, _settings(ecr), tmp_path)
        other = [[pa.record_batch({"digest": digests(401)[1:]})]]
        with pytest.raises(lc.JournalError, match="it has other digests; pass the same rows to go on"):
            by_hand.audit(other, _settings(ecr), tmp_path)


def test_another_target_is_refused(tmp_path: Path) -> None:
    with _server() as ecr:
        ecr.add_repository("other")
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        with pytest.raises(lc.JournalError) as refused:
            by_hand.audit(PARTS, _settings(ecr, repository_name="other"), tmp_path)
    assert "repository_name 'app' instead of 'other'" in str(refused.value)
    assert "another path to begin anew" in str(refused.value)


def test_two_audits_at_one_path_notice_each_other(tmp_path: Path) -> None:
    folder = shard.open_folder(tmp_path)
    digests = shard.fingerprint(shard.prepare([pa.record_batch({"digest": ["ab" * 32]})]))
    preparation = shard.Preparation(shard.Counts(1, seen=digests), 1, {0: digests})
    outcome = shard.Outcome(digests, {**shard.Outcome().counts, "available": 1}, parts=1)
    look = shard.Look("1", "", "3", endpoint_url="http://127.0.0.1:1")
    one = shard.Waves(folder, shard.Settings("app", rate=1.0), look, preparation)
    with pytest.raises(lc.JournalError, match="repository_name 'app' instead of 'web'"):
        shard.Waves(folder, shard.Settings("web", rate=1.0), look, preparation)
    with pytest.raises(lc.JournalError, match="repository_name 'app' instead of 'web'"):
        waves.refuse_other_run(folder, shard.Settings("web", rate=1.0), look)
    other = shard.Waves(folder, shard.Settings("app", rate=1.0), look, preparation)
    for act in (lambda: one.finish(0, outcome, began=1.0), one.check):
        with pytest.raises(
            lc.JournalError, match=r"another audit used .*: it began later, .*; run each again"
        ):
            act()
    other.finish(0, outcome, began=2.0)
    other.check()


def test_a_run_that_asks_what_is_done_says_so_before_and_notices_another(tmp_path: Path) -> None:
    folder = shard.open_folder(tmp_path)
    digests = shard.fingerprint(shard.prepare([pa.record_batch({"digest": ["ab" * 32]})]))
    preparation = shard.Preparation(shard.Counts(1, seen=digests), 1, {0: digests})
    outcome = shard.Outcome(digests, {**shard.Outcome().counts, "available": 1}, parts=1)
    look = shard.Look("1", "", "3", endpoint_url="http://127.0.0.1:1")

    def made() -> shard.Waves:
        return shard.Waves(folder, shard.Settings("app", rate=1.0), look, preparation)

    made().finish(0, outcome, began=1.0)
    record = (tmp_path / "run.json").read_bytes()
    one, other = made(), made()
    assert not one.open
    assert (tmp_path / "run.json").read_bytes() == record
    one.begin()
    one.begin()
    assert (tmp_path / "run.json").read_bytes() != record
    one.finish(0, outcome, began=2.0)
    other.begin()
    with pytest.raises(lc.JournalError, match=r"another audit used .*: it began later"):
        one.check()
    other.finish(0, outcome, began=3.0)


def test_a_slice_that_is_asked_again_is_open_until_it_is_done(tmp_path: Path) -> None:
    folder = shard.open_folder(tmp_path / "_layercheck")
    digests = shard.fingerprint(shard.prepare([pa.record_batch({"digest": ["ab" * 32]})]))
    preparation = shard.Preparation(shard.Counts(1, seen=digests), 1, {0: digests})
    preparation.write(folder)
    outcome = shard.Outcome(digests, {**shard.Outcome().counts, "available": 1}, parts=1)
    look = shard.Look("1", "", "3", endpoint_url="http://127.0.0.1:1")

    def made() -> shard.Waves:
        return shard.Waves(folder, shard.Settings("app", rate=1.0), look, preparation)

    waves = made()
    waves.begin(0)
    waves.finish(0, outcome, began=1.0)
    assert shard.summary(tmp_path).complete
    again = made()
    assert not again.open
    again.begin(0)  # and then the driver dies
    assert again.open == [0]
    assert shard.summary(tmp_path).open == (0,)
    successor = made()
    assert successor.open == [0]
    successor.finish(0, outcome, began=2.0)
    assert shard.summary(tmp_path).complete


def test_lines_that_were_lost_or_doubled_on_their_way_leave_the_slice_open(tmp_path: Path) -> None:
    with _server() as ecr:
        settings_ = _settings(ecr)
        seen = shard.look(settings_)
    whole = list(shard.prepare([batch for part in PARTS for batch in part]))
    record = shard.Preparation(shard.Counts(400), 1, {0: shard.fingerprint(whole)})
    folder = shard.open_folder(tmp_path)
    waves = shard.Waves(folder, shard.accept(settings_, seen), seen, record)
    for asked in (shard.Fingerprint(), record.fingerprints[0] + record.fingerprints[0]):
        with pytest.raises(lc.LayercheckError, match="and should have asked 400"):
            waves.finish(0, shard.Outcome(asked=asked), began=0.0)
    assert waves.open == [0]
    assert folder.names() == ["run.json"]


LIES: dict[str, tuple[Any, str]] = {
    "another number of digests": ({"digests": 3, "counts": {"available": 3}}, "3 digests (hash"),
    "another hash": ({"hash": "0" * 16}, "(hash 0000000000000000) instead of"),
    "counts that do not add up": ({"counts": {"available": 10**6}}, "do not add up to its digests"),
    "more slices": ({"slices": 8}, "8 slices instead of 4"),
    "another slice": ({"slice": 3}, "number 3"),
    "another account": ({"target": {"account": "210987654321"}}, "account '210987654321' instead of None"),
    "a later format": ({"format": 2}, "its format is 2 and this version reads 1"),
    "a count below zero": ({"calls": -1}, "'calls' is not a whole number from 0 on"),
    "a count that is too large": ({"calls": 1 << 63}, "'calls' is not a whole number"),
    "a count that is no number": ({"calls": True}, "'calls' is not a whole number"),
    "a fraction": ({"digests": 1.0}, "'digests' is not a whole number"),
    "a hash that is none": ({"hash": "0x12"}, "'hash' is not 16 hex digits"),
    "a time without a zone": ({"ended": "2026-01-01T00:00:00"}, "'ended' is not a time such as"),
    "a time that is none": ({"began": "soon"}, "'began' is not a time"),
    "no age": ({"oldest": None}, "'oldest' is not a short text"),
    "attempts that are none": ({"attempts": {"a": 1}}, "'a' is not a short text"),
    "a version of a megabyte": ({"layercheck": "x" * 100_000}, "'layercheck' is not a short text"),
    "a target that is a list": ({"target": []}, "'target' is not an object"),
    "a missing member": ({"parts": None}, "'parts' is not a whole number"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_manifest_that_lies_is_refused_with_what_differs(case: str, server: LocalEcr, run: Path) -> None:
    changes, message = LIES[case]
    name = run / "_layercheck/slice=0001.json"
    values = json.loads(name.read_text())
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    if case == "another number of digests":
        values["counts"] = dict.fromkeys(values["counts"], 0) | {"available": 3}
    name.write_text(json.dumps(values))
    with pytest.raises(lc.JournalError) as refused:
        by_hand.audit(PARTS, _settings(server), run)
    assert message in str(refused.value)
    assert "slice=0001.json" in str(refused.value)
    assert len(str(refused.value)) < 1_000


HOSTILE = {
    "nothing": b"",
    "half": b'{"format": 1, "slice"',
    "not JSON": b"\x00\xff\xfe",
    "deep": b"[" * 100_000,
    "a list": b"[1, 2]",
    "large": b'{"a": "' + b"x" * 2_000_000 + b'"}',
    "a long number": b'{"format": ' + b"1" * 10_000 + b"}",
    "escapes": b'{"format": 1, "slice": "\\u001b[31m"}',
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("name", ["slice=0001.json", "input.json"])
def test_hostile_files_end_in_one_clear_line(case: str, name: str, server: LocalEcr, run: Path) -> None:
    (run / "_layercheck" / name).write_bytes(HOSTILE[case])
    with pytest.raises(lc.JournalError) as refused:
        by_hand.audit(PARTS, _settings(server), run)
    assert name in str(refused.value)
    assert str(refused.value).isprintable()
    with pytest.raises(lc.JournalError):
        shard.summary(run)


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["format", "slice", "slices", "target", "digests", "hash", "counts", "began"]
                ),
                inner,
                max_size=8,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_manifest_or_a_journal_error(values: Any) -> None:
    content = json.dumps(values).encode()

    class Kept:
        def read(self, name: str) -> bytes | None:
            return content

        def write(self, name: str, content: bytes) -> None: ...

        def names(self) -> list[str]:
            return []

    for read in (lambda: shard.Manifest.read(Kept(), 0), lambda: shard.Preparation.read(Kept())):
        with pytest.raises(lc.JournalError):
            read()


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    with _server() as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path)
        for name in (".slice=0001.json.part", "slice=0001.json.bak", "slice=99999.json", "_SUCCESS"):
            (tmp_path / "_layercheck" / name).write_text("{")
        by_hand.audit(PARTS, _settings(ecr), tmp_path)


def test_a_path_without_a_run_has_no_summary(tmp_path: Path) -> None:
    with pytest.raises(lc.JournalError, match=f"no run began in '{tmp_path}'"):
        shard.summary(tmp_path)


@pytest.mark.parametrize("scheme", ["{}", "file:{}", "file://{}"])
def test_manifests_are_the_same_by_path_and_by_url(scheme: str, tmp_path: Path) -> None:
    folder = shard.open_folder(scheme.format(tmp_path / "new"))
    assert folder.names() == []
    assert folder.read("input.json") is None
    shard.Preparation(shard.Counts(3), 1, {}).write(folder)
    assert (tmp_path / "new/input.json").exists()
    assert folder.names() == ["input.json"]
    assert shard.Preparation.read(folder) == shard.Preparation(shard.Counts(3), 1, {})


def test_manifests_on_a_file_system_of_pyarrow(tmp_path: Path) -> None:
    import importlib

    local = importlib.import_module("pyarrow.fs").LocalFileSystem()
    folder_module = importlib.import_module("layercheck.shard.folder")
    folder = folder_module._ArrowFolder(local, str(tmp_path / "new"), "mock://new")
    assert folder.names() == []
    assert folder.read("input.json") is None
    for rows in (3, 4):
        shard.Preparation(shard.Counts(rows), 1, {}).write(folder)
        assert folder.names() == ["input.json"]
    assert shard.Preparation.read(folder) == shard.Preparation(shard.Counts(4), 1, {})


@pytest.mark.parametrize("url", ["nowhere://bucket/run", "s3a:///"])
def test_a_url_that_cannot_be_reached_is_said(url: str) -> None:
    with pytest.raises(lc.JournalError, match="cannot open"):
        shard.open_folder(url)


def test_progress_is_told_after_each_slice(tmp_path: Path) -> None:
    told: list[Progress] = []
    with _server() as ecr:
        by_hand.audit(PARTS, _settings(ecr), tmp_path, progress=told.append)
    assert [each.done for each in told] == [False, False, False, True]
    assert told[-1].settled == told[-1].unique == 400
    assert told[-1].rows_done == told[-1].rows == 400
    assert sum(told[-1].counts.values()) == 400
    assert told[0].seconds_left is not None


def test_no_file_and_no_text_of_a_run_holds_a_secret(tmp_path: Path) -> None:
    with _server() as ecr:
        settings_ = _settings(ecr, session=session)
        by_hand.audit(PARTS, settings_, tmp_path)
        texts = [repr(shard.look(settings_)), str(shard.summary(tmp_path)), repr(settings_)]
    kept = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
    assert len(kept) >= 9
    for secret in (SECRET, TOKEN):
        assert not any(secret.encode() in each for each in kept)
        assert not any(secret in each for each in texts)
