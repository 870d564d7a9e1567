"""`ImageWork`: the record of a check of images on an engine, and which repositories are still open."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layercheck.errors import JournalError
from layercheck.images.image_progress import ImageProgress, ImageProgressCallback
from layercheck.images.progress_display import as_callback
from layercheck.shard.folder import Folder
from layercheck.shard.image_outcome import Lane
from layercheck.shard.image_result import ImageGroup, ImageResult, RepositoryEnd, checked_rows, image_groups
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.manifest import FORMAT, Fields, moment
from layercheck.shard.waves import checked_age

NAME = "images.json"
_MANIFEST = re.compile(r"images=([0-9]{6})-[0-9a-f]{8}\.json")
_SETTINGS = (
    "endpoint_url",
    "tags",
    "tagged",
    "status",
    "newest",
    "platforms",
    "confirm",
    "all_layers",
)
"""What makes another table; who asks and how fast does not."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file, or a folder of the engine, with lines in `image_lines_schema()`.

    Attributes:
        name: Its name beneath the path of the run.
        left_out: Keys of repositories whose lines do not count, because a later file has them.
        repositories: How many repositories its lines are about, those of `left_out` included.
        manifest: The name of the record that names the file, in the folder of the manifests.
    """

    name: str
    left_out: tuple[str, ...] = ()
    repositories: int = 0
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class _Manifest:
    name: str
    file: str
    repositories: Mapping[str, RepositoryEnd]
    places: Mapping[str, tuple[str, str]]
    ended: float


class ImageWork:
    """The repositories of one run: those that are settled, and those that are to be checked.

    A manifest is written after the engine has written the lines of some groups. A rerun checks the
    repositories that have none, and those whose check did not end well: not `done` and not `gone`, or with
    images that are `undecided` or `not_checked`.

    Args:
        folder: Where the manifests are.
        settings: What each worker gets.
        rows: Account id, region and name of each repository; duplicates count once.
        max_age_s: Check again what was checked longer ago, seconds.
        progress: Takes an `ImageProgress` after each manifest; or True for a line on the terminal.
        clock: Seconds since 1970.

    Raises:
        JournalError: The run that began here had other repositories or settings, or a file is broken.
        InvalidParameterError: `max_age_s` is not a number of seconds.
        TypeError: `progress` is not a callable, a bool or None, or a value of a row is not text.
    """

    def __init__(
        self,
        folder: Folder,
        settings: ImageSettings,
        rows: Iterable[Sequence[Any]],
        *,
        max_age_s: float | None = None,
        progress: ImageProgressCallback | bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._began = clock()
        self._callback = as_callback(progress)
        self._rows = checked_rows(rows)
        self._record = _record(settings, self._rows)
        age = checked_age(max_age_s)
        self._since = 0.0 if age is None else clock() - age
        self._seen = ImageResult()
        found = folder.read(NAME)
        if found is None:
            folder.write(NAME, (json.dumps({"format": FORMAT, **self._record}) + "\n").encode())
        self.check()
        self._manifests = _manifests(folder)
        for manifest in self._manifests:
            for lane, place in manifest.places.items():
                self._seen.place(lane, place)

    @property
    def open(self) -> list[tuple[Lane, str]]:
        """The repositories to check."""
        # The last check counts, as in `files`, whatever an older one said.
        settled: dict[str, bool] = {}
        for manifest in self._manifests:
            is_new = manifest.ended >= self._since
            for key, end in manifest.repositories.items():
                settled[key] = is_new and end.is_settled
        return [row for key, row in self._rows.items() if not settled.get(key)]

    @property
    def repositories(self) -> dict[str, RepositoryEnd]:
        """How the check of each repository ended, as far as it is checked, by its key."""
        return {key: end for each in self._manifests for key, end in each.repositories.items()}

    def groups(self, askers: int) -> list[list[ImageGroup]]:
        """Return `open` in groups, a list for each account and region; see `image_groups`."""
        return image_groups(self.open, askers)

    def finish(self, result: ImageResult, file: str) -> None:
        """Record that the lines of some groups are written, and call the progress callback.

        Args:
            result: What the lines say.
            file: The file or folder with the lines, beneath the path of the run.

        Raises:
            InvalidParameterError: Another worker asked another registry for the same account and region.
            JournalError: The manifest cannot be written.
        """
        for lane, place in result.places.items():
            self._seen.place(lane, place)
        self._seen.outcome += result.outcome
        number = 1 + max((int(each.name[7:13]) for each in self._manifests), default=0)
        name = f"images={number:06d}-{uuid.uuid4().hex[:8]}.json"
        ended = self._clock()
        values = {
            "format": FORMAT,
            "file": file,
            "repositories": result.repositories,
            "places": result.places,
            "calls": result.outcome.calls,
            "throttles": result.outcome.throttles,
            "ended": moment(ended),
        }
        self._folder.write(name, (json.dumps(values) + "\n").encode())
        self._manifests.append(_Manifest(name, file, result.repositories, result.places, ended))
        if self._callback is not None:
            self._callback(self._progress())

    def files(self) -> list[ImageFile]:
        """Return what makes up the tables: of each repository the lines that were written last.

        Raises:
            LayercheckError: Nothing could be checked; it is what `lc.check_images` would raise.
        """
        ends = self.repositories
        error = self._seen.error
        if error is not None and all(end.state in ("failed", "denied") for end in ends.values()):
            raise error.exception()
        return _files(self._manifests)

    def check(self) -> None:
        """Make sure that the record is that of this run. Call it before the tables are read, too.

        Raises:
            JournalError: It is not.
        """
        content = self._folder.read(NAME)
        where = f"{self._folder!r}/{NAME}"
        if content is None:
            raise JournalError(f"{where} is gone; pass another path to begin anew")
        fields = Fields.of_json(content, where)
        differing = [
            f"{name} {found!r} instead of {wanted!r}"
            for name, wanted in self._record.items()
            if (found := fields.value(name)) != wanted
        ]
        if differing:
            raise JournalError(
                f"the check of images that began in {self._folder!r} had {', '.join(differing)[:500]}; pass "
                "what it had to go on, or another path to begin anew"
            )

    def _progress(self) -> ImageProgress:
        ends = self.repositories
        images = sum(end.images for end in ends.values())
        return ImageProgress(
            repositories=len(self._rows),
            repositories_done=len(ends),
            images=images,
            images_done=images,
            images_read=images,
            incomplete=sum(end.broken for end in ends.values()),
            seconds=self._clock() - self._began,
            done=len(ends) == len(self._rows),
        )


def image_files(folder: Folder) -> list[ImageFile]:
    """Return what makes up the tables of a run, as far as it is done.

    Raises:
        JournalError: No check of images began there, or a file is broken.
    """
    if folder.read(NAME) is None:
        raise JournalError(
            f"no check of images began in {folder!r}; expected a path that was given to audit_images"
        )
    return _files(_manifests(folder))


def _files(manifests: Sequence[_Manifest]) -> list[ImageFile]:
    last = {key: number for number, each in enumerate(manifests) for key in each.repositories}
    found = []
    for number, each in enumerate(manifests):
        out = tuple(key for key in each.repositories if last[key] != number)
        if len(out) < len(each.repositories):
            found.append(ImageFile(each.file, out, len(each.repositories), each.name))
    return found


def _manifests(folder: Folder) -> list[_Manifest]:
    found = []
    for name in sorted(name for name in folder.names() if _MANIFEST.fullmatch(name)):
        content = folder.read(name)
        if content is not None:
            found.append(_manifest(name, Fields.of_json(content, f"{folder!r}/{name}")))
    return found


def _record(settings: ImageSettings, rows: Mapping[str, object]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for key in sorted(rows):
        digest.update(f"{key}\n".encode())
    chosen = {name: getattr(settings, name) for name in _SETTINGS}
    record = {**chosen, "repositories": len(rows), "repositories_hash": digest.hexdigest()[:16]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in record.items()}


def _manifest(name: str, fields: Fields) -> _Manifest:
    ends: dict[str, RepositoryEnd] = {}
    places: dict[str, tuple[str, str]] = {}
    listed, asked = fields.value("repositories"), fields.value("places")
    try:
        for key, (state, images, broken, opened) in listed.items():
            if not isinstance(state, str) or not all(type(each) is int for each in (images, broken, opened)):
                raise ValueError
            ends[key] = RepositoryEnd(state, images, broken, opened)
        for lane, (account, region) in asked.items():
            if not isinstance(account, str) or not isinstance(region, str):
                raise ValueError
            places[lane] = account, region
    except (AttributeError, TypeError, ValueError):
        raise fields.wrong("'repositories' or 'places' is not as it was written") from None
    return _Manifest(name, _beneath(fields), ends, places, fields.moment("ended"))


def _beneath(fields: Fields) -> str:
    file = fields.text("file")
    if re.fullmatch(r"images/[0-9a-f]{1,32}(/[0-9a-f]{32})?(\.parquet)?", file) is None:
        raise fields.wrong("'file' is not the name of a file of lines")
    return file
