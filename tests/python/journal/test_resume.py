"""Resuming a journal: known verdicts are not asked again, and the report equals that of a single run."""

from __future__ import annotations

import asyncio
import base64
import re
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.credentials import DeferredRefreshableCredentials

import layercheck as lc
from fake_account import SECRET, TOKEN, digests
from journal.conftest import ROWS, Check, table
from layercheck.aws import credentials
from layercheck.journal import writer
from layercheck.journal.fingerprint import Fingerprint
from layercheck.testing import Fault, LocalEcr
from layercheck.types import Target


def interrupted(check: Check, ecr: LocalEcr, after: int) -> lc.Report:
    """The report of a run that a fatal error ends after so many answers."""
    ecr.set_faults([Fault("access_denied", calls=(after + 1, None))])
    with pytest.raises(lc.AccessDeniedError) as caught:
        check(max_in_flight=1)
    ecr.set_faults([])
    assert caught.value.report is not None
    assert caught.value.report.unique_counts["not_checked"] > 0
    return caught.value.report


def test_a_finished_run_is_not_asked_again(check: Check, ecr: LocalEcr, journal: Path) -> None:
    first = check()
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]
    calls = ecr.counters.calls
    again = check()
    assert ecr.counters.calls == calls
    assert table(again) == table(first)
    assert again.complete
    assert (again.stats.calls, again.stats.restored, first.stats.restored) == (0, 1_000, 0)


def test_an_ended_run_resumes_where_it_stopped(check: Check, ecr: LocalEcr) -> None:
    known = interrupted(check, ecr, after=3)
    settled = sum(known.unique_counts[word] for word in ("available", "unavailable", "archived"))
    seen: list[lc.Progress] = []
    rest = check(progress=seen.append)
    assert rest.stats.restored == settled == 300
    assert rest.stats.calls == (1_000 - settled) // 100
    assert ecr.counters.digests == 1_000 + known.unique_counts["unanswered"]
    assert (seen[-1].settled, seen[-1].batches_done, seen[-1].rows_done) == (1_000, 10, len(ROWS))
    assert table(rest) == table(check(journal=None))


def test_a_resumed_run_asks_only_digests_without_an_answer(check: Check, ecr: LocalEcr) -> None:
    ecr.set_faults([Fault("omit", share=0.2)])
    first = check()
    left_out = set(first.digests("unanswered"))
    assert 10 < len(left_out) < 500
    ecr.set_faults([])
    ecr.reset()
    again = check()
    asked = [digest for call in ecr.calls for digest in call.digests]
    assert set(asked) == left_out
    assert len(asked) == len(left_out)
    # Fewer calls than the ten batches that the digests came from.
    assert again.stats.calls == -(-len(left_out) // 100)
    assert again.complete
    assert table(again) == table(check(journal=None))


def test_every_kind_of_answer_is_restored_from_the_journal(check: Check, ecr: LocalEcr) -> None:
    poison = digests(5)[4]
    ecr.set_faults(
        [
            Fault("poison", digests=(poison,)),
            Fault("unknown_availability", share=0.05, word="MELTED"),
            Fault("unknown_failure", share=0.05, word="Haunted"),
        ]
    )
    first = check(max_in_flight=1)
    assert min(first.counts[word] for word in ("refused", "other", "archived", "available")) > 0
    assert poison in first.digests("refused")
    calls = ecr.counters.calls
    assert table(check()) == table(first)
    assert ecr.counters.calls == calls


def test_a_run_can_resume_with_another_batch_size(check: Check, ecr: LocalEcr) -> None:
    interrupted(check, ecr, after=3)
    again = check(lc.plan(ROWS, batch_size=7))
    assert again.complete
    assert again.stats.restored > 0
    assert table(again) == table(check(journal=None))


def test_old_verdicts_are_asked_again(check: Check, ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first five batches are an hour older than the rest.
    with monkeypatch.context() as patch:
        patch.setattr(writer, "time", SimpleNamespace(time=lambda: time.time() - 3_601))
        interrupted(check, ecr, after=5)
    check()
    gone = digests(1_000)[:200:2]
    ecr.remove("app", gone)
    assert set(gone) <= set(check(max_age_s=7_200).digests("available"))
    ecr.reset()
    again = check(max_age_s=3_600)
    assert ecr.counters.calls == again.stats.calls == 5
    assert again.complete
    assert not set(gone) & set(again.digests("available"))
    # From now on the journal gives the latest verdicts.
    assert table(check()) == table(again)
    assert ecr.counters.calls == 5


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_every_method_of_a_checker_keeps_a_journal(ecr: LocalEcr, tmp_path: Path, durability: Any) -> None:
    kept = [tmp_path / f"{number}.journal" for number in range(3)]
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, rate="max") as checker:
        checker.check(ROWS, journal=kept[0], durability=durability)
        checker.submit(ROWS, journal=str(kept[1]), durability=durability).result(60)
        asyncio.run(checker.check_async(ROWS, journal=kept[2], durability=durability))
        calls = ecr.counters.calls
        for journal in kept:
            assert checker.check(ROWS, journal=journal).complete
            with lc.Journal(journal) as opened:
                assert opened.status().complete
    assert calls == ecr.counters.calls == 30


def test_a_journal_can_hold_only_invalid_rows_or_no_rows(check: Check, journal: Path) -> None:
    for rows in (["junk", ""], []):
        for _ in range(2):
            report = check(rows)
            assert (report.rows, report.complete) == (len(rows), True)
        with lc.Journal(journal) as opened:
            assert table(opened.report()) == table(report)
        journal.unlink()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": ROWS[::-1]}, "the input has as many rows and digests"),
        ({"rows": ROWS[:-1]}, "the input had 1,003 rows with 1,000 digests and has now 1,002 rows"),
        ({"rows": [*ROWS[:-2], "Latest", ROWS[-1]]}, "the same 1,000 digests, but in other rows"),
        ({"rows": [*ROWS[:-2], ROWS[0], ROWS[0]]}, "the input had 1 invalid rows and has now 0"),
        ({"rows": lc.plan(ROWS, strict=True)}, "the input had"),
        ({"repository": "other"}, "the repository was app and is now other"),
        (
            {"registry_id": "210987654321"},
            "the registry was that of credentials whose account was unknown and is now 210987654321",
        ),
        ({"public": True, "region_name": "us-east-1"}, "the service was private ECR and is now ECR Public"),
        ({"region_name": "eu-central-1"}, "the region was eu-west-1 and is now eu-central-1"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_another_run_is_refused_with_what_differs(
    check: Check, ecr: LocalEcr, journal: Path, changed: dict[str, Any], said: str
) -> None:
    first = check()
    before, calls = journal.read_bytes(), ecr.counters.calls
    with pytest.raises(lc.JournalError, match="belongs to another run") as caught:
        check(**changed)
    assert said in str(caught.value)
    assert "use another journal for this run" in str(caught.value)
    assert (journal.read_bytes(), ecr.counters.calls) == (before, calls)
    assert table(check()) == table(first)


def test_a_run_against_another_endpoint_is_refused(check: Check) -> None:
    check()
    with LocalEcr({"app": ()}) as elsewhere, pytest.raises(lc.JournalError, match="the endpoint was http"):
        check(endpoint_url=elsewhere.endpoint_url)


def test_another_run_may_take_a_journal_without_a_verdict(check: Check, ecr: LocalEcr, journal: Path) -> None:
    """For instance, the user misspells the repository at first."""
    for rows, digests_of_it in ((ROWS, 100), (ROWS[:50], 50)):
        with pytest.raises(lc.RepositoryNotFoundError):
            check(rows, "typo", max_in_flight=1)
        with lc.Journal(journal) as opened:
            assert opened.report().unique_counts["unanswered"] == digests_of_it
            assert [run.ended for run in opened.status().runs] == ["fatal"]
    first = check()
    assert first.complete
    calls = ecr.counters.calls
    assert table(check()) == table(first)
    with pytest.raises(lc.JournalError, match="the repository was app and is now typo"):
        check(ROWS, "typo")
    assert ecr.counters.calls == calls


def test_an_unreadable_batch_keeps_another_run_out_because_it_may_hold_a_verdict(
    check: Check, journal: Path
) -> None:
    check()
    base = sqlite3.connect(journal)
    base.execute("UPDATE batches SET payload = x'00'")
    base.commit()
    base.close()
    with pytest.raises(lc.JournalError, match="belongs to another run"):
        check(ROWS, "other")


def session_of(account: str | None) -> boto3.Session:
    """Credentials whose access key id encodes the account, or does not."""
    key = "AKIDEXAMPLE"
    if account is not None:
        number = (1 << 47 | int(account) << 7).to_bytes(6, "big")
        key = f"ASIA{base64.b32encode(number + bytes(4)).decode()}"
    return boto3.Session(key, SECRET, TOKEN, region_name="eu-west-1")


ONE, TWO = "111111111111", "222222222222"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((ONE, None), (ONE, None), None),
        ((ONE, None), (TWO, None), f"the registry was {ONE} and is now {TWO}"),
        (
            (ONE, None),
            (None, None),
            f"name the registry with registry_id, in the command --registry-id {ONE}",
        ),
        # A named registry counts, whatever the account of the credentials is.
        ((ONE, None), (TWO, ONE), None),
        ((ONE, None), (None, ONE), None),
        ((ONE, ONE), (ONE, None), None),
        ((None, ONE), (TWO, ONE), None),
        ((ONE, TWO), (ONE, None), f"the registry was {TWO} and is now {ONE}"),
        ((None, ONE), (None, None), f"--registry-id {ONE}"),
        ((None, None), (None, ONE), f"whose account was unknown and is now {ONE}"),
        # An unknown account is not compared.
        ((None, None), (None, None), None),
        ((None, None), (ONE, None), None),
    ],
)
def test_a_run_with_another_account_is_refused(
    check: Check,
    before: tuple[str | None, str | None],
    after: tuple[str | None, str | None],
    said: str | None,
) -> None:
    with LocalEcr({"app": ()}, account_id=before[1] or ONE, region_name="eu-west-1") as ecr:
        endpoint = {"endpoint_url": ecr.endpoint_url}
        check(session=session_of(before[0]), registry_id=before[1], **endpoint)
        if said is None:
            assert check(session=session_of(after[0]), registry_id=after[1], **endpoint).stats.calls == 0
            return
        with pytest.raises(lc.JournalError, match=re.escape(said)):
            check(session=session_of(after[0]), registry_id=after[1], **endpoint)


def test_an_account_that_becomes_known_later_counts_from_then_on(check: Check) -> None:
    check(session=session_of(None))
    for account in (ONE, None, ONE):
        if account is None:
            with pytest.raises(lc.JournalError, match="is now unknown"):
                check(session=session_of(None))
        else:
            assert check(session=session_of(account)).stats.calls == 0
    with pytest.raises(lc.JournalError, match=f"the registry was {ONE} and is now {TWO}"):
        check(session=session_of(TWO))


def test_the_account_of_a_role_is_known_before_the_first_call() -> None:
    """layercheck fetches the credentials for it. If that fails, the account is unknown."""
    frozen = session_of(ONE).get_credentials()
    assert frozen is not None
    fetched = {"access_key": frozen.access_key, "secret_key": "s", "token": "t"}
    expiring = fetched | {"expiry_time": "2999-01-01T00:00:00Z"}
    for fetch, known in ((lambda: expiring, ONE), (dict, None)):
        role = DeferredRefreshableCredentials(fetch, "assume-role")
        client: Any = session_of(None).client("ecr")
        client._request_signer._credentials = role
        assert credentials.account(client) is None
        assert credentials.known_account(client) == known
    assert credentials.known_account(object()) is None


def test_no_secret_is_in_a_journal(check: Check, journal: Path, ecr: LocalEcr) -> None:
    url = ecr.endpoint_url.replace("//", "//user:PASSWORD-MARKER@")
    check()
    assert Fingerprint.of(lc.plan([]), Target("app", endpoint_url=url), None).endpoint_url == ecr.endpoint_url
    kept = journal.read_bytes()
    assert not [secret for secret in (SECRET, TOKEN, "AKIDEXAMPLE") if secret.encode() in kept]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"journal": 7}, TypeError, "journal is a int"),
        ({"journal": b"x"}, TypeError, "journal is a bytes"),
        ({"journal": ""}, ValueError, "journal is not a path"),
        ({"journal": "a\0b"}, ValueError, "journal is not a path"),
        ({"max_age_s": "1"}, TypeError, "max_age_s is a str"),
        ({"max_age_s": -1}, ValueError, "at least 0 seconds"),
        ({"max_age_s": float("nan")}, ValueError, "at least 0 seconds"),
        ({"max_age_s": 1, "journal": None}, ValueError, "pass journal= too"),
        ({"durability": "total"}, ValueError, 'expected "normal" or "full"'),
    ],
)
def test_invalid_arguments_are_refused_before_the_run_starts(
    check: Check, ecr: LocalEcr, journal: Path, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        check(**options)
    assert not journal.exists()
    assert ecr.counters.requests == 0
