"""Reads one column of a file: lines, CSV, JSON Lines, Parquet, Arrow or ORC."""

from __future__ import annotations

import io
import os
from typing import Any

from layercheck._core import Planner, container, is_compressed
from layercheck.file_formats import INPUT_FORMATS, FileFormat, inner_suffix, input_format
from layercheck.inputs.content import BinaryFile, can_seek, opened
from layercheck.inputs.images import ImageFormat, feed_images, is_layout_folder, told
from layercheck.inputs.tables import FORMATS as TABLES
from layercheck.inputs.tables import feed_table

IMAGES: dict[str, ImageFormat] = {"layout": "layout", "manifest": "manifest"}
"""Formats of inputs whose rows are the configs and layers of images."""

_CHOICE = f"one of {', '.join(INPUT_FORMATS)}"


class FileRows:
    """The rows of one column of a file. `layercheck.read` makes it; `plan` and `check` accept it.

    `plan` and `check` read the file each time, and no row stays in memory. They can read a path again. They
    read an open file once, from its current position.

    Attributes:
        file: The path or the open file.
        format: The format of the file. Parquet, Arrow or ORC by its first bytes is read as such.
        column: Name or number of the column; None for the only column, or the only one that is named `digest`
            or holds digests.
        delimiter: What stands between two fields of CSV; None if the file tells.
        raw: True if binary values of variable length are raw digests.
        holds_images: True if the file was read as a layout, an archive of images or a manifest.
    """

    __slots__ = ("_tabs", "column", "delimiter", "file", "format", "holds_images", "raw")

    def __init__(
        self,
        file: str | os.PathLike[str] | BinaryFile,
        format: FileFormat,
        column: str | int | None,
        *,
        delimiter: str | None = None,
        raw: bool = False,
        tabs: bool = False,
    ) -> None:
        self.file = file
        self.format = format
        self.column = column
        self.delimiter = delimiter
        self.raw = raw
        self._tabs = tabs
        self.holds_images = False

    def __repr__(self) -> str:
        more = "" if self.delimiter is None else f", delimiter={self.delimiter!r}"
        more += ", raw=True" if self.raw else ""
        return f"FileRows({self.file!r}, format={self.format!r}, column={self.column!r}{more})"

    def feed(self, planner: Planner) -> tuple[str, ...]:
        """Gives all rows to the planner of the native module.

        Returns:
            Notes for people: the column or key that was taken without being named, and how many records lack
            the key. Each is a part of a sentence that goes on with "of" and the name of the file.
        """
        if self.format in IMAGES or is_layout_folder(self.file):
            return self._feed_images(planner, self.file, IMAGES.get(self.format))
        with opened(self.file) as (head, file):
            content = container(head)
            if content is None and self.format in TABLES:
                content = TABLES[self.format]
                if is_compressed(head):
                    raise ValueError(f"{content} cannot be read from compressed data: unpack it first")
            if content is not None:
                return feed_table(planner, file, content, self.column, raw=self.raw)
            if self.format not in TABLES:
                by_column = self.column is not None or self.delimiter is not None
                image, file = told(head, file, self.format, by_column=by_column)
                if image is not None:
                    return self._feed_images(planner, file, image)
            if self.raw or planner.raw:
                raise ValueError(f"raw=True is for binary columns, and {self.format} is text: leave raw out")
            return self._feed_text(planner, file)

    def _feed_images(self, planner: Planner, file: Any, format: ImageFormat | None) -> tuple[str, ...]:
        self.holds_images = True
        return feed_images(planner, file, format)

    def _feed_text(self, planner: Planner, file: Any) -> tuple[str, ...]:
        if self.format == "csv":
            return tuple(planner.read_csv(file, self.column, self.delimiter, tabs=self._tabs))
        if self.format == "jsonl":
            return tuple(planner.read_jsonl(file, None if self.column is None else str(self.column)))
        if self.column is not None:
            raise ValueError("lines have no columns: leave column out, or pass format=")
        planner.read(file)
        return ()


def read(
    path: str | os.PathLike[str] | BinaryFile,
    format: FileFormat | None = None,
    column: str | int | None = None,
    *,
    delimiter: str | None = None,
    raw: bool = False,
) -> FileRows:
    r"""Name the rows of a file: a column of a table, JSON Lines, lines of text, or the layers of images.

    Lines, CSV and JSON Lines may be gzip or zstd; the first bytes of the file show which. A file that is
    Parquet, Arrow or ORC by its first bytes is read as such, whatever its name and `format` say.

    * `"lines"`: a row in each line, as in every path given to `plan`. Blank lines and lines starting
      with `#` are not rows.
    * `"csv"`: RFC 4180, with any delimiter and double quotes. The first record is the header, unless its
      value in the column is a digest. Blank lines are not rows. A record that is too short for the column is
      a null.
    * `"jsonl"`: in each line a string, or an object with a string under the key `column`. Any other line is
      one invalid row (`not_text`): not JSON, another type, `null`, or an object without the key.
    * `"parquet"`, `"arrow"` (IPC files and streams, Feather), `"orc"`: need pyarrow (`pip install pyarrow`);
      read in pieces. From a pipe they are first copied to a temporary file.
    * `"layout"`, `"manifest"`: the configs and layers of images, as `layercheck.read_layout` finds them in an
      OCI layout or an archive of images, or in a manifest. A file of text that is such an archive or such a
      manifest by its content is read so, unless a column is chosen.

    Args:
        path: The file, or an open binary file.
        format: One of the above. None chooses by the suffix: `.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.json`
            (for JSON Lines), `.parquet`, `.pq`, `.parq`, `.arrow`, `.feather`, `.ipc`, `.arrows`, `.orc`,
            `.tar`, `.tgz`, and for lines `.txt` or no suffix; `.gz` and `.zst` may follow. A folder is a
            layout.
        column: The column's name, or its number counted from 0 (not for JSON Lines). None takes the only
            column; or the only one named `digest`, in any case; or the only one in which digests stand
            among the first 100 records.
        delimiter: What stands between two fields of CSV: one character of ASCII, or `"tab"`. None takes the
            one of comma, semicolon, tab and `|` that alone splits the header and most of the first records
            into the same number of fields, or else the comma (in a file named `.tsv` the tab).
        raw: True if a binary column of variable length holds raw digests of 32 bytes. Values of another
            length are then invalid rows (`wrong_length`).

    Returns:
        Rows to pass to `layercheck.plan` or `layercheck.check`, which read the file.

    Raises:
        ValueError: The suffix does not tell the format, or the format has no columns to choose from. While
            the file is read: it lacks the column (the message lists its columns), or it has several and
            not exactly one of them seems to hold the digests.
        OSError: While the file is read, if it cannot be read.
        ImportError: While a Parquet, Arrow or ORC file is read, if pyarrow is not installed.

    Examples:
        >>> import layercheck as lc, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "layers.csv"
        >>> _ = path.write_text("image,layer\napp,sha256:" + "ab" * 32 + "\n")
        >>> lc.plan(lc.read(path, column="layer")).unique
        1
    """
    if format is not None and format not in INPUT_FORMATS:
        raise ValueError(f"format must be {_CHOICE}, not {format!r}")
    if isinstance(path, io.TextIOBase):
        raise TypeError("the file is open in text mode: open it with mode 'rb', or pass its path")
    chosen = format or _format_of(path)
    _check_column(path, column, chosen)
    tabs = isinstance(path, (str, os.PathLike)) and inner_suffix(path) == ".tsv"
    return FileRows(path, chosen, column, delimiter=_delimiter(delimiter, chosen), raw=raw, tabs=tabs)


def one_delimiter(text: str) -> str:
    r"""The character that an option or an argument names as delimiter.

    Raises:
        ValueError: The text is not one character of ASCII that can stand between fields.

    Examples:
        >>> one_delimiter(";"), one_delimiter("tab"), one_delimiter(r"\t")
        (';', '\t', '\t')
    """
    character = "\t" if text in ("tab", "\\t") else text
    if len(character) != 1 or not character.isascii() or character in '"\r\n\0':
        raise ValueError(f"delimiter must be one character such as ; or |, or tab, not {text!r}")
    return character


def _delimiter(delimiter: object, format: str) -> str | None:
    if delimiter is None:
        return None
    if not isinstance(delimiter, str):
        raise TypeError(f"delimiter must be one character, not {type(delimiter).__name__}")
    if format != "csv":
        raise ValueError(f"only CSV has a delimiter, and the format is {format}: leave delimiter out")
    return one_delimiter(delimiter)


def _format_of(path: Any) -> FileFormat:
    if not isinstance(path, (str, os.PathLike)):
        found = _table_format(path)
        if found is None:
            raise ValueError(f"an open file has no suffix to tell its format: pass format=, {_CHOICE}")
        return found
    if is_layout_folder(path):
        return "layout"
    found = input_format(path) or _table_format(path)
    if found is None:
        name = os.fsdecode(path).rpartition(os.sep)[2]
        raise ValueError(f"cannot tell the format of {name!r} from its suffix: pass format=, {_CHOICE}")
    return found


def _table_format(file: Any) -> FileFormat | None:
    """The binary format of a file by its first bytes, if they can be read without losing them."""
    if not isinstance(file, (str, os.PathLike)) and not can_seek(file):
        return None
    if isinstance(file, (str, os.PathLike)) and not os.path.isfile(file):  # noqa: PTH113 - faster
        return None
    with opened(file) as (head, _):
        content = container(head)
    return (
        None
        if content is None
        else "orc"
        if content == "ORC"
        else "parquet"
        if content == "Parquet"
        else "arrow"
    )


def _check_column(path: Any, column: object, format: str) -> None:
    if column is None:
        return
    if isinstance(column, bool) or not isinstance(column, (str, int)):
        raise TypeError(f"column must be a name or a number, not {type(column).__name__}")
    if format in IMAGES:
        raise ValueError(f"a {format} has no columns: leave column out, or pass another format=")
    if format == "lines" and _table_format(path) is None:
        raise ValueError("lines have no columns: leave column out, or pass format=")
    if isinstance(column, int) and (column < 0 or format == "jsonl"):
        raise ValueError(
            "JSON Lines have keys, not numbered columns: pass the key as column"
            if format == "jsonl"
            else f"columns are counted from 0, so there is no column {column}"
        )
