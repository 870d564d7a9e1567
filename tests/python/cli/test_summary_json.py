"""`--summary json`: the object is written for every failure, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layercheck.cli.json_summary import Known, failures_as_json
from layercheck.cli.output_list import OutputList

from .conftest import Ended, Layercheck

FAILURES = {
    "an input does not exist": (("nosuch.txt",), "no such file"),
    "the folder of the report does not exist": (("digests.txt", "-o", "nodir/x.csv"), "does not exist"),
    "the input is empty": (("empty.txt",), "no digests in the input"),
    "the profile does not exist": (("digests.txt", "--profile", "nosuch"), "list-profiles"),
    "the input is empty in a dry run": (("empty.txt", "--dry-run"), "no digests in the input"),
    "the journal is a folder": (("digests.txt", "--journal", "home"), "home"),
}


def object_of(ended: Ended) -> dict[str, Any]:
    (line,) = ended.out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize(("words", "said"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("quiet", [(), ("-q",)], ids=["", "quiet"])
def test_every_failure_writes_the_object_with_its_line(
    quiet: tuple[str, ...],
    words: tuple[str, ...],
    said: str,
    check: Layercheck,
    digests: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "empty.txt").write_text("")
    ended = check("app", *words, "--summary", "json", *quiet)
    assert ended.code == 1
    found = object_of(ended)
    assert (found["exit_code"], found["complete"]) == (1, False)
    assert said in found["error"]
    assert f"layercheck: {found['error']}" in ended.err


def test_the_object_of_a_failure_goes_to_standard_error_if_rows_go_to_standard_output(
    check: Layercheck, tmp_path: Path
) -> None:
    for words in (("-o", "-"), ("--format", "csv")):
        ended = check("app", "nosuch.txt", "--summary", "json", *words)
        assert (ended.code, ended.out) == (1, "")
        assert json.loads(ended.err.splitlines()[0])["exit_code"] == 1


def test_wrong_usage_and_a_failure_without_the_option_write_no_object(check: Layercheck) -> None:
    assert check("app", "nosuch.txt").out == ""
    assert check("app", "nosuch.txt", "--summary", "json", "--batch-size", "0").code == 2


def test_an_unexpected_error_writes_the_object_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MemoryError), failures_as_json(Known(OutputList(()), None)):
        raise MemoryError("of a row")
    found = json.loads(capsys.readouterr().out)
    assert (found["exit_code"], found["error"]) == (1, "MemoryError: of a row")
