"""Every `layercheck ...` on the pages can be typed, and every option they name exists."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import layercheck as lc
from docs.pages import PAGES, ROOT, command_lines, fences, prose
from layercheck.cli.main import cli, main
from layercheck.testing import FractionOfDigests, LocalEcr

DIGESTS = ["sha256:" + hashlib.sha256(b"%d" % number).hexdigest() for number in range(300)]
TYPED = sorted({tuple(line) for page in PAGES for line in command_lines(page)})
FOREVER = {"serve", "demo"}
"""Commands that run until Ctrl-C, or for some seconds: of these the options are parsed."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files that the pages speak of, and an endpoint in the place of AWS."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with LocalEcr({"team/app": FractionOfDigests(0.9)}, region_name="eu-west-1") as ecr:
        for name, value in {
            "AWS_ENDPOINT_URL": ecr.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }.items():
            monkeypatch.setenv(name, value)
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": DIGESTS[0], "size": 1}
        ecr.put_image("team/app", {"config": layer, "layers": [layer]}, ["v1.2"], force=True)
        (tmp_path / "audit").mkdir()
        (tmp_path / "digests.txt").write_text("".join(f"{each}\n" for each in DIGESTS))
        (tmp_path / "layers.csv").write_text("image,digest\n" + "".join(f"app,{each}\n" for each in DIGESTS))
        images = gzip.decompress((ROOT / "tests/data/images/umoci-skopeo-oci-archive.tar.gz").read_bytes())
        (tmp_path / "image.tar").write_bytes(images)
        with tarfile.open(tmp_path / "image.tar") as tar:
            tar.extractall(tmp_path / "image", filter="data")
        for day in ("monday", "tuesday"):
            journal = tmp_path / f"{day}.journal"
            lc.check(DIGESTS, "team/app", client=ecr.client(), journal=journal).write(f"{day}.csv")
        lc.check(Path("digests.txt"), "team/app", session=ecr.session(), journal="audit.journal")
        yield tmp_path


@pytest.mark.parametrize("arguments", [each for each in TYPED if each[0] not in FOREVER], ids=" ".join)
def test_a_command_line_of_the_pages_works(
    arguments: tuple[str, ...],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source = "image.tar" if arguments[:2] == ("layout", "-") else "digests.txt"
    with (folder / source).open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        code = main(arguments)
    assert code in (0, 3), capfd.readouterr().err


@pytest.mark.parametrize("arguments", [each for each in TYPED if each[0] in FOREVER], ids=" ".join)
def test_the_options_of_a_command_line_exist(arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    command.make_context(name, rest)


def options(group: click.Group = cli) -> Iterator[str]:
    """All options of all commands."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from (
                option for parameter in command.params for option in parameter.opts + parameter.secondary_opts
            )
            if isinstance(command, click.Group):
                yield from options(command)


def test_the_pages_name_no_option_that_does_not_exist() -> None:
    known = {*options(), "--help", "--version"}
    named = {
        (page.name, option)
        for page in PAGES
        if page.name != "CONTRIBUTING.md"
        for option in re.findall(r"`(--[a-z][a-z-]*)", prose(page))
    }
    assert {each for each in named if each[1] not in known} == set()


def test_every_option_of_check_is_in_the_guide() -> None:
    page = (ROOT / "docs" / "guide" / "command-line.md").read_text()
    check = cli.get_command(click.Context(cli), "check")
    assert check is not None
    long = [option for parameter in check.params for option in parameter.opts if option.startswith("--")]
    assert [option for option in long if f"`{option}" not in page and option != "--output"] == []


def test_the_capture_in_the_readme_is_what_the_command_shows(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import random

    chance = random.Random(4)
    digests = ["sha256:" + hashlib.sha256(b"%d" % number).hexdigest() for number in range(96_000)]
    rows = digests + chance.choices(digests, k=30_000)
    chance.shuffle(rows)
    rows[40] = "latest"
    (folder / "digests.txt").write_text("".join(f"{row}\n" for row in rows))
    with LocalEcr({"team/app": FractionOfDigests(0.9996)}, region_name="eu-west-1") as ecr:
        typed = ["check", "team/app", "digests.txt", "-o", "report.csv"]
        assert main([*typed, "--endpoint-url", ecr.endpoint_url, "--rate", "max"]) == 3
    _, capture = next(fences(ROOT / "README.md"))
    prompt, _, shown = capture.partition("\n")
    assert prompt == "$ layercheck " + " ".join(typed)
    assert comparable(shown) == comparable(capfd.readouterr().out)


def comparable(shown: str) -> list[str]:
    """Without what differs from run to run: the times, and the folder."""
    text = re.sub(r"(calls) in .*", r"\1", shown)
    return re.sub(r"report: .*/", "report: ", text).splitlines()
