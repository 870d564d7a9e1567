"""`AuditOptions`: the options of an audit that are the same on every engine with parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from layercheck.parts.drive import Audit, Engine, Source
from layercheck.parts.files import Files
from layercheck.parts.prepare_pieces import Rows
from layercheck.shard.settings import Settings
from layercheck.types import ProgressCallback


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What the caller chose; `layercheck.dask.audit` explains each."""

    column: str = "digest"
    raw: bool = False
    strict: bool = False
    registry_id: str | None = None
    region_name: str | None = None
    public: bool = False
    endpoint_url: str | None = None
    session: str | Callable[..., Any] | None = None
    rate: float | Literal["quota"] | None = None
    askers: int | None = None
    slices: int | None = None
    max_age_s: float | None = None
    progress: ProgressCallback | bool | None = None

    def settings(self, repository_name: str) -> Settings:
        """Return what crosses to the workers.

        Raises:
            TypeError: `session` holds credentials.
            InvalidParameterError: An option cannot be right.
        """
        return Settings(
            repository_name,
            self.registry_id,
            self.region_name,
            self.public,
            self.endpoint_url,
            self.session,
            self.rate,
        )

    def audit(self, engine: Engine, source: Source, settings: Settings, files: Files) -> Audit:
        """Return an audit that has not begun."""
        rows = Rows(self.column, self.raw, self.strict)
        return Audit(
            engine, source, settings, files, rows, self.askers, self.slices, self.max_age_s, self.progress
        )
