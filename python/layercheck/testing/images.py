"""The images of a local endpoint: put them, lose them, archive them, and ask for the truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from layercheck.testing.contents import ImageRule
from layercheck.testing.faults import Operation

if TYPE_CHECKING:
    from layercheck._core import LocalEcrServer

ImageStatus: TypeAlias = Literal["ACTIVE", "ARCHIVED", "ACTIVATING"]
TagMutability: TypeAlias = Literal[
    "MUTABLE", "IMMUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"
]
Encryption: TypeAlias = Literal["AES256", "KMS", "KMS_DSSE"]


class ImageContents:
    """The part of a `LocalEcr` that is about images."""

    _server: LocalEcrServer

    def put_image(
        self,
        repository_name: str,
        manifest: str | bytes | Mapping[str, Any],
        tags: Iterable[str] = (),
        *,
        media_type: str | None = None,
        digest: str | None = None,
        force: bool = False,
    ) -> str:
        """Put an image into a repository, as PutImage does; make the repository if it does not exist.

        Args:
            repository_name: The repository.
            manifest: The manifest or index: its text, or a mapping, which becomes compact JSON.
            tags: Its tags. A tag moves from another image, unless the repository is immutable.
            media_type: With None, what the manifest says, else OCI's type for its members.
            digest: The digest that the manifest is expected to have. With `force` the image gets it even if
                the manifest has another.
            force: Skip the checks of the service, so that a broken image can be made: of layers or platforms
                that are not there, or of a text that is not a manifest.

        Returns:
            The digest of the image.

        Raises:
            ValueError: If the service would refuse the image; the message starts with its error code.

        Examples:
            >>> from layercheck.testing import LocalEcr
            >>> digest = "sha256:" + "a0" * 32
            >>> layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 1}
            >>> with LocalEcr({"app": [digest]}) as ecr:
            ...     image = ecr.put_image("app", {"config": layer, "layers": [layer]}, ["v1"])
            ...     found = ecr.client().describe_images(repositoryName="app")["imageDetails"]
            >>> [detail["imageTags"] for detail in found if detail["imageDigest"] == image]
            [['v1']]
        """
        if isinstance(tags, str):
            raise TypeError("tags must be an iterable of tags, not one tag")
        if isinstance(manifest, Mapping):
            text = json.dumps(manifest, separators=(",", ":"))
        elif isinstance(manifest, bytes):
            text = manifest.decode()
        else:
            text = manifest
        return self._server.images.put_image(repository_name, text, list(tags), media_type, digest, force)

    def drop(self, repository_name: str, digest: str, *, force: bool = False) -> None:
        """Lose an image; or, if no image has the digest, a layer or a config.

        Args:
            repository_name: The repository.
            digest: Canonical text.
            force: Lose it although another image needs it. The service does not delete such an image.

        Raises:
            LookupError: If the repository does not hold it.
            ValueError: If another image needs it, without `force`.
        """
        if not self._server.images.drop(repository_name, digest, force):
            raise LookupError(f"repository {repository_name!r} does not hold {digest}")

    def archive(
        self,
        repository_name: str,
        digest: str,
        *,
        status: ImageStatus = "ARCHIVED",
        force: bool = False,
    ) -> None:
        """Change the status of an image: archive it, or restore it.

        Layers that only such images need become ARCHIVED, and AVAILABLE again with "ACTIVE".

        Args:
            repository_name: The repository.
            digest: Canonical text.
            status: The new status.
            force: Change it although an index needs the image.

        Raises:
            LookupError: If the repository does not hold the image.
            ValueError: If an index needs the image, without `force`.
        """
        if not self._server.images.set_status(repository_name, digest, status, force):
            raise LookupError(f"repository {repository_name!r} does not hold the image {digest}")

    def delete_during(
        self,
        repository_name: str,
        digest: str,
        *,
        operation: Operation = "BatchGetImage",
        call: int = 1,
    ) -> None:
        """Delete an image at a later time: just before a call is answered.

        Args:
            repository_name: The repository.
            digest: Canonical text.
            operation: The operation whose calls count.
            call: Which of the next calls of the operation, from 1.

        Raises:
            ValueError: If an argument is not valid.
        """
        self._server.images.delete_during(repository_name, digest, operation, call)

    def set_image_rule(self, repository_name: str, rule: ImageRule | int | None, **settings: Any) -> None:
        """Fill a repository with made-up images, or take them out again.

        Args:
            repository_name: The repository; it is made if it does not exist.
            rule: An `ImageRule`, or the number of its images; None removes the images.
            **settings: The other settings of `ImageRule`.

        Raises:
            ValueError: If a setting is not valid.
        """
        if rule is None:
            self._server.images.remove_rule(repository_name)
            return
        if not isinstance(rule, ImageRule):
            rule = ImageRule(rule, **settings)
        elif settings:
            raise TypeError("with an ImageRule, leave out its settings")
        try:
            self._server.images.set_rule(
                repository_name,
                rule.images,
                rule.layers,
                rule.shared,
                rule.broken,
                rule.indexes,
                rule.seed,
            )
        except OverflowError as error:
            raise ValueError(f"a number in {rule} is negative or too large") from error

    def images(self, repository_name: str) -> list[str]:
        """Return the digests of all images of a repository, in the order of the listings.

        Raises:
            LookupError: If the repository does not exist.
        """
        found = self._server.images.digests(repository_name)
        if found is None:
            raise LookupError(f"repository {repository_name!r} does not exist")
        return found

    def incomplete_images(self, repository_name: str) -> list[str]:
        """Return the digests of the active images that are incomplete, without any fault, sorted.

        An image is incomplete if the repository does not hold its config or one of its layers as AVAILABLE.
        An index is incomplete if one of its platforms is not there, not active or incomplete. Layers that are
        not to be distributed may be absent, as may attestations, and platforms in a pull-through cache.

        Raises:
            LookupError: If the repository does not exist.
        """
        found = self._server.images.incomplete(repository_name)
        if found is None:
            raise LookupError(f"repository {repository_name!r} does not exist")
        return found

    def pull_time(self, repository_name: str, digest: str) -> datetime | None:
        """Return when an image was pulled last by BatchGetImage; None if it was not pulled.

        Raises:
            LookupError: If the repository does not hold the image.
        """
        is_there, pulled_at = self._server.images.pull_time(repository_name, digest)
        if not is_there:
            raise LookupError(f"repository {repository_name!r} does not hold the image {digest}")
        return None if pulled_at is None else datetime.fromtimestamp(pulled_at, UTC)

    def pull_through(self, prefix: str, upstream_url: str = "registry-1.docker.io") -> None:
        """Make every repository below a prefix a pull-through cache, `ROOT` all of them.

        The endpoint imports nothing: `Counters.imports` counts what the service would import.

        Raises:
            ValueError: If the prefix is not valid.
        """
        self._server.images.pull_through(prefix, upstream_url)

    def exclude_pull_time(self, principal_arn: str | None = None) -> None:
        """Let the pulls of a user or a role not count; with None, those of every caller of this endpoint."""
        self._server.images.exclude_pull_time(principal_arn or self.caller_arn)

    def set_account_setting(self, name: str, value: str) -> None:
        """Set what GetAccountSetting answers, for instance BLOB_MOUNTING to ENABLED.

        Raises:
            ValueError: If the service has no setting of this name.
        """
        self._server.images.set_account_setting(name, value)

    @property
    def caller_arn(self) -> str:
        """The ARN of every caller, as GetCallerIdentity of STS answers."""
        return self._server.images.caller_arn
