"""Images that are not there are found with few calls, whatever their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from layercheck.images import looking_up
from layercheck.testing import Fault, LocalEcr
from made_images import REPOSITORY, asked, check, index, manifest, put, sha, verdicts

DESCRIBE: Final = "DescribeImages"
MISSING: Final = ("incomplete", "MissingChild")


def put_indexes(
    ecr: LocalEcr, count: int, *, lacking: Callable[[int], bool]
) -> dict[str, tuple[str, str | None]]:
    """Put indexes of one child each, some of which are not there; return the verdicts that are due."""
    due: dict[str, tuple[str, str | None]] = {}
    for number in range(count):
        child = manifest(f"layer {number}")
        if not lacking(number):
            due[put(ecr, child)] = ("complete", None)
        whole = put(ecr, index(child), f"v{number}")
        due[whole] = MISSING if lacking(number) else ("complete", None)
    return due


def client_whose_refusals_say(ecr: LocalEcr, text: str) -> Any:
    client = ecr.client()

    def after(parsed: dict[str, Any], **_: Any) -> None:
        if "Error" in parsed:
            parsed["Error"]["Message"] = text

    client.meta.events.register(f"after-call.ecr.{DESCRIBE}", after)
    return client


def test_a_refusal_that_names_the_image_costs_one_call_for_each_that_is_not_there() -> None:
    with LocalEcr({}) as ecr:
        due = put_indexes(ecr, 40, lacking=lambda number: number % 10 == 0)
        report = check(ecr)
        assert verdicts(report) == due
        # One call lists; one is about the four indexes, and each child that is not there is refused once.
        assert ecr.counters.operations[DESCRIBE] == 1 + 1 + 4


@pytest.mark.parametrize("text", ["no such image", "", "imageDigest:'sha256:00', imageTag:'null'"])
def test_a_refusal_that_names_no_image_halves_the_call(text: str) -> None:
    with LocalEcr({}) as ecr:
        due = put_indexes(ecr, 40, lacking=lambda number: number % 10 == 0)
        report = check(ecr, client=client_whose_refusals_say(ecr, text))
        assert verdicts(report) == due
        assert ecr.counters.operations[DESCRIBE] == 1 + 1 + 7


def test_a_tag_that_is_the_name_of_the_repository_is_not_taken_for_the_one_that_is_not_there() -> None:
    """The text of the refusal names the repository, too."""
    with LocalEcr({}) as ecr:
        there = put(ecr, manifest("a"), "app", repository="app")
        report = check(ecr, ["app:app", "app:v9"])
    assert verdicts(report) == {there: ("complete", None)}
    assert "no image 'v9'" in str(report.errors[0])


def test_thousands_of_children_that_are_not_there_cost_a_new_listing_only() -> None:
    with LocalEcr({}) as ecr:
        due = put_indexes(ecr, 1_200, lacking=lambda number: number % 3 > 0)
        report = check(ecr)
        assert verdicts(report) == due
        # Two listings of two pages, eight calls about the 800 indexes, and the children that are a sample.
        assert ecr.counters.operations[DESCRIBE] == 2 * 2 + 8 + looking_up.FEW_DENIED
        assert report.complete


def test_a_child_that_a_listing_left_out_keeps_every_other_from_the_short_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking_up, "FEW_DENIED", 20)
    with LocalEcr({}) as ecr:
        due = put_indexes(ecr, 60, lacking=lambda number: number % 2 > 0)
        # The first listing leaves out half of the images, so that children look as if they were not there.
        ecr.set_faults([Fault("omit", operations=(DESCRIBE,), share=0.5, calls=(1, 1))])
        report = check(ecr)
        found = verdicts(report)
        later = {digest for digest, verdict in found.items() if verdict == ("undecided", "ChildFoundLater")}
        assert later
        assert {digest: due[digest] for digest in found.keys() - later} == {
            digest: verdict for digest, verdict in found.items() if digest not in later
        }
        assert {due[digest] for digest in later} == {("complete", None)}
        # No second listing was made: each call names images.
        calls = [call for call in ecr.calls if call.operation == DESCRIBE]
        assert all(call.digests for call in calls[1:])


@pytest.mark.parametrize("how", ["fails", "does not end"])
def test_where_the_new_listing_is_not_whole_each_child_is_asked_for(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking_up, "FEW_DENIED", 2)
    with LocalEcr({}) as ecr:
        due = put_indexes(ecr, 12, lacking=lambda number: number % 2 > 0)
        # A listing, a call about the indexes, two refusals, and then the new listing.
        kind = "server_error" if how == "fails" else "token_loop"
        ecr.set_faults([Fault(kind, operations=(DESCRIBE,), calls=(5, 8))])  # type: ignore[arg-type]
        report = check(ecr)
        assert verdicts(report) == due


def test_images_chosen_by_tag_need_no_calls_for_children_that_the_listing_names() -> None:
    with LocalEcr({}) as ecr:
        put_indexes(ecr, 8, lacking=lambda number: number == 3)
        report = check(ecr, tags=["v2"])
        assert sorted(verdicts(report).values(), key=str) == [("complete", None)] * 2
        assert ecr.counters.operations[DESCRIBE] == 1
        ecr.reset()
        assert list(verdicts(check(ecr, tags=["v3"])).values()) == [MISSING]
        assert len(asked(ecr, DESCRIBE)) == 2


def test_images_are_chosen_by_tag_also_where_describe_images_is_denied() -> None:
    with LocalEcr({}) as ecr:
        put_indexes(ecr, 8, lacking=lambda number: number == 3)
        ecr.set_faults([Fault("access_denied", operations=(DESCRIBE,))])
        report = check(ecr, tags=["v2", "v3"])
    assert sorted(verdicts(report).values(), key=str) == [("complete", None)] * 2 + [MISSING]
    assert report.complete


def test_a_refusal_that_names_several_images_tells_of_none() -> None:
    """One of three broken images is deleted, and the refusal repeats all that were asked for."""
    with LocalEcr({}) as ecr:
        digests = [put(ecr, manifest(name), name, lacking=[name]) for name in "abc"]
        ecr.delete_during(REPOSITORY, digests[2], operation=DESCRIBE, call=2)
        names = " ".join(f"imageDigest:'{each}', imageTag:'null'" for each in digests)
        report = check(ecr, client=client_whose_refusals_say(ecr, names))
    broken = ("incomplete", "MissingLayer")
    assert verdicts(report) == dict(zip(digests, (broken, broken, ("gone", None)), strict=True))


def test_a_tag_called_null_is_not_taken_for_a_digest_that_is_not_there() -> None:
    """The refusal of a digest names the tag `null`."""
    with LocalEcr({}) as ecr:
        there = put(ecr, manifest("a"), "null")
        report = check(ecr, [f"{REPOSITORY}:null", f"{REPOSITORY}@{sha('nowhere')}"])
    assert verdicts(report) == {there: ("complete", None)}


def test_a_named_index_with_hundreds_of_missing_children_costs_a_new_listing_only() -> None:
    with LocalEcr({}) as ecr:
        whole = put(ecr, index(*(manifest(f"absent {number}") for number in range(300))), "multi")
        report = check(ecr, f"{REPOSITORY}:multi")
        assert verdicts(report) == {whole: MISSING}
        assert ecr.counters.operations[DESCRIBE] < 150
