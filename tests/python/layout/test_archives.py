"""Tar archives: every form of names and links, cut, broken, hostile, compressed, and from a pipe."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

import layercheck as lc
from layout.archives import Link, Oci, digest_of, hex_of, named, pack, packed_layer, path_of

ONE = packed_layer("one")


def layout() -> Oci:
    oci = Oci()
    return oci.index(oci.image(ONE, **named("v1")))


def read(archive: bytes) -> lc.Layout:
    return lc.read_layout(io.BytesIO(archive))


def error(archive: bytes) -> str:
    with pytest.raises(lc.LayoutError) as caught:
        read(archive)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=str)
@pytest.mark.parametrize("prefix", ["", "./", "/", ".//./"], ids=repr)
def test_names_are_cleaned_in_every_format_of_tar(format: int, prefix: str) -> None:
    """Edge case 68."""
    assert read(layout().archive(format=format, prefix=prefix)).complete


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_names_of_4096_bytes_are_read_and_longer_ones_refused(format: int) -> None:
    """Edge case 68: tar names of at most 4 KiB."""
    oci = layout()
    for length in (101, 255, 256, 4_096):
        oci.files["x" * length] = b"y"
    assert read(oci.archive(format=format)).complete
    oci.files["x" * 4_097] = b"y"
    assert "4096 bytes" in error(oci.archive(format=format))


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_targets_of_links_are_read(format: int) -> None:
    """Edge case 68."""
    oci = layout()
    long = "folder/" * 40 + "layer"
    oci.files[long] = oci.files.pop(f"blobs/sha256/{hex_of(ONE)}")
    oci.files[f"blobs/sha256/{hex_of(ONE)}"] = Link(long, hard=True)
    assert read(oci.archive(format=format)).complete


def test_blobs_may_be_links() -> None:
    """Edge case 68."""
    oci = layout()
    name = f"blobs/sha256/{hex_of(ONE)}"
    oci.files["store"] = oci.files.pop(name)
    for link in (Link("../../store"), Link("/store"), Link("store", hard=True)):
        oci.files[name] = link
        assert read(oci.archive()).complete, link
    oci.files[name] = Link("../../../store")
    assert not read(oci.archive()).complete


def test_the_last_entry_of_a_name_counts() -> None:
    oci = layout()
    index = oci.files.pop("index.json")
    archive = pack({"index.json": b"{}"})[:1024] + pack({**oci.files, "index.json": index})
    assert read(archive).complete


def test_zeros_behind_the_end_do_not_matter() -> None:
    """Edge case 68."""
    archive = layout().archive()
    for more in (b"", bytes(512), bytes(100_000), bytes(513), b"garbage" * 100):
        assert read(archive + more).complete


def test_an_archive_without_its_end_mark_is_read_with_a_note() -> None:
    archive = layout().archive().rstrip(b"\0")
    archive += bytes(-len(archive) % 512)
    found = read(archive)
    assert found.complete
    assert found.notes == ("the archive has no end mark, so it may be cut short",)
    assert read(archive + bytes(512)).notes == ()


def test_an_archive_that_is_cut_is_an_error_with_the_offset_wherever_it_is_cut() -> None:
    """Edge case 68."""
    archive = layout().archive()
    used = len(archive.rstrip(b"\0"))
    for end in {*range(513, used, 997), used - 1, 700, 1023}:
        if end % 512:
            message = error(archive[:end])
            assert message.startswith(f"byte {end}: the archive is cut short: it ends within "), end
    assert f'the entry "{path_of(Oci().blob(ONE, ""))}"' in " ".join(
        error(archive[:end]) for end in range(520, used - 520, 512) if end and not _ends_whole(archive, end)
    )


def _ends_whole(archive: bytes, end: int) -> bool:
    """Whether a header or the end of the archive stands here, so that nothing shows the cut."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return end in {entry.offset for entry in tar} | {
            entry.offset_data + -(-entry.size // 512) * 512 for entry in tar
        }


def test_a_broken_header_is_an_error_with_the_offset() -> None:
    archive = bytearray(layout().archive())
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        offset = tar.getmembers()[2].offset
    archive[offset + 5] ^= 1
    assert error(bytes(archive)).startswith(f"byte {offset}: broken tar archive: a header is expected here")


def test_a_size_that_is_no_number_is_an_error_without_its_bytes() -> None:
    head = bytearray(_entry("file", 0))
    head[124:136] = b"\x1b[2J\x16000000\0"
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    assert error(bytes(head)) == "byte 0: broken tar archive: a size is not a number"


def _entry(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (_entry("big", 1 << 60), 'cut short: it ends within the entry "big" of 1152921504606846976 bytes'),
        (_entry("big", 2**63 - 1), "cut short"),
        (_entry("././@LongLink", 1 << 40, tarfile.GNUTYPE_LONGNAME), "a name longer than 4096 bytes"),
        (_entry("pax", 1 << 40, tarfile.XHDTYPE), "an extended header of 1099511627776 bytes"),
        (_entry("pax", 1 << 40, tarfile.XGLTYPE), "an extended header of 1099511627776 bytes"),
        (_entry("pax", 100, tarfile.XHDTYPE), "cut short: it ends within an extended header"),
        (_entry("file", 0) + b"x" * 100, "cut short: it ends within 100 bytes of a header"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_hostile_headers_are_errors_and_take_no_memory(head: bytes, message: str) -> None:
    assert message in error(head)


def test_names_that_leave_the_archive_are_not_read_and_named() -> None:
    oci = layout()
    oci.files["../../etc/passwd"] = b"x"
    found = read(oci.archive())
    assert found.complete
    assert found.problems == ('"../../etc/passwd": the name leaves the archive, so the entry is not read',)


def test_files_with_holes_are_hashed_with_their_zeros() -> None:
    """Edge case 68: tar --sparse, in the form of GNU."""
    content = bytes(1 << 20) + b"end of a layer" + bytes(4_096)
    oci = Oci()
    oci.index(oci.image(content))
    name = f"blobs/sha256/{hex_of(content)}"
    del oci.files[name]
    stored = b"end of a layer"
    head = bytearray(_entry(name, len(stored), tarfile.GNUTYPE_SPARSE))

    def number(at: int, value: int) -> None:
        head[at : at + 12] = b"%011o\0" % value

    # Two pieces: one in the middle, and an empty one at the end, as GNU tar writes them.
    number(386, 1 << 20)
    number(398, len(stored))
    number(410, len(content))
    number(422, 0)
    number(483, len(content))
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    sparse = bytes(head) + stored.ljust(512, b"\0")
    archive = oci.archive()
    assert lc.read_layout(io.BytesIO(sparse + archive)).complete
    # A map that runs backwards, or beyond the file.
    for at, value in ((386, len(content)), (483, 1 << 10)):
        broken = bytearray(head)
        broken[at : at + 12] = b"%011o\0" % value
        broken[148:156] = b"        "
        broken[148:156] = b"%06o\0 " % sum(broken)
        assert "holes" in error(bytes(broken) + stored.ljust(512, b"\0") + archive)


def test_the_holes_of_all_files_of_an_archive_have_one_limit() -> None:
    def header(number: int, size: int) -> bytes:
        entry = tarfile.TarInfo(f"blobs/sha256/{number:064x}")
        entry.type = tarfile.GNUTYPE_SPARSE
        head = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
        head[483:495] = b"\x80" + size.to_bytes(11, "big")
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        return bytes(head)

    said = error(header(1, 1 << 20) + header(2, 64 << 30) + bytes(1024))
    assert "and those before it, have more than 64 GiB with their holes" in said


def test_holes_in_the_form_of_pax_are_refused_with_advice() -> None:
    entry = tarfile.TarInfo("blob")
    entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    assert "without --sparse" in error(entry.tobuf(tarfile.PAX_FORMAT))


def test_devices_and_folders_in_an_archive_do_not_matter() -> None:
    more = b"".join(
        _entry(name, 0, kind)
        for name, kind in (
            ("blobs/", tarfile.DIRTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("device", tarfile.CHRTYPE),
            ("block", tarfile.BLKTYPE),
            ("old folder/", tarfile.AREGTYPE),
        )
    )
    assert read(more + layout().archive()).complete


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd", "gzip members"])
def test_compression_is_told_by_the_content_and_never_by_the_name(how: str, tmp_path: Path) -> None:
    archive = layout().archive()
    packed = {
        "plain": lambda: archive,
        "gzip": lambda: gzip.compress(archive),
        "zstd": lambda: _zstd(archive),
        "gzip members": lambda: gzip.compress(archive[:5_000]) + gzip.compress(archive[5_000:]),
    }[how]()
    for name in ("image.tar", "image.tar.gz", "image.txt", "image"):
        (tmp_path / name).write_bytes(packed)
        assert lc.read_layout(tmp_path / name).complete


def _zstd(content: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (
            b"sha256:" + b"ab" * 32 + b"\n",
            "it looks like text, perhaps a list of digests for layercheck plan",
        ),
        (bytes(1024), "not an archive of images: it is empty"),
        (b"\xfd7zXZ\0" + bytes(600), "it is packed with xz; unpack it first with: xz -dc"),
        (b"PK\x03\x04" + bytes(600), "it is a zip archive"),
        (b"\x7fELF" + bytes(range(256)) * 3, "neither a tar archive, plain, gzip or zstd, nor a manifest"),
        (b'[{"Config": "x"}]', "the manifest.json of an archive"),
        (b'{"Config": {}}', "neither a manifest nor an index"),
        (gzip.compress(b"text\n", mtime=0), "it looks like text"),
        (gzip.compress(gzip.compress(bytes(5_000), mtime=0), mtime=0), "neither a tar archive"),
        (pack({"etc/passwd": b"", "etc": b"", "bin": b""}), "the files of a container, of docker export"),
        (pack({"image/index.json": b"{}"}), 'it holds a layout in the folder "image"; pack the content'),
        (pack({"a": b""}), "it has no index.json and no manifest.json"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_archive_of_images_is_one_line_that_says_what_it_looks_like(
    content: bytes, message: str
) -> None:
    """Edge cases 67 and 70."""
    assert message in error(content)


def test_a_broken_compressed_archive_is_an_error() -> None:
    packed = gzip.compress(os.urandom(5_000) + layout().archive())
    assert error(packed[: len(packed) // 2])
    packed = gzip.compress(layout().archive())
    assert "gzip" in error(packed[: len(packed) // 2])


def test_an_archive_from_a_pipe_is_read_once_and_to_its_end() -> None:
    """Edge case 67."""
    archive = layout().archive(order="reversed") + bytes(200_000)
    reader, writer = os.pipe()

    def write() -> None:
        with open(writer, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(archive)

    # A pipe holds 64 KiB, so the writer ends only if all is read.
    thread = threading.Thread(target=write)
    thread.start()
    with open(reader, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        assert lc.read_layout(file).complete
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_a_file_that_gives_a_few_bytes_at_a_time_is_read_alike() -> None:
    class Drops(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, 7 if size is None or size < 0 else size))

    assert lc.read_layout(Drops(layout().archive())).blobs == read(layout().archive()).blobs


def test_exceptions_of_a_file_pass_through() -> None:
    class Broken:
        def read(self, size: int = -1) -> bytes:
            raise RuntimeError("the cable is out")

    with pytest.raises(RuntimeError, match="the cable is out"):
        lc.read_layout(Broken())
    with pytest.raises(TypeError, match="text mode"):
        lc.read_layout(io.StringIO("x"))  # type: ignore[arg-type]


def test_blobs_of_an_archive_are_hashed_whatever_their_order_and_kept_once() -> None:
    """Edge case 67: index.json may come first or last."""
    archive = layout().archive
    assert read(archive()).blobs == read(archive(order="reversed")).blobs
    assert [blob.digest for blob in read(archive()).blobs][1] == digest_of(ONE)
