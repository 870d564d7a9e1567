"""Asks the target what stands beside the blobs: manifests, the tag, settings, repositories to mount from.

A question that was denied, or that has no answer, leaves a note in the facts; it is never an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from layercheck.push.facts import MountSource, RepositoryFacts, TargetFacts
from layercheck.push.lookups import LookupFailed, Lookups
from layercheck.redact import clean
from layercheck.report import Report
from layercheck.verdict import Verdict

IDS_PER_CALL = 100
"""The most image ids of one DescribeImages call (botocore shape `ImageIdentifierList`)."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PAGES = 100  # a server that pages for ever ends here
_NOT_ALLOWED = "allow {action} to know it"
_ACTIONS = {
    "describe_images": "ecr:DescribeImages",
    "describe_repositories": "ecr:DescribeRepositories",
    "describe_repository_creation_templates": "ecr:DescribeRepositoryCreationTemplates",
    "describe_pull_through_cache_rules": "ecr:DescribePullThroughCacheRules",
    "get_account_setting": "ecr:GetAccountSetting",
}


class TargetQuestions:
    """Puts the questions of one plan to the registry and collects the answers in `facts`.

    Args:
        lookups: Asks one question at a time.
        repository_name: The repository.
        registry_id: The registry, or None for that of the credentials.
        facts: Where the answers go.
    """

    def __init__(
        self, lookups: Lookups, repository_name: str, registry_id: str | None, facts: TargetFacts
    ) -> None:
        self._lookups = lookups
        self._name = repository_name
        self._registry_id = registry_id
        self._facts = facts
        self._pull_through: tuple[str, ...] | None = None
        self._pull_through_asked = False

    def ask_repository(self) -> None:
        """Ask whether the repository exists, and for its settings."""
        self._facts.repository = self._repository(
            self._name, "whether a tag may move, and the encryption, are not known"
        )

    def ask_templates(self) -> None:
        """Ask whether a push creates the repository, which does not exist."""
        what = "whether a push creates the repository is not known"
        templates = self._pages(
            "describe_repository_creation_templates", "repositoryCreationTemplates", what, own_registry=True
        )
        if templates is None:
            return
        self._facts.created_on_push = any(
            _is_under(self._name, template.get("prefix"))
            and "CREATE_ON_PUSH" in _list(template.get("appliedFor"))
            for template in templates
        )

    def ask_manifests(self, digests: Sequence[str]) -> None:
        """Ask which manifests are there, by DescribeImages, because BatchGetImage counts as a pull."""
        batches = [list(digests[at : at + IDS_PER_CALL]) for at in range(0, len(digests), IDS_PER_CALL)]
        while batches:
            batch = batches.pop(0)
            try:
                answer = self._images([{"imageDigest": digest} for digest in batch])
            except LookupFailed as failure:
                if failure.code == "RepositoryNotFoundException":
                    self._facts.repository.exists = False
                    return
                if failure.code == "ImageNotFoundException" and len(batch) == 1:
                    self._facts.manifests[batch[0]] = "absent"
                    continue
                # An image of a thousand tags takes 300 kB of an answer.
                too_long = failure.too_long and len(batch) > 1
                if failure.code != "ImageNotFoundException" and not too_long:
                    # The next batches would most probably fail alike, after as many attempts.
                    self._unknown(failure, "which manifests are there is not known")
                    return
                # The service does not say which image is missing.
                middle = len(batch) // 2
                batches[:0] = [batch[:middle], batch[middle:]]
                continue
            asked = set(batch)
            for image in answer:
                digest = str(image.get("imageDigest", "")).lower()
                if digest in asked:
                    archived = image.get("imageStatus", "ACTIVE") != "ACTIVE"
                    self._facts.manifests[digest] = "archived" if archived else "there"
            if any(digest not in self._facts.manifests for digest in batch):
                self._facts.add_note("the answer about the manifests left some out; these are undecided")

    def ask_tag(self, tag: str) -> None:
        """Ask which image has the tag."""
        try:
            found = self._images([{"imageTag": tag}])
        except LookupFailed as failure:
            if failure.code in ("ImageNotFoundException", "RepositoryNotFoundException"):
                self._facts.tag_known = True
            else:
                self._unknown(failure, "whether the tag is taken is not known")
            return
        digests = {str(image.get("imageDigest")).lower() for image in found}
        digests = {digest for digest in digests if _DIGEST.fullmatch(digest)}
        if len(digests) == 1:
            self._facts.tag_known = True
            self._facts.tag_digest = digests.pop()
        else:
            self._facts.add_note("whether the tag is taken is not known: the answer names no image for it")

    def ask_mount(self, repository_name: str) -> MountSource:
        """Ask whether blobs may be mounted from a repository, without asking for the blobs."""
        source = MountSource(repository_name)
        self._facts.mounts.append(source)
        source.mountable, source.why = self._mountable(repository_name)
        if source.mountable is False:
            self._facts.add_note(f"nothing is mounted from {repository_name}: {source.why}")
        return source

    def _mountable(self, name: str) -> tuple[bool | None, str]:
        """Whether a mount can work, None if that is unknown; and why not.

        ECR mounts only with the account setting, within one encryption, and not from pull-through caches
        (https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html).
        """
        setting = self._mounting()
        if setting is False:
            return False, "the account setting BLOB_MOUNTING is off"
        cache = self._is_pull_through(name)
        if cache:
            return False, "it is a pull-through cache"
        its = self._repository(name, f"whether {name} may be mounted from is not known")
        if its.exists is False:
            return False, "the repository does not exist"
        own = self._facts.repository.encryption
        if own is not None and its.encryption is not None and own != its.encryption:
            return False, "its encryption is another one"
        return (None, "") if None in (setting, cache, own, its.encryption) else (True, "")

    def _mounting(self) -> bool | None:
        what = "whether blobs may be mounted is not known"
        try:
            answer = self._ask("get_account_setting", name="BLOB_MOUNTING")
        except LookupFailed as failure:
            self._unknown(failure, what)
            return None
        value = answer.get("value")
        known = {"ENABLED": True, "DISABLED": False}.get(str(value).upper())
        if known is None:
            self._facts.add_note(f"{what}: the account setting BLOB_MOUNTING is {clean(value, 50)!r}")
        return known

    def _is_pull_through(self, repository_name: str) -> bool | None:
        if not self._pull_through_asked:
            self._pull_through_asked = True
            rules = self._pages(
                "describe_pull_through_cache_rules",
                "pullThroughCacheRules",
                "which repositories are pull-through caches is not known",
            )
            if rules is not None:
                self._pull_through = tuple(str(rule.get("ecrRepositoryPrefix", "")) for rule in rules)
        if self._pull_through is None:
            return None
        return any(_is_under(repository_name, prefix) for prefix in self._pull_through)

    def _repository(self, name: str, what: str) -> RepositoryFacts:
        try:
            answer = self._ask("describe_repositories", registryId=self._registry_id, repositoryNames=[name])
        except LookupFailed as failure:
            if failure.code == "RepositoryNotFoundException":
                return RepositoryFacts(exists=False)
            self._unknown(failure, what)
            return RepositoryFacts()
        found = [each for each in _objects(answer.get("repositories")) if each.get("repositoryName") == name]
        if not found:
            self._facts.add_note(f"{what}: the answer leaves {name} out")
            return RepositoryFacts()
        return _facts_of(found[0])

    def _images(self, ids: list[dict[str, str]]) -> list[Mapping[str, Any]]:
        answer = self._ask(
            "describe_images", registryId=self._registry_id, repositoryName=self._name, imageIds=ids
        )
        return list(_objects(answer.get("imageDetails")))

    def _pages(
        self, operation: str, member: str, what: str, *, own_registry: bool = False
    ) -> list[Mapping[str, Any]] | None:
        """All entries of a listing, or None if it could not be read to its end."""
        found: list[Mapping[str, Any]] = []
        token: str | None = None
        registry_id = None if own_registry else self._registry_id
        seen: set[str] = set()
        for _ in range(_PAGES):
            try:
                answer = self._ask(operation, registryId=registry_id, nextToken=token)
            except LookupFailed as failure:
                if failure.code in ("PullThroughCacheRuleNotFoundException", "TemplateNotFoundException"):
                    return found
                self._unknown(failure, what)
                return None
            said = answer.get("registryId")
            if own_registry and self._registry_id not in (None, said):
                self._facts.add_note(f"{what}: the templates of another registry cannot be listed")
                return None
            found.extend(_objects(answer.get(member)))
            token = answer.get("nextToken")
            if not token:
                return found
            if token in seen:
                break
            seen.add(token)
        self._facts.add_note(f"{what}: the listing does not end")
        return None

    def _ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        return self._lookups.ask(operation, **parameters)

    def _unknown(self, failure: LookupFailed, what: str) -> None:
        action = _ACTIONS[failure.operation]
        why = _NOT_ALLOWED.format(action=action) if failure.denied else failure.message
        self._facts.add_note(f"{what}: {why}")


def available_in(report: Report) -> frozenset[str]:
    """The digests that a report says are available."""
    return frozenset(report.digests(Verdict.AVAILABLE))


def _facts_of(repository: Mapping[str, Any]) -> RepositoryFacts:
    filters = _objects(repository.get("imageTagMutabilityExclusionFilters"))
    encryption = repository.get("encryptionConfiguration")
    kind = encryption.get("encryptionType") if isinstance(encryption, Mapping) else None
    key = encryption.get("kmsKey") if isinstance(encryption, Mapping) else None
    return RepositoryFacts(
        exists=True,
        mutability=str(repository.get("imageTagMutability") or ""),
        exclusions=tuple(str(each["filter"]) for each in filters if each.get("filter")),
        encryption=(str(kind), str(key or "")) if kind else None,
    )


def _is_under(repository_name: str, prefix: object) -> bool:
    """Whether a rule with this prefix is about the repository. `ROOT` is about all."""
    if not isinstance(prefix, str) or not prefix:
        return False
    return prefix == "ROOT" or f"{repository_name}/".startswith(f"{prefix.rstrip('/')}/")


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list. Null entries occur in answers of ECR, and a server may send anything."""
    return (each for each in _list(value) if isinstance(each, Mapping))


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()
