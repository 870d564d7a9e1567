"""`Layout`: the images, platforms and blobs of one source, and what is missing in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from layercheck.display.wording import bytes_text
from layercheck.report import dataframes, files

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from layercheck import _core
    from layercheck._core import RecordTable

LayoutTableName: TypeAlias = Literal["images", "platforms", "blobs", "rows"]

TABLES: tuple[LayoutTableName, ...] = ("images", "platforms", "blobs", "rows")

_CHUNK = 4_096  # lines that become objects at once


@dataclass(frozen=True, slots=True)
class LayoutImage:
    """One document at the top of a layout.

    Attributes:
        names: Tags or references that the layout gives to it.
        digest: Its digest; None for an image of a docker archive, whose manifest is made by the push.
        kind: `image`, `index`, `attestation`, `artifact`, `schema1` or `unknown`.
        media_type: Its media type, or None.
        state: `present`, `lacking` (named, but not there), `damaged` (its content or size is not the one that
            names it), `unreadable`, or `unknown` (the source is one manifest).
        platforms: Images of one platform that it consists of.
        blobs: Different configs and layers that it needs.
        size: Bytes of these, as far as their sizes are known.
        lacking: Manifests and blobs among them that are not there. Layers that are not to be distributed do
            not count.
        damaged: Manifests and blobs among them that are damaged, unreadable, or named by an unusable digest.
    """

    names: tuple[str, ...]
    digest: str | None
    kind: str
    media_type: str | None
    state: str
    platforms: int
    blobs: int
    size: int
    lacking: int
    damaged: int


@dataclass(frozen=True, slots=True)
class LayoutPlatform:
    """One manifest of an image: usually the image of one platform.

    Attributes:
        image: The first name of the image that it belongs to, or None.
        image_digest: The digest of that image, or None.
        digest: The digest of this manifest, or None.
        os: The operating system, such as `linux`; None if neither the index nor the config tells.
        architecture: The architecture, such as `arm64`, or None.
        variant: The variant, such as `v8`, or None.
        os_version: The version of the operating system, or None.
        kind: As for `LayoutImage`.
        media_type: Its media type, or None.
        state: As for `LayoutImage`.
        layers: Layers that it names.
        size: Bytes of its config and layers, as far as their sizes are known.
        lacking: As for `LayoutImage`.
        damaged: As for `LayoutImage`.
    """

    image: str | None
    image_digest: str | None
    digest: str | None
    os: str | None
    architecture: str | None
    variant: str | None
    os_version: str | None
    kind: str
    media_type: str | None
    state: str
    layers: int
    size: int
    lacking: int
    damaged: int


@dataclass(frozen=True, slots=True)
class LayoutBlob:
    """A config or a layer, once for the whole layout.

    Attributes:
        digest: Its digest. If `unpacked` is true, a push gives it another one.
        role: `config`, `layer` or `both`.
        size: Its size in bytes, or None.
        media_type: Its media type, or None.
        state: As for `LayoutImage`.
        images: Images that need it.
        foreign: Whether it is a layer that is not to be distributed, such as one of a Windows base image.
        unpacked: Whether it is a plain tar that `docker push` compresses, which gives it another digest.
    """

    digest: str
    role: str
    size: int | None
    media_type: str | None
    state: str
    images: int
    foreign: bool
    unpacked: bool


class Layout:
    """What an OCI layout, an archive of images or a manifest holds, and what it lacks. Immutable.

    `layercheck.read_layout` makes it. `plan` and `check` take it as input: its configs and layers are the
    rows, in the order of the table `rows`, whose column `row` is that of the report. It can be pickled.

    Tables, for `to_arrow`, `to_pandas`, `to_polars` and `write`: `images`, `platforms` and `blobs` have the
    attributes of `LayoutImage`, `LayoutPlatform` and `LayoutBlob` as columns; `rows` has `row`, `digest`,
    `image`, `platform`, `kind`, `role`, `layer` (its number from 1), `size`, `media_type` and `state`.

    Examples:
        >>> import io, json, layercheck as lc
        >>> config, layer = ({"digest": "sha256:" + pair * 32, "size": 10} for pair in ("aa", "bb"))
        >>> manifest = {"schemaVersion": 2, "config": config, "layers": [layer]}
        >>> layout = lc.read_layout(io.BytesIO(json.dumps(manifest).encode()))
        >>> [blob.role for blob in layout.blobs], lc.plan(layout).unique
        (['config', 'layer'], 2)
    """

    def __init__(self, layout: _core.Layout, source: str | None = None) -> None:
        self._layout = layout
        self._source = source

    @property
    def source(self) -> str | None:
        """The path that was read; None for an open file."""
        return self._source

    @property
    def form(self) -> str:
        """What was read: a word.

        `oci-layout` (a folder), `oci-archive`, `docker-archive`, `docker-archive-v1` (of Docker before 1.10)
        or `manifest`.
        """
        return self._layout.form

    @cached_property
    def images(self) -> tuple[LayoutImage, ...]:
        """The images, in the order of the layout."""
        table = self.table("images")
        return tuple(LayoutImage(**{**line, "names": tuple(line["names"])}) for line in _lines(table))

    @cached_property
    def platforms(self) -> tuple[LayoutPlatform, ...]:
        """The manifests of the images, without the indexes that lead to them."""
        return tuple(LayoutPlatform(**line) for line in _lines(self.table("platforms")))

    @cached_property
    def blobs(self) -> tuple[LayoutBlob, ...]:
        """The configs and layers, each once, in the order in which they are first named."""
        return tuple(LayoutBlob(**line) for line in _lines(self.table("blobs")))

    @property
    def digests(self) -> list[str]:
        """The digests of the configs and layers, each once, without layers that are not to be distributed."""
        return [blob.digest for blob in self.blobs if not blob.foreign]

    @property
    def missing(self) -> list[str]:
        """The digests of manifests, configs and layers that the layout names and does not have."""
        documents, blobs = self._layout.missing
        return [*documents, *blobs]

    @property
    def complete(self) -> bool:
        """True if nothing is lacking, damaged or unreadable, except layers that are not to be distributed.

        For one manifest alone this says nothing about its blobs, whose state is `unknown`.
        """
        return self._layout.complete

    @property
    def size(self) -> int:
        """Bytes of all configs and layers, as far as their sizes are known."""
        return self._layout.size

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with single parts, a sentence each with its place; at most 1,000."""
        return tuple(self._layout.problems[0])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know beside the content, in sentences."""
        return tuple(self._layout.notes)

    def table(self, name: LayoutTableName = "images") -> RecordTable:
        """Return one of the tables, which can be read as an Arrow stream in bounded memory.

        Raises:
            ValueError: If there is no such table.
        """
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}; expected one of: {', '.join(TABLES)}")
        return self._layout.table(name)

    def to_arrow(self, table: LayoutTableName = "images") -> pa.Table:
        """Return one of the tables as a `pyarrow.Table`.

        Raises:
            ImportError: If pyarrow is not installed; the message says how to install it.
        """
        return dataframes.to_arrow(self.table(table))

    def to_pandas(self, table: LayoutTableName = "images") -> pd.DataFrame:
        """Return one of the tables as a pandas DataFrame.

        Raises:
            ImportError: If pandas or pyarrow is not installed.
        """
        return dataframes.to_pandas(self.table(table))

    def to_polars(self, table: LayoutTableName = "images") -> pl.DataFrame:
        """Return one of the tables as a polars DataFrame.

        Raises:
            ImportError: If polars is not installed.
        """
        return dataframes.to_polars(self.table(table))

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        table: LayoutTableName = "images",
        format: str | None = None,
    ) -> None:
        """Write one of the tables to a file atomically, as `Report.write` does.

        Args:
            path: The file. Its suffix selects the format, unless `format` is given. With `.gz` or `.zst`
                behind it, CSV and JSON Lines are compressed.
            table: `"images"`, `"platforms"`, `"blobs"` or `"rows"`.
            format: `"parquet"`, `"csv"`, `"jsonl"` or `"arrow"`.

        Raises:
            ValueError: If neither suffix nor `format` is one of these, or there is no such table.
            ImportError: If Parquet or Arrow is asked for and pyarrow is not installed.
            OSError: If the file cannot be written; an existing file at `path` is left untouched.
        """
        files.save(self.table(table), path, format)

    def __repr__(self) -> str:
        images, _, blobs = self._layout.counts
        parts = [_count(images, "image"), _count(blobs, "blob"), bytes_text(self.size)]
        documents, lacking = self._layout.missing
        if documents or lacking:
            parts.append(f"{len(documents) + len(lacking):,} missing")
        elif not self.complete:
            parts.append("incomplete")
        return f"<Layout of {self._layout.form_says}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        from layercheck.layout import notebook

        return notebook.render(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._layout, self._source)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _lines(table: RecordTable) -> Iterator[dict[str, Any]]:
    for start in range(0, len(table), _CHUNK):
        yield from table.lines(start, start + _CHUNK)
