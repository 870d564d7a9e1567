"""The story of a journal on the page about journals is what the commands show."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from docs.pages import ROOT, fences
from layercheck.cli.main import main
from layercheck.testing import LocalEcr

STORY = next(text for _, text in fences(ROOT / "docs" / "guide" / "journals.md") if "\nKilled\n" in text)
DIGESTS = ["sha256:" + hashlib.sha256(b"%d" % number).hexdigest() for number in range(20_000)]
HELD, ABSENT = DIGESTS[1::2], DIGESTS[0::2]


def shown(command: str) -> str:
    """What the story shows after the last time this command is typed."""
    return STORY.rpartition(f"$ {command}\n")[2].partition("\n$ ")[0].strip("\n") + "\n"


def typed(command: str, ecr: LocalEcr, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capfd.readouterr()
    target = ["--endpoint-url", ecr.endpoint_url, "--rate", "max"] if " check " in command else []
    code = main([*command.split()[1:], *target])
    return code, capfd.readouterr().out


def test_the_story_of_a_journal_is_what_the_commands_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (tmp_path / "digests.txt").write_text("".join(f"{digest}\n" for digest in DIGESTS))
    with LocalEcr({"team/app": HELD}, region_name="eu-west-1") as ecr:
        monday = "layercheck check team/app digests.txt --journal monday.journal"
        code, out = typed(monday, ecr, capfd)
        assert code == 3
        # The first run of the story was killed, and its times are those of its machine.
        headline, table, effort = out.split("\n\n")
        assert f"{headline}\n\n{table}" in shown(monday)
        assert re.fullmatch(r"200 calls in .*\n", effort)
        ecr.remove("team/app", HELD[:42])
        ecr.put("team/app", HELD[100:110], availability="ARCHIVED")
        ecr.put("team/app", ABSENT[:7])
        code, out = typed(
            "layercheck check team/app digests.txt --journal tuesday.journal --quiet", ecr, capfd
        )
        assert (code, out) == (3, "")
        diff = "layercheck diff monday.journal tuesday.journal"
        assert typed(diff, ecr, capfd) == (3, shown(diff))
