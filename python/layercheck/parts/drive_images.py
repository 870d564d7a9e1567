"""What the driver of a check of images does: look first, and let each group be checked and recorded."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from layercheck.errors import JournalError, LayercheckError, RunCancelled
from layercheck.images.image_progress import ImageProgressCallback
from layercheck.parts.drive import Engine, Task
from layercheck.parts.files import Files
from layercheck.parts.image_parts import IMAGE_FOLDER, check_group, checked_files
from layercheck.shard.image_result import ImageGroup
from layercheck.shard.image_settings import ImageSettings
from layercheck.shard.image_work import ImageFile, ImageWork
from layercheck.shard.look import accept_version, look_at_version
from layercheck.shard.share import DEFAULT_RATE, share_of


@dataclass(frozen=True, slots=True)
class ImageAudit:
    """One check of images, as the driver sees it.

    Attributes:
        engine: Runs functions in workers.
        rows: Account id, region and name of each repository.
        settings: What and how fast.
        files: The folder of the run.
        askers: How many tasks check at once, of each account and region; None for what `share_of` says.
        max_age_s: Check again what is older, seconds.
        progress: As for `layercheck.check_images`, called after each group.
    """

    engine: Engine
    rows: Sequence[Sequence[Any]]
    settings: ImageSettings
    files: Files
    askers: int | None = None
    max_age_s: float | None = None
    progress: ImageProgressCallback | bool | None = None

    def run(self) -> list[ImageFile]:
        """Carry it out, and return the files with the lines.

        Raises:
            LayercheckError: Nothing could be checked, or the engine is gone; the message says how to go on.
        """
        self.files.check_own()
        work = ImageWork(
            self.files.records,
            self.settings,
            self.rows,
            max_age_s=self.max_age_s,
            progress=self.progress,
        )
        rate = self.settings.rate or DEFAULT_RATE
        share = share_of(rate, slots=self.engine.slots, askers=self.askers)

        def tasks(groups: list[ImageGroup]) -> Iterator[Task]:
            for at, group in enumerate(groups, 1):
                name = f"{IMAGE_FOLDER}/{uuid.uuid4().hex}"
                lane = (
                    f"{group.lane.registry_id or 'the own account'}, {group.lane.region or 'the own region'}"
                )
                what = f"group {at} of {len(groups)} of the repositories of {lane}"
                yield Task(what, check_group, (self.files.path, name, group, self.settings, share), asks=True)

        try:
            lanes = work.groups(share.askers)
            if lanes:
                with closing(self.engine.run([Task("the first look", look_at_version, ())], 1)) as done:
                    for _, seen in done:
                        accept_version(seen)
            with closing(self.engine.run_lanes([tasks(groups) for groups in lanes], share.askers)) as done:
                for _, result in done:
                    if result.error is not None and result.error.kind == RunCancelled.__name__:
                        raise result.error.exception()
                    work.finish(result, result.file)
            work.check()
            return checked_files(self.files, work.files())
        except (LayercheckError, KeyboardInterrupt) as error:
            if not isinstance(error, JournalError):  # its message says what to do
                error.add_note(f"what is finished stays in {self.files.path}; run the same again to go on")
            raise
