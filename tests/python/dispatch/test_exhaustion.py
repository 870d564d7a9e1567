"""A run that ends without descriptors, threads or memory still ends, with every answer that it has."""

from __future__ import annotations

import dis
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import layercheck as lc
from dispatch.exhausted_run import DOORS
from dispatch.exhaustion_loop import run_all
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from fake_account import digests
from layercheck.dispatch.checker import Checker
from layercheck.dispatch.coalescing import Coalescer, Part
from layercheck.dispatch.connection import Connection
from layercheck.dispatch.run import Run
from layercheck.dispatch.run_registry import RunRegistry
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.schedule.workers import WorkerPool
from layercheck.dispatch.transport.selection import NAMES
from layercheck.journal.store import Store
from layercheck.journal.writer import JournalWriter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux")


def exhausted(endpoint: str, **order: Any) -> dict[str, Any]:
    """Run `exhausted_run`, and return what it found."""
    return exhausted_and_told(endpoint, **order)[0]


def exhausted_and_told(endpoint: str, **order: Any) -> tuple[dict[str, Any], str]:
    """Return also what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "dispatch.exhausted_run", json.dumps({"endpoint": endpoint, **order})],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found, done.stderr


@pytest.fixture
def opened() -> Iterator[threading.Event]:
    """Set at the end of a test, so that the server's threads end."""
    event = threading.Event()
    yield event
    event.set()


def hang_after(calls: int, opened: threading.Event) -> Callable[[Asked], Reply]:
    def script(asked: Asked) -> Reply:
        if asked.number >= calls:
            opened.wait(60)
        return good(asked)

    return script


def deny_after(calls: int) -> Callable[[Asked], Reply]:
    return lambda asked: good(asked) if asked.number < calls else fault("AccessDeniedException")


ENDS: dict[str, dict[str, Any]] = {
    "done": {},
    "fatal": {},
    "timeout": {"timeout_s": 1.0},
    "stalled": {},
    "cancel": {"end": "cancel", "door": "submit"},
    "interrupt": {"end": "interrupt"},
    "journal": {"end": "journal"},
}
"""How a run ends, and the order for it."""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("transport", NAMES)
def test_nothing_is_imported_or_opened_at_the_end_of_a_run(
    transport: str, end: str, opened: threading.Event, tmp_path: Path
) -> None:
    script = {"done": good, "fatal": deny_after(9)}.get(end, hang_after(9, opened))
    journal = str(tmp_path / "journal") if end in ("journal", "done") else None
    if end == "journal":
        script = good
    with ScriptedServer(script) as server:
        order = {"transport": transport, "journal": journal, "after": 4, "short": "files", **ENDS[end]}
        found = exhausted(server.url, imports=True, rows=3000, **order)
    assert found["imported"] == []
    assert found["problems"] == []
    assert found["report"], found
    expected = {"cancel": "cancelled", "interrupt": "cancelled"}.get(end, end)
    assert found["ended"] == expected, found
    assert found["answered"] >= 300, found


@pytest.mark.parametrize("door", DOORS)
def test_every_door_ends_without_imports_and_descriptors(door: str, opened: threading.Event) -> None:
    with ScriptedServer(deny_after(9)) as server:
        found = exhausted(server.url, door=door, after=4, short="files", imports=True)
    assert (found["imported"], found["problems"], found["raised"]) == ([], [], "AccessDeniedError"), found
    assert found["answered"] >= 300, found


@pytest.mark.parametrize("transport", NAMES)
def test_a_call_without_a_descriptor_says_what_to_raise(transport: str) -> None:
    def close_each(asked: Asked) -> Reply:
        reply = good(asked)
        reply.headers["Connection"] = "close"
        return reply

    with ScriptedServer(close_each) as server:
        order = {"transport": transport, "after": 2, "short": "files", "left": -1000}
        found = exhausted(server.url, imports=True, **order)
    told = " ".join([found["message"], *found["errors"]])
    assert "too many open files; raise the limit of open files (ulimit -n)" in told, found
    assert "endpoint URL" not in told
    assert (found["imported"], found["problems"], found["report"]) == ([], [], True), found


def test_the_command_writes_its_report_without_imports_and_descriptors(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    rows.write_text("\n".join(digests(3000)))
    with ScriptedServer() as server:
        order = {"door": "command", "file": str(rows), "after": 4, "short": "files", "imports": True}
        found = exhausted(server.url, **order)
    assert (found["imported"], found["ended"], found["complete"]) == ([], "3", True), found


def test_a_report_that_cannot_be_opened_keeps_the_journal_and_says_what_to_raise(tmp_path: Path) -> None:
    rows, journal = tmp_path / "rows", tmp_path / "journal"
    rows.write_text("\n".join(digests(3000)))
    with ScriptedServer() as server:
        order = {"door": "command", "file": str(rows), "after": 30, "short": "files", "left": -1000}
        found, told = exhausted_and_told(server.url, journal=str(journal), **order)
        assert (found["ended"], found["report"]) == ("1", False), found
        assert "rows.csv': Too many open files; raise ulimit -n" in told
        asked = len(server.asked)
        assert lc.check(rows, "app", endpoint_url=server.url, journal=journal).complete
        assert len(server.asked) == asked


@pytest.mark.skipif(not hasattr(dis, "_parse_exception_table"), reason="another interpreter")
@pytest.mark.parametrize(
    "function",
    [WorkerPool._serve, WorkerPool._settle, WorkerPool._next, WorkerPool._wait_for_call, Execution.ask,
     Execution.conclude, Run._steer, Run._run_to_the_end, Run._fail, Run._put_report, Run._last_report,
     Run._resolve, Run._conclude, Run._follow, Run._goes_on, Run._call_progress, Checker.check,
     Checker.check_async, Checker.close, RunRegistry.start, RunRegistry.close, RunRegistry._wait_for,
     JournalWriter._write, JournalWriter._commit, JournalWriter._write_until_finished, JournalWriter.finish,
     Connection.__init__, Connection._choose, Store.__init__, Store.create,
     Store._create_tables, Store.append, Coalescer._serve, Part.wait],
    ids=lambda function: function.__qualname__,
)  # fmt: skip
def test_no_handler_of_a_run_is_where_cpython_loops_without_memory(function: Any) -> None:
    # CPython needs memory for the number of an instruction beyond 256, and tries again for ever without it.
    table = dis._parse_exception_table(function.__code__)  # type: ignore[attr-defined]
    assert [entry for entry in table if entry.lasti and entry.end // 2 > 256] == []


def test_ten_random_shortages_neither_hang_nor_lose_an_answer() -> None:
    ends = run_all(range(10))
    assert len(ends) == 10
    assert [each for each in ends if each.problems] == []
