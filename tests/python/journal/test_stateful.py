"""Runs, kills, changed inputs and cut files in any order, against a model that is a dict.

A kill at a step of writing leaves the files as they are at that instant. So the test copies the files at
that step, lets the run end, and puts the copy in place: the same result, and many times faster than one
process for each kill.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import layercheck as lc
from fake_account import digests
from journal.killed_run import STEPS
from layercheck.journal import store, writer
from layercheck.testing import Fault, LocalEcr

DIGESTS = digests(60)
ROWS = [*DIGESTS, "junk", DIGESTS[3]]
PLAN = lc.plan(ROWS, batch_size=3)
FILES = ("", "-wal")

Known = dict[str, str]
"""Digest to verdict."""


class JournalMachine(RuleBasedStateMachine):
    """One journal, and the verdicts that it must know."""

    known: Known

    @initialize()
    def set_up(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.journal = self.folder / "audit.journal"
        self.ecr = LocalEcr({"app": DIGESTS[::2]}, region_name="eu-west-1")
        self.known = {}
        self.truth = {digest: "unavailable" if at % 2 else "available" for at, digest in enumerate(DIGESTS)}

    def teardown(self) -> None:
        self.ecr.close()
        shutil.rmtree(self.folder)

    def beside(self, suffix: str, folder: str = "") -> Path:
        return self.folder / folder / f"audit.journal{suffix}"

    def check(self, answers: int | None, plan: lc.Plan = PLAN) -> tuple[Known, list[str]]:
        """Run to the end, or to a fatal error after so many answers; return verdicts and asked digests."""
        last = self.ecr.calls[-1].number if self.ecr.calls else 0
        if answers is not None:
            self.ecr.set_faults([Fault("access_denied", calls=(last + answers + 1, None))])
        with lc.Checker("app", client=self.ecr.client(), max_in_flight=1, rate="max") as checker:
            run = checker.submit(plan, journal=self.journal)
            assert isinstance(run.exception(60), lc.AccessDeniedError | None)
            report = run.report()
        self.ecr.set_faults([])
        asked = [digest for call in self.ecr.calls if call.number > last for digest in call.digests]
        return found(report), asked

    @rule(answers=st.none() | st.integers(0, 25))
    def run(self, answers: int | None) -> None:
        before = dict(self.known)
        after, asked = self.check(answers)
        self.check_result(before, after, asked, answers)
        self.known = after

    def check_result(self, before: Known, after: Known, asked: list[str], answers: int | None) -> None:
        """A run asks only open digests, each once, and their verdicts are those that are true now."""
        to_ask = [digest for digest in DIGESTS if digest not in before]
        assert asked == to_ask[: len(asked)]
        if answers is None:
            assert set(after) == set(DIGESTS)
        assert after == before | {digest: self.truth[digest] for digest in after if digest not in before}

    @rule(answers=st.none() | st.integers(0, 25), step=st.sampled_from(STEPS), times=st.integers(1, 8))
    def kill(self, answers: int | None, step: str, times: int) -> None:
        left = times
        copies = self.folder / "copies"
        shutil.rmtree(copies, ignore_errors=True)

        def failpoint(name: str) -> None:
            nonlocal left
            left -= name == step
            if left == 0 and not copies.exists():
                copies.mkdir()
                for suffix in FILES:
                    if self.beside(suffix).exists():
                        shutil.copy(self.beside(suffix), self.beside(suffix, "copies"))

        before = dict(self.known)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "failpoint", failpoint)
            patch.setattr(writer, "GROUP", 1)
            after, asked = self.check(answers)
        self.check_result(before, after, asked, answers)
        if copies.exists():
            for suffix in FILES:
                self.beside(suffix).unlink(missing_ok=True)
                if self.beside(suffix, "copies").exists():
                    shutil.move(self.beside(suffix, "copies"), self.beside(suffix))
            kept = self.read()
            assert before.items() <= kept.items() <= after.items()
            self.known = kept
        else:
            self.known = after

    @precondition(lambda self: self.journal.exists())
    @rule(cut=st.integers(1, 9_000), log=st.booleans())
    def cut_a_file(self, cut: int, log: bool) -> None:
        """A file without its end gives an error or fewer verdicts, and nothing else."""
        file = self.beside("-wal" if log else "")
        if not file.exists():
            return
        whole = {suffix: self.beside(suffix).read_bytes() for suffix in FILES if self.beside(suffix).exists()}
        file.write_bytes(file.read_bytes()[:-cut])
        try:
            kept = self.read()
        except lc.JournalError:
            self.beside("-wal").unlink(missing_ok=True)
            for suffix, content in whole.items():
                self.beside(suffix).write_bytes(content)
        else:
            assert kept.items() <= self.known.items()
            self.known = kept

    @rule(number=st.integers(0, 59))
    def push_or_delete(self, number: int) -> None:
        """The repository changes; verdicts already in the journal stay."""
        digest = DIGESTS[number]
        if self.truth[digest] == "available":
            self.ecr.remove("app", [digest])
            self.truth[digest] = "unavailable"
        else:
            self.ecr.put("app", [digest])
            self.truth[digest] = "available"

    @precondition(lambda self: bool(self.known))
    @rule(rows=st.sampled_from([ROWS[::-1], ROWS[:-1], [*ROWS, "more"], DIGESTS]))
    def change_the_input(self, rows: list[str]) -> None:
        calls = self.ecr.counters.calls
        with pytest.raises(lc.JournalError, match="belongs to another run"):
            self.check(None, lc.plan(rows))
        assert self.ecr.counters.calls == calls

    @invariant()
    def the_journal_knows_what_the_model_knows(self) -> None:
        if hasattr(self, "journal"):
            assert self.read() == self.known

    def read(self) -> Known:
        """The verdicts in the journal; none if no run started in it."""
        try:
            journal = lc.Journal(self.journal)
        except lc.JournalError as error:
            if "no journal" in str(error) or "holds no run" in str(error):
                return {}
            raise
        with journal:
            return found(journal.report())


def found(report: lc.Report) -> Known:
    """Digests with a final verdict."""
    lines = report.table(unique=True).lines(0, len(DIGESTS))
    return {
        line["digest"]: line["verdict"] for line in lines if line["verdict"] in ("available", "unavailable")
    }


JournalMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


TestJournal = pytest.mark.usefixtures("_nowhere")(JournalMachine.TestCase)
