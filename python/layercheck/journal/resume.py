"""Starts a journal, or resumes one so that its verdicts are not asked again."""

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


def refuse_unusable(options: JournalOptions) -> None:
    """Refuse early what `open_writer` refuses for any input: a journal in use, or another kind of file.

    Raises:
        JournalError: The journal cannot be used; the message says why.
    """
    with JournalLock(options.path) as lock:
        if lock.path.exists():
            Store(lock.path).close()


def open_writer(options: JournalOptions, plan: Plan, target: Target, account_id: str | None) -> JournalWriter:
    """Lock the journal, then create it or restore its verdicts. Reads or writes the whole file.

    Raises:
        JournalError: The journal belongs to another run, and the message says what differs; it is in use; or
            it cannot be read or written.
    """
    lock = JournalLock(options.path, create=True)
    try:
        store = Store(lock.path, durability=options.durability)
        try:
            fingerprint = Fingerprint.of(plan, target, account_id)
            ledger = Ledger(plan)
            if store.is_empty or not _belongs_to(store, fingerprint):
                store.create(_meta(fingerprint), PlanParts(plan))
            else:
                restore(store, ledger, max_age_s=options.max_age_s)
                ledger.pack_pending()
                if fingerprint.account_id is not None:
                    # From now on, a run with another account is another run.
                    store.set_if_unknown("account_id", fingerprint.account_id)
        except BaseException:
            store.close()
            raise
    except BaseException:
        lock.close()
        raise
    return JournalWriter(store, lock, ledger)


def restore(
    store: Store, ledger: Ledger, *, until: float | None = None, max_age_s: float | None = None
) -> int:
    """Restore the outcomes in a journal to a ledger; return the number of batches that cannot be read.

    Such a batch counts as not answered: a resumed run asks its digests again.

    Args:
        store: The journal.
        ledger: A ledger in which nothing was asked.
        until: Only batches answered at this time or before.
        max_age_s: A digest whose last outcome is older is open again, even if an earlier row looks younger,
            because clocks are sometimes set back. An outcome dated in the future counts as older, because
            its age is unknown.
    """
    unreadable = 0
    now = time.time()
    for row in store.batches(until=until):
        try:
            is_recent = max_age_s is None or now - max_age_s <= row.answered_at <= now
            (ledger.restore if is_recent else ledger.forget)(*row)
        except (ValueError, TypeError, OverflowError):
            unreadable += 1
    return unreadable


def read_plan(store: Store) -> Plan:
    """The plan in a journal, rebuilt from its parts.

    Raises:
        JournalError: It is damaged.
    """
    reader = PlanReader()
    try:
        for part in store.plan_parts():
            reader.take(part)
        return reader.finish()
    except (ValueError, TypeError) as error:
        raise store.damaged(str(error)) from error


def _meta(fingerprint: Fingerprint) -> dict[str, object]:
    return {
        **fingerprint.values(),
        "created_at": time.time(),
        "created_by": f"layercheck {build_info()['version']}",
    }


def _belongs_to(store: Store, fingerprint: Fingerprint) -> bool:
    """Whether the journal belongs to this run; False if it is another run's without a verdict to lose.

    Raises:
        JournalError: The journal belongs to another run and has verdicts of it.
    """
    try:
        kept = Fingerprint.from_values(store.meta())
    except ValueError as error:
        raise store.damaged(str(error)) from error
    differences = kept.differences(fingerprint)
    if not differences:
        return True
    if _has_no_verdict(store):
        # For instance, the service refused a misspelled repository. The corrected run may reuse the file.
        return False
    raise JournalError(
        f"journal {str(store.path)!r} belongs to another run: {'; '.join(differences)}. "
        "Repeat that run unchanged to resume it, or use another journal for this run."
    )


def _has_no_verdict(store: Store) -> bool:
    """True if no row has a verdict, not even an old one that a later run asked again and did not get.

    Such a verdict is still in the report of that time, which `as_of` gives.
    """
    if not store.count_batches()[0]:
        return True
    ledger = Ledger(read_plan(store))
    for row in store.batches():
        try:
            ledger.restore(*row)
        except (ValueError, TypeError, OverflowError):
            return False
        if ledger.settled:
            return False
    return True
