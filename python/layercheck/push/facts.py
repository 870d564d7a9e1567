"""What is known about the target of a push, as the answers come in.

Every answer is optional. A question that was denied, or that has no answer, leaves its field at None and a
line in `notes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from layercheck.report import Report

Presence: TypeAlias = Literal["there", "archived", "absent"]
"""What DescribeImages says about a manifest. `archived` includes an image that is being restored."""


@dataclass(slots=True)
class RepositoryFacts:
    """What DescribeRepositories says about a repository.

    Attributes:
        exists: Whether it exists; None if that is unknown.
        mutability: `imageTagMutability`; empty if it is unknown.
        exclusions: The wildcard filters of tags to which the opposite applies.
        encryption: Type and key of the encryption; None if it is unknown.
    """

    exists: bool | None = None
    mutability: str = ""
    exclusions: tuple[str, ...] = ()
    encryption: tuple[str, str] | None = None


@dataclass(slots=True)
class MountSource:
    """A repository that blobs may be mounted from.

    Attributes:
        repository_name: Its name.
        available: The digests that it has.
        mountable: Whether a mount from it can work; None if that is unknown.
        why: Why not.
    """

    repository_name: str
    available: frozenset[str] = frozenset()
    mountable: bool | None = None
    why: str = ""


@dataclass(slots=True)
class TargetFacts:
    """All answers, as they come in.

    Attributes:
        repository: The target itself.
        created_on_push: Whether a push creates the repository; None if it exists or that is unknown.
        blobs: The ordinary report on the blobs; None if they were not asked.
        manifests: Digest to what the target says; a digest without an answer is not in it.
        tag_known: Whether the tag was looked up.
        tag_digest: The digest that the tag names in the target; None if the tag is free.
        mounts: The repositories to mount from, in the caller's order.
        notes: What could not be asked, and why.
    """

    repository: RepositoryFacts = field(default_factory=RepositoryFacts)
    created_on_push: bool | None = None
    blobs: Report | None = None
    manifests: dict[str, Presence] = field(default_factory=dict)
    tag_known: bool = False
    tag_digest: str | None = None
    mounts: list[MountSource] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_note(self, words: str) -> None:
        """Add a note once."""
        if words not in self.notes:
            self.notes.append(words)
