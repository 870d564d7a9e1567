"""Where something was checked, and what it was read from, as facts of a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from layercheck.redact import without_user

if TYPE_CHECKING:
    from layercheck.types import Target


def place_of(target: Target) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of what is known of a target.

    Args:
        target: The target; its repository name may be a pattern.
    """
    yield "repository", target.repository_name
    if target.public:
        yield "registry", f"ECR Public, {target.registry_id}" if target.registry_id else "ECR Public"
    else:
        yield "registry", target.registry_id or "that of the credentials"
    if target.region_name:
        yield "region", target.region_name
    if target.endpoint_url:
        yield "endpoint", without_user(target.endpoint_url)


def without_folders(name: str) -> str:
    """Return the name of a file without the folders of this machine, because a page is given to others.

    Args:
        name: A path, or the name of something else. A path that is not absolute stays.

    Examples:
        >>> [without_folders(name) for name in ("/home/me/out/", "~/a.tar", "out/b.tar", "standard input")]
        ['out', 'a.tar', 'out/b.tar', 'standard input']
    """
    path = Path(name)
    return path.name or name if path.is_absolute() or name.startswith("~") else name
