"""Begins a journal, or goes on with one: what it knows need not be asked again."""

from __future__ import annotations

import time

from layercheck._core import Ledger, Plan, PlanParts, PlanReader, build_info
from layercheck.errors import JournalError
from layercheck.journal.fingerprint import Fingerprint
from layercheck.journal.lock import JournalLock
from layercheck.journal.options import JournalOptions
from layercheck.journal.store import Store
from layercheck.journal.writer import JournalWriter
from layercheck.types import Target


def look(options: JournalOptions) -> None:
    """Find out early what `begin` would refuse whatever the input is: it is in use, or no journal.

    Raises:
        JournalError: That, and why.
    """
    with JournalLock(options.path) as claim:
        if claim.path.exists():
            Store(claim.path).close()


def begin(options: JournalOptions, plan: Plan, target: Target, account_id: str | None) -> JournalWriter:
    """Claim the journal, and begin it or take over what it knows. Reads or writes the whole file.

    Raises:
        JournalError: It belongs to another run, which is said; it is in use; or it cannot be read or written.
    """
    claim = JournalLock(options.path)
    try:
        store = Store(claim.path, durability=options.durability)
        try:
            here = Fingerprint.of(plan, target, account_id)
            ledger = Ledger(plan)
            if store.is_empty or not _is_of(store, here):
                store.create(_values(here), PlanParts(plan))
            else:
                restore(store, ledger, max_age_s=options.max_age_s)
                ledger.gather()
                if here.account_id is not None:
                    # From now on it is another run that comes with another account.
                    store.learn("account_id", here.account_id)
        except BaseException:
            store.close()
            raise
    except BaseException:
        claim.close()
        raise
    return JournalWriter(store, claim, ledger)


def restore(
    store: Store, ledger: Ledger, *, until: float | None = None, max_age_s: float | None = None
) -> int:
    """Take over the outcomes in a journal; returns how many of its batches cannot be read.

    Such a batch is as good as not answered: its digests are asked again.

    Args:
        store: The journal.
        ledger: A ledger in which nothing was asked.
        until: Only what was answered by then.
        max_age_s: Digests of which the last outcome is older are open, whatever was known of them before
            it: clocks are set back now and then. Of an outcome from the future nobody can say how old it is.
    """
    unreadable = 0
    now = time.time()
    for row in store.rows(until=until):
        try:
            young = max_age_s is None or now - max_age_s <= row.answered_at <= now
            (ledger.restore if young else ledger.forget)(*row)
        except (ValueError, TypeError, OverflowError):
            unreadable += 1
    return unreadable


def plan_of(store: Store) -> Plan:
    """The plan in a journal, made again of its parts.

    Raises:
        JournalError: It is damaged.
    """
    reader = PlanReader()
    try:
        for part in store.parts():
            reader.take(part)
        return reader.finish()
    except (ValueError, TypeError) as error:
        raise store.damaged(str(error)) from error


def _values(fingerprint: Fingerprint) -> dict[str, object]:
    return {
        **fingerprint.values(),
        "created_at": time.time(),
        "created_by": f"layercheck {build_info()['version']}",
    }


def _is_of(store: Store, here: Fingerprint) -> bool:
    """Whether the journal is this run's; if not, it may be taken: the other run came to nothing.

    Raises:
        JournalError: It is another run's, and has verdicts of it.
    """
    try:
        there = Fingerprint.read(store.meta())
    except ValueError as error:
        raise store.damaged(str(error)) from error
    differences = there.differences(here)
    if not differences:
        return True
    if _has_no_verdict(store):
        # A name with a slip of the pen was refused, say. Its journal stands in nobody's way.
        return False
    raise JournalError(
        f"journal {str(store.path)!r} belongs to another run: {'; '.join(differences)}. "
        "Repeat that run as it was to go on with it, or use another journal for this one"
    )


def _has_no_verdict(store: Store) -> bool:
    """Not even one that a later run asked for again in vain: what was true then is told by `as_of`."""
    if not store.count()[0]:
        return True
    ledger = Ledger(plan_of(store))
    for row in store.rows():
        try:
            ledger.restore(*row)
        except (ValueError, TypeError, OverflowError):
            return False
        if ledger.settled:
            return False
    return True
