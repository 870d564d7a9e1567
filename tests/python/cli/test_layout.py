"""`layercheck layout`, and images as INPUT of the other commands."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import layercheck as lc
from layercheck.cli.main import main
from layercheck.testing import LocalEcr
from layout.archives import (
    LAYER,
    MANIFEST,
    Oci,
    digest_of,
    docker_1_10,
    named,
    pack,
    packed_layer,
    plain_layer,
)

ONE, TWO = packed_layer("one"), packed_layer("two")


def two_platforms() -> Oci:
    oci = Oci()
    amd = oci.image(ONE, TWO, platform={"os": "linux", "architecture": "amd64"})
    arm = oci.image(ONE, architecture="arm64", platform={"os": "linux", "architecture": "arm64"})
    return oci.index({**oci.list(amd, arm), **named("team/app:v1")})


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(two_platforms().archive())
    return path


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    oci = two_platforms()
    del oci.files["blobs/" + digest_of(TWO).replace(":", "/")]
    return oci.folder(tmp_path / "partial")


def test_the_summary_shows_images_platforms_and_sizes(
    archive: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)  # a long path would be wrapped
    assert main(["layout", archive.name]) == 0
    shown = capfd.readouterr()
    lines = shown.out.splitlines()
    assert lines[:2] == [archive.name, "OCI archive, 1 image, 2 platforms, 4 blobs, 589 B"]
    assert [line.split()[:3] for line in lines[3:6]] == [
        ["image", "platform", "layers"],
        ["team/app:v1", "linux/amd64", "2"],
        ["linux/arm64", "1", *lines[5].split()[2:3]],
    ]
    assert shown.err == ""


@pytest.mark.parametrize(
    ("tags", "shown"), [(["a", "b"], "a, b "), (list("abcdefgh"), "a, b, c and 5 more ")], ids=["two", "many"]
)
def test_the_summary_shows_the_names_of_an_image(
    tags: list[str], shown: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    oci = Oci()
    image = oci.image(ONE)
    oci.index(*({**image, **named(tag)} for tag in tags))
    (tmp_path / "a").write_bytes(oci.archive())
    assert main(["layout", str(tmp_path / "a")]) == 0
    (line,) = (line for line in capfd.readouterr().out.splitlines() if "linux/amd64" in line)
    assert line.startswith(shown)
    (view,) = lc.read_layout(tmp_path / "a")._repr_html_().split(shown.strip())[1:]
    assert "linux/amd64" in view


def test_what_is_missing_is_shown_and_ends_with_code_3(
    partial: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Edge case 52, as far as the source alone tells."""
    assert main(["layout", str(partial)]) == 3
    out = capfd.readouterr().out
    assert "1 lacking" in out
    assert f"{digest_of(TWO)}  {len(TWO)} B" in out
    assert main(["layout", str(partial), "--fail-on", "none"]) == 0
    assert main(["layout", str(partial), "--fail-on", "damaged", "-q"]) == 0
    assert main(["layout", str(partial), "--fail-on", "lacking", "-q"]) == 3


def test_blobs_beside_the_layout_fill_it(
    partial: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Edge case 60."""
    shared = tmp_path / "shared" / "sha256"
    shared.mkdir(parents=True)
    (shared / digest_of(TWO)[7:]).write_bytes(TWO)
    assert main(["layout", str(partial), "--blobs", str(shared.parent)]) == 0
    capfd.readouterr()
    assert main(["layout", str(partial), "--blobs", str(tmp_path / "nowhere")]) == 1
    assert "not a folder of blobs" in capfd.readouterr().err


@pytest.mark.parametrize("table", ["images", "platforms", "blobs", "rows"])
def test_tables_go_to_standard_output_or_to_a_file(
    table: str, archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    layout = lc.read_layout(archive)
    expected = layout.table(table).lines(0, 100)  # type: ignore[arg-type]
    assert main(["layout", str(archive), "--table", table, "--format", "jsonl"]) == 0
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == expected
    for suffix in ("csv", "parquet", "arrow", "jsonl.gz"):
        assert (
            main(["layout", str(archive), "--table", table, "-o", str(tmp_path / f"t.{suffix}"), "-q"]) == 0
        )
        assert (tmp_path / f"t.{suffix}").stat().st_size > 100
    assert capfd.readouterr() == ("", "")


def test_standard_input_is_read(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Edge case 67."""
    stdin = SimpleNamespace(buffer=io.BytesIO(archive.read_bytes()), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["layout", "-"]) == 0
    assert capfd.readouterr().out.startswith("standard input\nOCI archive, 1 image")
    stdin.buffer = io.BytesIO(archive.read_bytes()[:5_000])
    assert main(["layout", "-"]) == 1
    message = capfd.readouterr().err
    assert message.startswith("layercheck: standard input: byte 5000: the archive is cut short")
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "no such file or folder: 'nowhere'; check the path"),
        (["text"], 1, "text: not an image: it looks like text"),
        (["folder"], 1, "folder: not an OCI image layout: it has no index.json"),
        ([], 2, "Missing argument 'SOURCE'"),
        (["text", "--fail-on", "missing"], 2, "expected none, or some of: lacking, damaged"),
        (["text", "--table", "layers"], 2, "'layers' is not one of"),
        (["text", "-o", "x.txt"], 2, "the suffix does not name a format"),
        (["text", "-o", "text"], 2, "the suffix does not name a format"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_misuse_is_one_line(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("hello\n")
    Path("folder").mkdir()
    assert main(["layout", *arguments]) == code
    shown = capfd.readouterr()
    assert message in shown.err
    assert (shown.out, shown.err.count("\n")) == ("", 1)


def test_problems_are_lines_on_standard_error_and_many_are_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    oci = Oci()
    gone = ({"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 7} for number in range(30))
    bad = {"mediaType": LAYER, "digest": "sha256:\x1b[2J", "size": 1}
    oci.index(oci.document({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [bad]}), *gone)
    (tmp_path / "a").write_bytes(oci.archive())
    assert main(["layout", str(tmp_path / "a")]) == 3
    shown = capfd.readouterr()
    assert "\x1b" not in shown.out + shown.err
    lines = shown.err.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "layercheck: and 21 more; each part with its state: --table blobs --format jsonl"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_long_names_and_many_images_keep_the_table_whole(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    oci = Oci()
    images = [oci.image(packed_layer(str(number)), **named("x" * 300 + str(number))) for number in range(60)]
    oci.index(*images)
    (tmp_path / "a").write_bytes(oci.archive())
    assert main(["layout", str(tmp_path / "a")]) == 0
    out = capfd.readouterr().out
    assert out.count("linux/amd64") == 40
    assert "and 20 more: --table platforms --format jsonl" in " ".join(out.split())


def test_plan_and_check_take_images(archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(archive), "--format", "jsonl"]) == 0
    shown = capfd.readouterr()
    assert (json.loads(shown.out)["rows"], json.loads(shown.out)["unique"]) == (5, 4)
    assert shown.err == f"layercheck: note: configs and layers of 1 image of '{archive}'\n"
    with LocalEcr(region_name="eu-west-1") as ecr:
        ecr.put_oci_layout("team/app", archive)
        ecr.remove("team/app", [digest_of(TWO)])
        arguments = ["check", "team/app", str(archive), "--endpoint-url", ecr.endpoint_url]
        assert main([*arguments, "--format", "jsonl", "--only", "unavailable"]) == 3
    assert json.loads(capfd.readouterr().out)["digest"] == digest_of(TWO)


def test_a_folder_is_an_input_if_it_is_a_layout(
    partial: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(partial)]) == 0
    capfd.readouterr()
    assert main(["plan", str(tmp_path)]) == 1
    assert "is a directory, not a file of digests and not an OCI layout" in capfd.readouterr().err


def test_images_and_lists_are_one_input_together(
    archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "digests.txt").write_text("latest\n" + "ab" * 32 + "\n")
    assert main(["plan", str(archive), str(tmp_path / "digests.txt"), "--format", "jsonl"]) == 0
    numbers = json.loads(capfd.readouterr().out)
    assert (numbers["rows"], numbers["unique"], numbers["invalid"]) == (7, 5, 1)


def test_a_docker_archive_of_plain_layers_says_what_to_make_instead(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Edge case 56."""
    (tmp_path / "app.tar").write_bytes(pack(docker_1_10(plain_layer("one"), plain_layer("two"))))
    assert main(["layout", str(tmp_path / "app.tar")]) == 0
    capfd.readouterr()
    assert main(["plan", str(tmp_path / "app.tar")]) == 1
    message = capfd.readouterr().err
    assert "2 layers are plain tars, which are compressed when they are pushed" in message
    assert "skopeo copy docker-archive:FILE oci-archive:FILE" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input-format", "layout", "--column", "x"], "a layout has no columns"),
        (["--input-format", "manifest", "--raw"], "--raw is for binary columns"),
        (["--input-format", "layout", "--delimiter", ";"], "only CSV has a delimiter"),
    ],
    ids=" ".join,
)
def test_options_of_columns_do_not_fit_images(
    options: list[str], message: str, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(archive), *options]) == 2
    assert message in capfd.readouterr().err


def test_a_forced_format_must_fit(archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(archive), "--input-format", "layout"]) == 0
    assert main(["plan", str(archive), "--input-format", "manifest"]) == 1
    assert "this is an OCI archive, not a manifest" in capfd.readouterr().err
