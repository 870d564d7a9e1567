"""What a page says of each kind of report: the answer first, and never more than is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import layercheck as lc
import made_images
from layercheck.comparison.page import page_of as changes_page
from layercheck.images.image_report import ImageStats
from layercheck.images.page import page_of as images_page
from layercheck.page.render import html
from layercheck.plots.table import PlotTable
from layercheck.push.page import page_of as push_page
from layercheck.report.page import page_of
from layercheck.testing import Fault, LocalEcr
from layercheck.types import Ending
from page import reports
from page.parsed import elements, facts, findings, headline, one, parsed, text, texts

V = lc.Verdict
AVAILABLE, UNAVAILABLE, NOT_CHECKED = V.AVAILABLE, V.UNAVAILABLE, V.NOT_CHECKED


@pytest.mark.parametrize(
    ("verdicts", "said", "mood"),
    [
        ([], "There was nothing to check: the input has no rows.", "open"),
        ([AVAILABLE], "The one row is available in team/app.", "good"),
        ([AVAILABLE] * 1_200, "All 1,200 rows are available in team/app.", "good"),
        ([UNAVAILABLE], "1 of 1 row is not available in team/app: 1 unavailable.", "bad"),
        (
            [AVAILABLE, UNAVAILABLE, UNAVAILABLE, V.ARCHIVED],
            "3 of 4 rows are not available in team/app: 2 unavailable, 1 archived.",
            "bad",
        ),
        ([NOT_CHECKED] * 3, "Not known: none of 3 rows has an answer from team/app.", "open"),
        (
            [AVAILABLE, AVAILABLE, NOT_CHECKED],
            "Incomplete: 1 of 3 rows has no answer; of the 2 others, all are available in team/app.",
            "open",
        ),
        (
            [AVAILABLE, UNAVAILABLE, V.UNANSWERED, NOT_CHECKED],
            "Incomplete: 2 of 4 rows have no answer; of the 2 others, 1 is not available in team/app: "
            "1 unavailable.",
            "open",
        ),
        (
            [AVAILABLE, NOT_CHECKED],
            "Incomplete: 1 of 2 rows has no answer; the one other is available in team/app.",
            "open",
        ),
        (
            [V.ARCHIVED, NOT_CHECKED],
            "Incomplete: 1 of 2 rows has no answer; of the 1 other, 1 is not available in team/app: "
            "1 archived.",
            "open",
        ),
        ([V.REFUSED], "1 of 1 row is not known to be available in team/app: 1 refused.", "bad"),
        (
            [AVAILABLE, UNAVAILABLE, V.OTHER],
            "2 of 3 rows are not known to be available in team/app: 1 unavailable, 1 other.",
            "bad",
        ),
    ],
)
def test_the_headline_of_a_check_answers_the_question_and_claims_no_more(
    verdicts: list[V], said: str, mood: str
) -> None:
    document = parsed(html(page_of(reports.report_of(verdicts))))
    assert headline(document) == said
    assert one(document, "h1").attrs["class"] == mood


def test_rows_that_were_never_sent_are_not_called_absent() -> None:
    with LocalEcr({"team/app": []}) as ecr:
        report = lc.check(["junk", "trash"], "team/app", client=ecr.client())
    shown = headline(parsed(html(page_of(report))))
    assert shown == "2 of 2 rows are not known to be available in team/app: 2 invalid."


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        ("cancelled", "the run ended early (cancelled)"),
        ("timeout", "the run ended early (the time limit was reached)"),
        ("stalled", "the run ended early (the service stopped answering)"),
        ("done", "some digests got no usable answer"),
        ("running", "the run has not ended yet"),
    ],
)
def test_an_incomplete_run_says_so_before_everything_else(ended: Ending, why: str) -> None:
    document = parsed(html(page_of(reports.report_of([AVAILABLE, NOT_CHECKED], ended=ended))))
    (warning,) = texts(document, "header .warnings li")
    assert why in warning
    assert "1 row without an answer may be available or not" in warning
    assert not elements(parsed(html(page_of(reports.report_of([AVAILABLE])))), ".warnings")


def test_a_check_shows_what_is_wrong_first_with_the_reason_and_the_row() -> None:
    document = parsed(html(page_of(reports.report())))
    lines = findings(document)
    assert [line[0] for line in lines] == ["unavailable", "refused", "invalid", "not_checked"]
    assert lines[0][1] == reports.report().row(1).digest
    assert lines[2][1] == r"<script>alert(1)</script>\x1b[2J\u202e"
    assert [line[-1] for line in lines] == ["1", "4", "3", "5"]
    assert texts(document, "#findings p")[0].startswith("All 4 rows with a verdict other than available")


def test_the_bar_has_a_table_with_words_and_numbers() -> None:
    document = parsed(html(page_of(reports.report())))
    rows = [[text(cell) for cell in row.query("th, td")] for row in document.query(".shares tbody tr")]
    assert [row[1] for row in rows] == ["2", "1", "1", "1", "1"]
    assert rows[0][2] == "33.3 %"
    assert next(text(each) for each in document.query(".shares tfoot td")) == "6"
    assert sum(float(each.attrs["width"]) for each in elements(document, "svg.bar rect")) == 1_000


def test_a_check_tells_target_effort_version_and_time() -> None:
    at = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
    document = parsed(html(page_of(reports.report_of([AVAILABLE, UNAVAILABLE]), written=at)))
    told = facts(document)
    assert (told["repository"], told["registry"], told["region"]) == ("team/app", "123456789012", "eu-west-1")
    assert (told["calls"], told["requests, with retries"], told["retries"], told["throttled"]) == (
        *("3", "4", "1", "1"),
    )
    assert (told["seconds"], told["requests a second"]) == ("2.0 s", "2")
    said = texts(document, "footer p")[-1]
    assert f"Written by layercheck {lc.__version__} on 2026-11-27 09:30 UTC" in said


def test_an_endpoint_is_shown_without_its_password() -> None:
    target = replace(reports.TARGET, endpoint_url="https://me:hunter2@127.0.0.1:9/")
    made = html(page_of(reports.report_of([AVAILABLE], target=target)))
    assert "hunter2" not in made
    assert "https://127.0.0.1:9/" in made


def test_only_and_unique_choose_the_lines(tmp_path: Path) -> None:
    with LocalEcr({"team/app": []}) as ecr:
        report = lc.check([reports.digest(1)] * 5 + ["junk"], "team/app", client=ecr.client())
    report.write(tmp_path / "all.html")
    report.write(tmp_path / "one.html", unique=True, only="unavailable")
    assert len(findings(parsed((tmp_path / "all.html").read_text()))) == 6
    assert len(findings(parsed((tmp_path / "one.html").read_text()))) == 1


def test_failed_calls_are_listed_with_their_code() -> None:
    with LocalEcr({"team/app": []}, faults=[Fault("omit", share=1.0)]) as ecr:
        report = lc.check([reports.digest(1)], "team/app", client=ecr.client())
    document = parsed(html(page_of(report)))
    assert "Failed calls" in texts(document, "h2")
    (line,) = texts(document, "#problems-1 li")
    assert line.startswith(f"1 digest: {report.errors[0].code}: ")


def test_failed_calls_tell_no_more_digests_than_have_no_answer() -> None:
    made = reports.report_of([AVAILABLE] * 7 + [V.UNANSWERED] * 3)
    errors = [
        lc.BatchError(0, 10, "transient", "InternalFailure", "no", 3),
        lc.BatchError(2, 9, "transient", "FurtherErrors", "2 more batches had errors", 3),
    ]
    overlapping = lc.Report(made._columns, target=made.target, stats=made.stats, errors=errors)
    lines = texts(parsed(html(page_of(overlapping))), "#problems-1 li")
    assert [line.split(":")[0] for line in lines] == ["up to 3 digests"] * 2
    exact = lc.Report(
        made._columns, target=made.target, stats=made.stats, errors=[replace(errors[0], start=7)]
    )
    (line,) = texts(parsed(html(page_of(exact))), "#problems-1 li")
    assert line == "3 digests: InternalFailure: no"


def test_an_image_audit_names_the_broken_images_and_what_they_lack() -> None:
    document = parsed(html(images_page(reports.images())))
    assert headline(document) == "1 of 3 images can no longer be pulled, because parts of it cannot be had."
    lines = findings(document)
    assert [line[0] for line in lines] == ["incomplete", "archived"]
    assert lines[0][2] == "v1, broken"
    assert made_images.sha("c") in lines[0]
    assert facts(document)["images"] == "3"


def test_an_image_audit_that_ended_early_claims_nothing_of_the_rest() -> None:
    whole = reports.images()
    graph_stats = ImageStats(ended="timeout")
    cut = lc.ImageReport(whole.repositories, target=whole.target, stats=graph_stats)
    (warning,) = texts(parsed(html(images_page(cut))), ".warnings li")
    assert "the check ended early (the time limit was reached)" in warning
    none = lc.ImageReport([], target=whole.target, stats=ImageStats(ended="cancelled"))
    assert headline(parsed(html(images_page(none)))) == (
        "Not known: no image was listed, and the check is incomplete."
    )
    ended = lc.ImageReport([], target=whole.target, stats=ImageStats(ended="done"))
    assert headline(parsed(html(images_page(ended)))) == "There was nothing to check: no image was listed."


def test_images_of_a_check_that_ended_early_are_not_called_all() -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        made_images.put(ecr, made_images.manifest("a"), "v1")
        one_image = made_images.check(ecr)
        made_images.put(ecr, made_images.manifest("b"), "v2")
        two = made_images.check(ecr)
    said = [
        headline(
            parsed(
                html(
                    images_page(
                        lc.ImageReport(
                            each.repositories, target=each.target, stats=ImageStats(ended="cancelled")
                        )
                    )
                )
            )
        )
        for each in (one_image, two)
    ]
    assert said == [
        "Incomplete: there may be images that are not here; the one listed image is complete.",
        "Incomplete: there may be images that are not here; all 2 listed images are complete.",
    ]


def test_a_repository_that_denies_is_named_on_the_page() -> None:
    fault = Fault("access_denied", operations=("BatchGetImage",))
    with LocalEcr({}, faults=[fault]) as ecr:
        made_images.put(ecr, made_images.manifest("a"), "v1")
        made_images.put(ecr, made_images.manifest("a"), "v1", repository="team/web")
        with pytest.raises(lc.LayercheckError) as raised:
            made_images.check(ecr, "team/*")
    report = raised.value.images  # type: ignore[attr-defined]
    document = parsed(html(images_page(report)))
    assert one(document, "h1").attrs["class"] == "open"
    assert "team/app" in texts(document, "#problems-1 li")[0]


def test_a_push_plan_says_why_the_push_cannot_succeed_and_what_is_sent() -> None:
    document = parsed(html(push_page(reports.push())))
    assert headline(document) == (
        "This push cannot succeed: 1 of 3 blobs is neither in the source nor in team/app."
    )
    assert [line[0] for line in findings(document)] == ["lacking", "upload", "upload", "skip"]
    told = facts(document)
    assert told["bytes to upload"] == "2 MB"
    assert told["PutImage"] == "1"
    assert told["tag"] == "v2: no image has it"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"blocked": ("the tag 'v2' is immutable",)}, "ECR would refuse this push to team/app: the tag"),
        ({"asked": False}, "A push would upload at most 2 MB; team/app was not asked."),
        ({"rows": ()}, "There is nothing to push"),
        ({"rows": reports.push().rows[:1]}, "Nothing would be uploaded: team/app has everything."),
        (
            {"rows": (reports.push().rows[1], replace(reports.push().rows[0], action="undecided"))},
            "Incomplete: 1 blob without an answer; a push would upload 2 MB to 2 MB",
        ),
    ],
)
def test_the_headline_of_a_push_plan(changed: dict[str, object], said: str) -> None:
    plan = replace(reports.push(), **{"tag": None, "tag_state": "none", **changed})  # type: ignore[arg-type]
    shown = headline(parsed(html(push_page(plan))))
    assert shown.startswith(said.removesuffix(" to 2 MB"))


def test_a_manifest_counts_in_the_headline_of_a_push_plan_too() -> None:
    blob, _, _, manifest = reports.push().rows
    said = [
        headline(
            parsed(
                html(
                    push_page(
                        replace(
                            reports.push(), rows=(blob, replace(manifest, action=action, in_source=False))
                        )
                    )
                )
            )
        )
        for action in ("lacking", "undecided")
    ]
    assert said[0] == (
        "This push cannot succeed: 1 of 2 blobs and manifests is neither in the source nor in team/app."
    )
    assert said[1].startswith("Incomplete: 1 manifest without an answer; no blob would be uploaded")


def test_changes_say_what_vanished() -> None:
    document = parsed(html(changes_page(reports.changes(), names=("monday.journal", "tuesday.journal"))))
    assert headline(document) == (
        "1 digest that was in the repository is not in it any more, of 3 digests with a verdict in both "
        "audits."
    )
    assert [line[0] for line in findings(document)] == ["vanished", "appeared"]
    assert "monday.journal" in texts(document, "dd")


def test_changes_of_incomplete_audits_say_so() -> None:
    cut = lc.diff(reports.report_of([AVAILABLE, NOT_CHECKED]), reports.report_of([AVAILABLE, UNAVAILABLE]))
    document = parsed(html(changes_page(cut)))
    assert headline(document) == (
        "Nothing vanished: of 1 digest with a verdict in both audits, none that was in the repository is "
        "unavailable now."
    )
    assert one(document, "h1").attrs["class"] == "open"
    (warning,) = texts(document, ".warnings li")
    assert "1 of 2 digests without a final verdict are not compared" in warning


def test_a_share_of_a_figure_is_0_and_100_percent_only_for_nothing_and_all() -> None:
    rows = (("a", 0.0), ("b", 0.004), ("c", 99.99), ("d", 100.0))
    table = PlotTable("ranked", "r", "Ranked", "Some.", ("name", "share"), ("", "%"), rows)
    document = parsed(html(replace(page_of(reports.report()), figures=(table,))))
    assert texts(document, "#figures td") == ["0 %", "<0.1 %", ">99.9 %", "100 %"]
    drawn = texts(document, ".drawing text")
    assert [text for text in drawn if "%" in text] == ["0 %", "<0.1 %", ">99.9 %", "100 %"]


def test_a_page_names_no_folder_of_the_machine_that_made_it() -> None:
    plan = replace(reports.push(), source="/home/someone/work/image.tar")
    names = "/home/someone/monday.journal", "~someone/tuesday.journal"
    for made in (html(push_page(plan)), html(changes_page(reports.changes(), names=names))):
        assert "someone" not in made
    assert facts(parsed(html(push_page(plan))))["source"] == "image.tar"
    assert facts(parsed(html(push_page(replace(plan, source="out/image.tar")))))["source"] == "out/image.tar"
