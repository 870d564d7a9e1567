"""Says that no index has a platform that was chosen, which a typing error may be the cause of."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from layercheck._core import ImageGraph
from layercheck.redact import clean

if TYPE_CHECKING:
    from layercheck.images.repository_report import RepositoryReport

_Platform: TypeAlias = tuple[str, str, str]
"""Operating system, architecture, and variant, which may be empty."""

_MOST = 1_000
"""Different platforms that are kept."""
_SHOWN = 10
_IN_A_ROW = 4_096
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class PlatformChoice:
    """Looks for the chosen platforms among the children of the indexes that were read.

    An index without a child for a chosen platform needs none of its children. Its verdict is then `complete`,
    which says nothing of the platform that the user meant.

    Args:
        chosen: Platforms such as `linux/arm64`; empty for all.
    """

    def __init__(self, chosen: Iterable[str]) -> None:
        self._missing = list(dict.fromkeys(chosen))
        self._listed: Counter[_Platform] = Counter()

    def look(self, report: RepositoryReport) -> None:
        """Look through a repository, until each chosen platform is found."""
        if not self._missing:
            return
        table = report.table("platforms")
        for start in range(0, len(table), _IN_A_ROW):
            before = len(self._listed)
            for line in table.lines(start, start + _IN_A_ROW):
                system, architecture = line["os"], line["architecture"]
                if system and architecture and line["kind"] != "attestation":
                    self._listed[system, architecture, line["variant"] or ""] += 1
            if len(self._listed) > before:
                new = list(self._listed)[before:]
                self._missing = [each for each in self._missing if not _admits(each, new)]
            if not self._missing or len(self._listed) > _MOST:
                # With so many platforms, nobody mistyped one.
                self._missing = []
                return

    def note(self) -> str:
        """Return what is to be said; empty if each platform was found, or none is known."""
        if not (self._missing and self._listed):
            return ""
        there = [_text(platform) for platform, _ in self._listed.most_common(_SHOWN)]
        more = len(self._listed) - len(there)
        chosen = " or ".join(clean(each, 60) for each in self._missing)
        return (
            f"no index that was read has an image for {chosen}; "
            f"there are: {', '.join(there)}{f' and {more:,} more' if more else ''}"
        )


def _admits(chosen: str, platforms: Sequence[_Platform]) -> bool:
    """Whether a choice takes one of these platforms.

    The core alone knows which spellings are alike, so an index of these platforms is made for it.
    """
    children = [
        {
            "mediaType": _MANIFEST,
            "digest": _digest(str(number)),
            "size": 1,
            "platform": {"os": system, "architecture": architecture, "variant": variant},
        }
        for number, (system, architecture, variant) in enumerate(platforms)
    ]
    text = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": children})
    graph = ImageGraph(platforms=[chosen])
    graph.list_page([{"imageDigest": _digest(text)}])
    graph.read([(_digest(text), text, _INDEX)])
    return bool(graph.unlisted_children())


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _text(platform: _Platform) -> str:
    return clean("/".join(each for each in platform if each), 60)
