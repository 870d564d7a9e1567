"""Begins a journal, or goes on with one: what it knows need not be asked again."""

from __future__ import annotations

import time

from layercheck._core import Ledger, Plan, PlanParts, build_info
from layercheck.errors import JournalError
from layercheck.journal.claim import Claim
from layercheck.journal.fingerprint import Fingerprint
from layercheck.journal.options import JournalOptions
from layercheck.journal.recorder import Recorder
from layercheck.journal.store import Store
from layercheck.types import Target


def look(options: JournalOptions) -> None:
    """Find out early what `begin` would refuse whatever the input is: it is in use, or no journal.

    Raises:
        JournalError: That, and why.
    """
    with Claim(options.path) as claim:
        if claim.path.exists():
            Store(claim.path).close()


def begin(options: JournalOptions, plan: Plan, target: Target, account_id: str | None) -> Recorder:
    """Claim the journal, and begin it or take over what it knows. Reads or writes the whole file.

    Raises:
        JournalError: It belongs to another run, which is said; it is in use; or it cannot be read or written.
    """
    claim = Claim(options.path)
    try:
        store = Store(claim.path, durability=options.durability)
        try:
            here = Fingerprint.of(plan, target, account_id)
            ledger = Ledger(plan)
            if store.is_empty:
                store.create(_values(here), PlanParts(plan))
            else:
                _check(store, here)
                restore(store, ledger, **_young(options.max_age_s))
                ledger.gather()
        except BaseException:
            store.close()
            raise
    except BaseException:
        claim.close()
        raise
    return Recorder(store, claim, ledger)


def restore(store: Store, ledger: Ledger, *, since: float | None = None, until: float | None = None) -> int:
    """Take over the outcomes in a journal; returns how many of its batches cannot be read.

    Such a batch is as good as not answered: its digests are asked again.
    """
    unreadable = 0
    for row in store.rows(since=since, until=until):
        try:
            ledger.restore(*row)
        except (ValueError, TypeError, OverflowError):
            unreadable += 1
    return unreadable


def _values(fingerprint: Fingerprint) -> dict[str, object]:
    return {
        **fingerprint.values(),
        "created_at": time.time(),
        "created_by": f"layercheck {build_info()['version']}",
    }


def _check(store: Store, here: Fingerprint) -> None:
    try:
        there = Fingerprint.read(store.meta())
    except ValueError as error:
        raise store.damaged(str(error)) from error
    differences = there.differences(here)
    if differences:
        raise JournalError(
            f"journal {str(store.path)!r} belongs to another run: {'; '.join(differences)}. "
            "Repeat that run as it was to go on with it, or use another journal for this one"
        )


def _young(max_age_s: float | None) -> dict[str, float]:
    """What is young enough. Of an answer from the future nobody can say how old it is."""
    if max_age_s is None:
        return {}
    now = time.time()
    return {"since": now - max_age_s, "until": now}
