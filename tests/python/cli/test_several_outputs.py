"""Several `-o` of one report: what one of them cannot take, the others still get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layercheck.cli import image_output, output_list
from layercheck.cli.check_result import present
from layercheck.cli.check_run import CommandResult
from layercheck.cli.exit_codes import CommandError
from layercheck.cli.json_summary import write_json
from layercheck.cli.resume_command import ResumeCommand
from page import reports
from page.parsed import elements, parsed, texts


def addresses(page: Path) -> list[str]:
    return [each.attrs["href"] for each in elements(parsed(page.read_text()), "a.file")]


def test_a_table_that_cannot_be_written_costs_neither_the_other_table_nor_the_page(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    names = [str(tmp_path / name) for name in ("gone/a.csv", "b.jsonl", "p.html")]
    prepared = output_list.prepare(names, None)
    (tmp_path / "gone").rmdir()
    with pytest.raises(CommandError, match=r"cannot write .*a\.csv"):
        output_list.write(reports.report(), prepared)
    assert len((tmp_path / "b.jsonl").read_text().splitlines()) == reports.report().rows
    assert addresses(tmp_path / "p.html") == ["./b.jsonl"]


def test_a_page_that_cannot_be_written_costs_no_other_page(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    prepared = output_list.prepare([str(tmp_path / "gone/p.html"), str(tmp_path / "q.html")], None)
    (tmp_path / "gone").rmdir()
    with pytest.raises(CommandError, match=r"cannot write .*p\.html"):
        output_list.write(reports.report(), prepared)
    assert (tmp_path / "q.html").exists()


def test_a_folder_of_images_that_went_away_costs_no_page(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    names = [f"{tmp_path}/gone/", str(tmp_path / "p.html")]
    prepared = image_output.prepare(names, None, "images", all_layers=False)
    (tmp_path / "gone").rmdir()
    with pytest.raises(CommandError, match=r"cannot write .*images\.parquet"):
        image_output.write(reports.images(), prepared)
    assert addresses(tmp_path / "p.html") == []


def test_a_page_of_images_links_to_no_file_without_images_as_to_everything(tmp_path: Path) -> None:
    names = [str(tmp_path / "r.csv"), str(tmp_path / "p.html")]
    prepared = image_output.prepare(names, None, "repositories", all_layers=False)
    image_output.write(reports.images(), prepared)
    assert addresses(tmp_path / "p.html") == []
    said = texts(parsed((tmp_path / "p.html").read_text()), "#findings p")[0]
    assert "Everything: add -o FOLDER/ to the command" in said


def test_a_summary_names_the_files_that_were_written_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    prepared = output_list.prepare([str(tmp_path / "gone/a.csv"), str(tmp_path / "b.csv")], None)
    (tmp_path / "gone").rmdir()
    resume = ResumeCommand.of_this_process([], None)
    result = CommandResult(report=reports.report())
    with pytest.raises(CommandError, match=r"cannot write .*a\.csv") as failed:
        present(result, prepared, resume, quiet=False)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("report: ")]
    assert said == [f"report: {tmp_path / 'b.csv'}"]
    write_json(result, prepared, None, 1, str(failed.value))
    assert json.loads(capsys.readouterr().out)["report_files"] == [str(tmp_path / "b.csv")]
