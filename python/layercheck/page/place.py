"""Where something was checked, as facts of a page."""

from __future__ import annotations

from collections.abc import Iterator
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
