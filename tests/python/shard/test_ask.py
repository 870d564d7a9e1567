"""One part: its lines, its outcome, and what a fatal error becomes."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import layercheck as lc
from fake_account import SECRET, TOKEN, digests
from layercheck import shard
from layercheck.shard.ask import Patience
from layercheck.testing import Fault, FractionOfDigests, LocalEcr

from .conftest import HELD

ask_module = sys.modules["layercheck.shard.ask"]  # the name is that of its function too
SHARE = shard.Share(2, 2_000.0, 16, 2.5)


def settings_of(ecr: LocalEcr, **given: Any) -> shard.Settings:
    given = {"repository_name": "app", "region_name": "us-east-1", "rate": 4_000, **given}
    return shard.Settings(endpoint_url=ecr.endpoint_url, **given)


def part(texts: list[str], size: int = 1_000) -> list[pa.RecordBatch]:
    whole = pa.Table.from_batches(shard.prepare([pa.record_batch({"digest": texts})]))
    batches: list[pa.RecordBatch] = whole.to_batches(max_chunksize=size)
    return batches


def test_lines_are_in_the_exact_schema_and_in_small_batches() -> None:
    texts = digests(120_000)
    with LocalEcr({"app": FractionOfDigests(0.5)}, region_name=None) as ecr:
        asking = shard.ask(part(texts), settings_of(ecr), SHARE)
        began = datetime.now(UTC)
        batches = list(asking)
    assert all(batch.schema.equals(shard.SCHEMA, check_metadata=True) for batch in batches)
    assert all(field.nullable for field in shard.SCHEMA)
    assert max(batch.num_rows for batch in batches) == 50_000
    found = pa.Table.from_batches(batches)
    assert found["digest"].to_pylist() == texts
    assert asking.outcome.asked.digests == 120_000
    assert asking.outcome.calls == asking.outcome.requests == 1_200
    times = set(found["asked_at"].to_pylist())
    assert len(times) == 1
    assert began.timestamp() - 1 <= times.pop().timestamp() <= datetime.now(UTC).timestamp()


def test_a_part_without_digests_makes_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a client was made")

    monkeypatch.setattr(ask_module, "open_checker", never)
    empty = pa.record_batch({"digest": pa.array([], pa.binary())})
    for batches in ([], [empty]):
        asking = shard.ask(batches, shard.Settings("app", rate=1), SHARE)
        assert pa.Table.from_batches(asking, schema=shard.SCHEMA).num_rows == 0
        assert asking.outcome == shard.Outcome(parts=1)
    assert shard.empty_table().schema.equals(shard.SCHEMA)


def test_blocks_of_a_part_are_asked_one_after_the_other(
    ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_module, "BLOCK_DIGESTS", 7)
    asking = shard.ask(part(HELD, size=3), settings_of(ecr), SHARE)
    found = pa.Table.from_batches(asking)
    assert found["digest"].to_pylist() == HELD
    assert asking.outcome.calls == 5
    assert asking.outcome.asked == shard.fingerprint(part(HELD))


DEAD_ENDS: list[tuple[str, dict[str, Any], list[Fault], type[lc.LayercheckError], str]] = [
    (
        "no repository",
        {"repository_name": "nope"},
        [],
        lc.RepositoryNotFoundError,
        "RepositoryNotFoundException",
    ),
    ("access denied", {}, [Fault("access_denied")], lc.AccessDeniedError, "AccessDeniedException"),
    (
        "access denied later",
        {},
        [Fault("access_denied", calls=(3, None))],
        lc.AccessDeniedError,
        "AccessDeniedException",
    ),
    ("no profile", {"session": "no-such-profile"}, [], lc.CredentialsError, "CredentialsError"),
    ("no module", {"session": "no_such_module:make"}, [], lc.CredentialsError, "CredentialsError"),
]


@pytest.mark.parametrize(
    ("name", "given", "faults", "error", "code"), DEAD_ENDS, ids=[c[0] for c in DEAD_ENDS]
)
def test_a_dead_end_is_data_and_the_driver_raises_our_class(
    name: str, given: dict[str, Any], faults: list[Fault], error: type[lc.LayercheckError], code: str
) -> None:
    texts = digests(2_000)
    with LocalEcr({"app": texts[::2]}, region_name=None, faults=faults) as ecr:
        asking = shard.ask(part(texts), settings_of(ecr, **given), SHARE, _patience=_no_patience())
        rows, outcome = shard.Outcome.split(asking.with_outcome())
    found = pa.Table.from_batches(rows)
    assert outcome == asking.outcome
    assert found["digest"].to_pylist() == texts
    assert outcome.asked.digests == 2_000
    assert outcome.counts["not_checked"] > 0
    assert not outcome.is_final
    unasked = [row for row in found.to_pylist() if row["verdict"] == "not_checked"]
    assert {row["code"] for row in unasked} == {code}
    assert {row["asked_at"] for row in unasked} == {None}
    assert len({row["reason"] for row in unasked}) == 1
    with pytest.raises(error) as raised:
        outcome.raise_error()
    assert type(raised.value) is error
    assert str(raised.value) == unasked[0]["reason"]
    for secret in (SECRET, TOKEN):
        assert secret not in str(found.to_pylist())
        assert secret not in str(raised.value)


def test_a_part_stops_asking_after_a_dead_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_module, "BLOCK_DIGESTS", 100)
    with LocalEcr({"app": ()}, region_name=None, faults=[Fault("access_denied")]) as ecr:
        asking = shard.ask(part(digests(2_000), size=100), settings_of(ecr), SHARE)
        assert sum(batch.num_rows for batch in asking) == 2_000
        assert ecr.counters.calls == 1


def _no_patience() -> Patience:
    """A clock that is far ahead after each sleep."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += 100.0

    return Patience(clock=lambda: now[0], sleep=sleep, draw=lambda low, high: high)


@pytest.mark.usefixtures("new_worker")
def test_credentials_that_come_late_are_waited_for(ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")

    patience = Patience(clock=lambda: sum(slept), sleep=sleep, draw=lambda low, high: high)
    asking = shard.ask(part(HELD), settings_of(ecr), SHARE, _patience=patience)
    found = pa.Table.from_batches(asking)
    assert "not_checked" not in found["verdict"].to_pylist()
    assert asking.outcome.error is None
    assert slept == [0.5, 1.0, 2.0]


@pytest.mark.usefixtures("new_worker")
def test_credentials_that_never_come_are_a_dead_end_after_half_a_minute(
    ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    slept: list[float] = []
    patience = Patience(clock=lambda: sum(slept), sleep=slept.append, draw=lambda low, high: high)
    asking = shard.ask(part(HELD), settings_of(ecr), SHARE, _patience=patience)
    list(asking)
    assert 30 <= sum(slept) <= 40
    with pytest.raises(lc.CredentialsError):
        asking.outcome.raise_error()


def test_a_part_stops_when_it_is_told_to() -> None:
    texts = digests(20_000)
    with LocalEcr({"app": texts[::2]}, region_name=None, latency_ms=5) as ecr:

        def stop() -> bool:
            return ecr.counters.calls >= 20

        share = shard.Share(1, 200.0, 8, 5.0)
        asking = shard.ask(part(texts), settings_of(ecr), share, stop=stop)
        found = pa.Table.from_batches(asking)
        assert ecr.counters.calls < 200
    assert found.num_rows == len(texts)
    assert asking.outcome.counts["not_checked"] > 0
    assert asking.outcome.counts["available"] > 0
    with pytest.raises(lc.RunCancelled):
        asking.outcome.raise_error()


def test_a_part_that_is_not_told_to_stop_is_asked_to_the_end(ecr: LocalEcr) -> None:
    asking = shard.ask(part(HELD), settings_of(ecr), SHARE, stop=lambda: False)
    assert sum(batch.num_rows for batch in asking) == len(HELD)
    assert asking.outcome.error is None


def test_credentials_that_the_service_refuses_are_not_waited_for() -> None:
    slept: list[float] = []
    patience = Patience(clock=lambda: sum(slept), sleep=slept.append, draw=lambda low, high: high)
    with LocalEcr(["app"], region_name=None, faults=[Fault("expired_token")]) as ecr:
        asking = shard.ask(part(HELD), settings_of(ecr), SHARE, _patience=patience)
        list(asking)
    with pytest.raises(lc.CredentialsError):
        asking.outcome.raise_error()
    assert slept == []


def test_exceptions_of_the_engine_pass_through(ecr: LocalEcr) -> None:
    class EngineError(Exception):
        pass

    def batches() -> Iterator[pa.RecordBatch]:
        yield from part(HELD)
        raise EngineError("a block is lost")

    with pytest.raises(EngineError):
        list(shard.ask(batches(), settings_of(ecr), SHARE))


class BrokenSession:
    """What a function may return by mistake: it looks like a session, and fails with a secret in its text."""

    region_name = "us-east-1"

    def client(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(f"no client with {SECRET}")

    def get_credentials(self) -> None:
        return None


def broken_session() -> Any:
    return BrokenSession()


def test_an_exception_that_is_not_ours_is_data_without_its_text(ecr: LocalEcr) -> None:
    settings = settings_of(ecr, session=f"{__name__}:broken_session")
    seen = shard.look(settings)
    assert seen.error is not None
    assert SECRET not in seen.to_json()
    asking = shard.ask(part(HELD), settings, SHARE)
    found = pa.Table.from_batches(asking).to_pylist()
    assert {row["verdict"] for row in found} == {"not_checked"}
    assert {row["code"] for row in found} == {"RuntimeError"}
    assert SECRET not in str(found)
    with pytest.raises(
        lc.LayercheckError, match=r"a part failed: RuntimeError in test_ask\.py, line"
    ) as raised:
        asking.outcome.raise_error()
    assert type(raised.value) is lc.LayercheckError


def test_rows_that_were_not_prepared_are_a_dead_end(ecr: LocalEcr) -> None:
    for column in (pa.array(HELD), pa.array([b"short"], pa.binary()), pa.array([1])):
        asking = shard.ask([pa.record_batch({"digest": column})], settings_of(ecr), SHARE)
        assert sum(batch.num_rows for batch in asking) == 0
        with pytest.raises(lc.InvalidParameterError, match=r"prepare\(\) yields"):
            asking.outcome.raise_error()


def test_a_part_that_is_left_closes_its_connections(ecr: LocalEcr) -> None:
    asking = shard.ask(part(HELD), settings_of(ecr), SHARE)
    lines = iter(asking)
    next(lines)
    checker = asking._checker
    assert checker is not None
    lines.close()  # type: ignore[attr-defined]
    del lines
    gc.collect()
    with pytest.raises(lc.LayercheckError, match="closed"):
        checker.check(HELD)


def test_a_worker_of_another_account_does_not_ask(ecr: LocalEcr) -> None:
    # The key ids show the accounts 029608264753 and 581039954779.
    settings = settings_of(ecr, session=f"{__name__}:session_of_another")
    settings = shard.accept(settings, shard.look(settings))
    assert settings.account == "029608264753"
    settings = settings_of(ecr, account="123456789012", session=f"{__name__}:session_of_another")
    calls = ecr.counters.calls
    asking = shard.ask(part(HELD), settings, SHARE)
    list(asking)
    with pytest.raises(lc.InvalidParameterError, match="of account 029608264753 and those of the first one"):
        asking.outcome.raise_error()
    assert ecr.counters.calls == calls


@pytest.mark.parametrize("first", ["old key", "new key"])
def test_a_worker_whose_keys_do_not_show_their_account_needs_the_keys_of_the_first_one(
    ecr: LocalEcr, first: str
) -> None:
    """Keys from before 2019 do not. A worker of another account would find nothing of what is there."""
    of_first = "session_of_old_keys" if first == "old key" else "session_of_another"
    of_second = "session_of_another" if first == "old key" else "session_of_old_keys"
    settings = settings_of(ecr, session=f"{__name__}:{of_first}")
    settings = shard.accept(settings, shard.look(settings))
    same = shard.ask(part(HELD), settings, SHARE)
    assert sum(batch.num_rows for batch in same) == len(HELD)
    assert same.outcome.error is None
    calls = ecr.counters.calls
    asking = shard.ask(part(HELD), replace(settings, session=f"{__name__}:{of_second}"), SHARE)
    assert {line for batch in asking for line in batch.column("verdict").to_pylist()} == {"not_checked"}
    with pytest.raises(lc.InvalidParameterError, match="do not show whether the account is the same"):
        asking.outcome.raise_error()
    assert ecr.counters.calls == calls
    assert "AKIAIOSFODNN7EXAMPLE" not in repr(settings)


def test_a_source_of_keys_that_fails_once_is_asked_again_before_accounts_are_compared(ecr: LocalEcr) -> None:
    """Keys that could not be fetched are neither those of another account nor those of the same one."""
    settings = settings_of(ecr, session=f"{__name__}:session_of_another")
    settings = shard.accept(settings, shard.look(settings))
    failures.append(1)
    slept: list[float] = []
    patience = Patience(clock=lambda: sum(slept), sleep=slept.append, draw=lambda low, high: high)
    settings = replace(settings, session=f"{__name__}:session_that_fails")
    asking = shard.ask(part(HELD), settings, SHARE, _patience=patience)
    assert "not_checked" not in {v for batch in asking for v in batch.column("verdict").to_pylist()}
    assert asking.outcome.error is None
    assert (failures, slept[0]) == ([], 0.5)


failures: list[int] = []


def session_that_fails() -> Any:
    """The keys of `session_of_another`, after as many failures as there are in `failures`."""
    import boto3
    import botocore.credentials
    import botocore.exceptions
    import botocore.session

    def renew() -> dict[str, Any]:
        if failures:
            failures.pop()
            raise botocore.exceptions.ConnectTimeoutError(endpoint_url="http://127.0.0.1/")
        expires = datetime.now(UTC) + timedelta(hours=1)
        keys = {"access_key": "ASIAQNZGKIQY56JQ7WML", "secret_key": SECRET, "token": TOKEN}
        return {**keys, "expiry_time": expires.isoformat()}

    core: Any = botocore.session.Session()
    core._credentials = botocore.credentials.DeferredRefreshableCredentials(renew, "own")
    return boto3.Session(botocore_session=core, region_name="us-east-1")


def session_of_old_keys() -> Any:
    import boto3

    return boto3.Session(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key=SECRET)


def session_of_another() -> Any:
    import boto3

    return boto3.Session(aws_access_key_id="ASIAQNZGKIQY56JQ7WML", aws_secret_access_key=SECRET)


def test_a_worker_with_another_endpoint_does_not_ask(ecr: LocalEcr) -> None:
    settings = settings_of(ecr, asked_url="https://api.ecr.eu-west-1.amazonaws.com")
    asking = shard.ask(part(HELD), settings, SHARE)
    list(asking)
    with pytest.raises(lc.InvalidParameterError, match="give all workers the same settings of AWS"):
        asking.outcome.raise_error()


def test_settings_without_a_rate_are_refused_on_the_driver(ecr: LocalEcr) -> None:
    for rate in (None, "quota"):
        with pytest.raises(lc.InvalidParameterError, match=r"use those that accept\(\) returned"):
            shard.ask([], settings_of(ecr, rate=rate), SHARE)


def test_digests_of_a_million_are_deduplicated(ecr: LocalEcr) -> None:
    raw = [hashlib.sha256(str(number % 3).encode()).digest() for number in range(9)]
    asking = shard.ask([pa.record_batch({"digest": pa.array(raw, pa.binary())})], settings_of(ecr), SHARE)
    assert sum(batch.num_rows for batch in asking) == 3
