"""Pages by the command: `-o *.html`, beside tables and alone, of whole runs and of interrupted ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import made_images
from cli.conftest import Layercheck, digest
from layercheck.testing import Fault, LocalEcr
from page.parsed import elements, findings, headline, parsed, texts
from push.layouts import Layout, layer


def test_a_check_writes_a_table_and_a_page_that_links_to_it(
    check: Layercheck, digests: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    ended = check("app", digests, "-o", "out/audit.html", "-o", "all rows.jsonl", "--no-progress")
    assert ended.code == 3
    said = [line for line in ended.out.splitlines() if line.startswith("report: ")]
    assert said == [f"report: {tmp_path / 'all rows.jsonl'}", f"report: {tmp_path / 'out' / 'audit.html'}"]
    document = parsed((tmp_path / "out" / "audit.html").read_text())
    assert headline(document) == "5 of 10 rows are not available in app: 3 unavailable, 2 archived."
    (link,) = elements(document, "a.file")
    assert link.attrs["href"] == "../all%20rows.jsonl"
    assert len((tmp_path / "all rows.jsonl").read_text().splitlines()) == 10


def test_a_page_goes_to_standard_output(check: Layercheck, digests: Path) -> None:
    ended = check("app", digests, "-o", "-", "--format", "html", "--no-progress", "--only", "archived")
    assert "verdict" in ended.err
    document = parsed(ended.out)
    assert [line[0] for line in findings(document)] == ["archived", "archived"]


def test_a_summary_for_machines_names_all_files(check: Layercheck, digests: Path, tmp_path: Path) -> None:
    ended = check("app", digests, "-o", "a.html", "-o", "a.csv", "--summary", "json", "--quiet")
    summary = json.loads(ended.out)
    assert summary["report_file"] == str(tmp_path / "a.csv")
    assert summary["report_files"] == [str(tmp_path / "a.csv"), str(tmp_path / "a.html")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "a.html.gz"], "the suffix does not name a format"),
        (["-o", "a.gz", "--format", "html"], "leave out .gz, because browsers open no compressed page"),
        (["-o", "a.csv", "-o", "a.html", "--format", "csv"], "--format is the format of one -o"),
        (["-o", "-", "-o", "-"], "two -o name standard output"),
        (["-o", "a.csv", "-o", "./a.csv"], "two -o name the file"),
        (["-o", "a.html", "--format", "table"], "jsonl, csv, parquet, arrow or html"),
    ],
)
def test_outputs_that_contradict_each_other_are_refused_before_the_run(
    check: Layercheck, digests: Path, options: list[str], said: str
) -> None:
    ended = check("app", digests, *options)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_page_of_a_run_that_could_not_go_on_says_so_at_the_top(
    check: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    (tmp_path / "many.txt").write_text("".join(f"{digest(number)}\n" for number in range(500)))
    local_ecr.set_faults([Fault("access_denied", calls=(3, None))])
    ended = check("app", "many.txt", "-o", "a.html", "--max-in-flight", "1", "--no-progress")
    assert ended.code == 1
    document = parsed((tmp_path / "a.html").read_text())
    assert headline(document).startswith("Incomplete: ")
    assert "stopped by an error that a retry cannot fix" in texts(document, ".warnings li")[0]


def test_images_write_a_folder_of_tables_and_a_page(layercheck: Layercheck, tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        made_images.put(ecr, made_images.manifest("a", "b"), "v1", lacking=["b"])
        command = ["images", "team/*", "--endpoint-url", ecr.endpoint_url, "--no-progress"]
        ended = layercheck(*command, "-o", "audit/", "-o", "audit.html")
        refused = layercheck(*command, "-o", "audit/", "--format", "html")
    assert ended.code == 3
    document = parsed((tmp_path / "audit.html").read_text())
    assert headline(document).startswith("1 of 1 image can no longer be pulled")
    names = ["images", "platforms", "layers", "repositories"]
    assert [each.attrs["href"] for each in elements(document, "a.file")] == [
        f"./audit/{name}.parquet" for name in names
    ]
    assert refused.code == 2
    assert "a page is one file, not a folder" in refused.err


def test_a_push_plan_and_a_diff_are_written_as_pages(layercheck: Layercheck, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layout.image([layer("a")], name="v1")
    ended = layercheck("push-plan", "layout", "team/app:v1", "--dry-run", "-o", "p.html", "-o", "p.csv")
    assert ended.code == 0
    document = parsed((tmp_path / "p.html").read_text())
    assert "team/app was not asked" in headline(document)
    assert [each.attrs["href"] for each in elements(document, "a.file")] == ["./p.csv"]
    for name, verdict in (("a.csv", "available"), ("b.csv", "unavailable")):
        (tmp_path / name).write_text(f"digest,verdict\n{digest(1)},{verdict}\n")
    assert layercheck("diff", "a.csv", "b.csv", "-o", "d.html", "-o", "d.jsonl").code == 3
    document = parsed((tmp_path / "d.html").read_text())
    assert headline(document).startswith("1 digest that was in the repository is not in it any more")
    assert {"a.csv", "b.csv"} <= set(texts(document, "dd"))
    shown = layercheck("diff", "a.csv", "b.csv", "--format", "html")
    assert findings(parsed(shown.out)) == findings(document)


def test_the_hint_how_to_get_everything_works_as_it_is_written(
    check: Layercheck, digests: Path, tmp_path: Path
) -> None:
    command = ("app", digests, "--no-progress", "--quiet")
    check(*command, "--format", "html", "-o", "a.html")
    said = texts(parsed((tmp_path / "a.html").read_text()), "#findings p")[0]
    assert "add -o FILE.parquet to the command, and no --format, or" in said
    check(*command, "-o", "a.html", "-o", "FILE.parquet")
    assert (tmp_path / "FILE.parquet").read_bytes()[:4] == b"PAR1"
