"""`ImageTarget`: which repositories and which images of them a reference names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass

from layercheck.errors import InvalidParameterError
from layercheck.redact import clean
from layercheck.repository import parse_repository, registry_of_host

_WILDCARD = re.compile(r"[*?\[]")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SCHEME = re.compile(r"(?:https?|docker|oci)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """Images to be checked: all of a repository, of several repositories, or one.

    Attributes:
        name: Name of the repository, or a pattern for names with `*`, `?` and `[...]` as in `fnmatch`.
        tag: The tag of the one image to be checked; None for all.
        digest: Its digest, as `sha256:<64 hex digits>`; None for all.
        registry_id: Account id of the registry; None if the reference does not name it.
        region_name: Region of the registry; None if the reference does not name it.
    """

    name: str
    tag: str | None = None
    digest: str | None = None
    registry_id: str | None = None
    region_name: str | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether the name is a pattern, so that the repositories have to be listed."""
        return _WILDCARD.search(self.name) is not None

    @property
    def is_one_image(self) -> bool:
        """Whether only one image is to be checked."""
        return self.tag is not None or self.digest is not None

    @property
    def image_ids(self) -> tuple[dict[str, str], ...]:
        """The image that is chosen, as the API takes it; empty for all."""
        if self.digest is not None:
            return ({"imageDigest": self.digest},)
        return () if self.tag is None else ({"imageTag": self.tag},)

    def matches(self, repository_name: str) -> bool:
        """Whether a repository is among those that are named."""
        return (
            fnmatch.fnmatchcase(repository_name, self.name)
            if self.is_pattern
            else repository_name == self.name
        )


def parse_target(reference: object) -> ImageTarget:
    """Takes a reference apart.

    Args:
        reference: A name, a pattern such as `team/*`, an image URI, an ARN, or the host of a registry, which
            stands for all its repositories. A `:tag` or `@digest` behind it chooses one image.

    Raises:
        TypeError: The reference is not a str.
        InvalidParameterError: It cannot name a repository or an image, or is of ECR Public.

    Examples:
        >>> parse_target("team/app:v1")
        ImageTarget(name='team/app', tag='v1', digest=None, registry_id=None, region_name=None)
        >>> parse_target("123456789012.dkr.ecr.eu-west-1.amazonaws.com").name
        '*'
    """
    if not isinstance(reference, str):
        raise TypeError(f"a target is a {type(reference).__name__}; expected a str")
    text = reference.strip()
    if text.startswith(("/", "./", "../", "~")):
        raise InvalidParameterError(
            f"{clean(text, 100)!r} is a path and no repository; name a repository, or look into an image "
            "file with: layercheck layout"
        )
    registry = registry_of_host(_SCHEME.sub("", text, count=1).rstrip("/"))
    if registry is not None:
        return ImageTarget("*", registry_id=registry.registry_id, region_name=registry.region_name)
    named = parse_repository(text)
    if named.public:
        raise InvalidParameterError(
            f"{clean(text, 100)!r} is in ECR Public, which has no operation that reads manifests; "
            "check the layers of your own manifest: layercheck check"
        )
    tag, digest = _image(named.ignored, text)
    target = ImageTarget(named.name, tag, digest, named.registry_id, named.region_name)
    if target.is_pattern and target.is_one_image:
        raise InvalidParameterError(
            f"{clean(text, 100)!r} is a pattern with a tag or digest; name one repository, "
            "or choose images of several by tags="
        )
    return target


def parse_targets(references: str | Iterable[str]) -> list[ImageTarget]:
    """Takes references apart that are in one registry.

    Args:
        references: One reference, or several.

    Raises:
        TypeError: They are not str.
        InvalidParameterError: There are none, one of them cannot be, or they are in two registries.
    """
    several = [references] if isinstance(references, str) else list(references)
    if not several:
        raise InvalidParameterError('no target is given; name a repository, or "*" for all')
    targets = [parse_target(each) for each in several]
    for what, values in (
        ("registries", {each.registry_id for each in targets if each.registry_id}),
        ("regions", {each.region_name for each in targets if each.region_name}),
    ):
        if len(values) > 1:
            names = ", ".join(sorted(clean(each, 50) for each in values))
            raise InvalidParameterError(
                f"the targets are in several {what}: {names}; check them one after the other"
            )
    return targets


def _image(behind: str | None, text: str) -> tuple[str | None, str | None]:
    """The tag and the digest that stand behind a name."""
    if behind is None:
        return None, None
    tag, at, digest = behind.partition("@")
    tag = tag.removeprefix(":")
    if at:
        if not _DIGEST.fullmatch(digest):
            raise InvalidParameterError(
                f"{clean(text, 120)!r} has a digest that is not sha256:<64 lower-case hex digits>"
            )
        # A tag beside a digest says nothing more.
        return None, digest
    if not tag:
        raise InvalidParameterError(f"{clean(text, 120)!r} ends with a colon; add the tag, or leave it out")
    return tag, None
