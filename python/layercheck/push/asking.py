"""The order in which the questions of a plan are put, so that an answer may make others unnecessary."""

from __future__ import annotations

from layercheck.dispatch.checker import Checker
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.errors import LayercheckError, RepositoryNotFoundError
from layercheck.limits import Limits
from layercheck.push.actions import must_be_asked
from layercheck.push.facts import TargetFacts
from layercheck.push.lookups import Lookups
from layercheck.push.reference import PushTarget
from layercheck.push.source import Source, needs_of
from layercheck.push.target import TargetQuestions, available_in
from layercheck.types import ProgressCallback, Rate
from layercheck.verdict import Verdict


class Asking:
    """The questions of one plan.

    Attributes:
        source: What is pushed.
        needs: The blobs and documents of the source.
        facts: The answers so far.
    """

    def __init__(
        self,
        checker: Checker,
        to: PushTarget,
        source: Source,
        deadline: Deadline,
        progress: ProgressCallback | bool | None,
        rate: Rate,
    ) -> None:
        self.facts = TargetFacts()
        self._checker = checker
        self._to = to
        self.source = source
        self.needs = needs_of(source)
        self._deadline = deadline
        self._progress = progress
        self._rate = rate

    def ask(self, *, owned: bool) -> None:
        """Put all questions."""
        lookups = Lookups(
            self._checker._connection.client,
            self._checker.target,
            self._deadline,
            owned=owned,
            limits=Limits(),
        )
        try:
            self._ask_all(
                TargetQuestions(lookups, self._to.repository_name, self._to.registry_id, self.facts)
            )
        finally:
            lookups.close()

    def _ask_all(self, questions: TargetQuestions) -> None:
        questions.ask_repository()
        if self.facts.repository.exists is not False:
            self._check_blobs()
        if self.facts.repository.exists is False:
            questions.ask_templates()
        else:
            if self._to.tag is not None:
                questions.ask_tag(self._to.tag)
            questions.ask_manifests(self._open_manifests())
        if self.facts.repository.exists is not False or self.facts.created_on_push:
            self._ask_mounts(questions)

    def _check_blobs(self) -> None:
        digests = [need.digest for need in self.needs if must_be_asked(need)]
        try:
            self.facts.blobs = self._checker.check(
                digests, progress=self._progress, timeout_s=self._deadline.left_s
            )
        except RepositoryNotFoundError:
            self.facts.repository.exists = False

    def _open_manifests(self) -> list[str]:
        """The manifests to ask for.

        Those whose blobs or children are not all there need no question, because ECR refuses a manifest
        whose parts it does not have: such a manifest is not there, or is pushed again to be whole.
        """
        known = self.facts.manifests
        open_: list[str] = []
        # Children come before the index that lists them.
        walked = {key: document for image in self.source.images for key, document in self.source.walk(image)}
        for key, document in walked.items():
            if document.digest is None or document.digest in known:
                continue
            if document.present and self._lacks_parts(key):
                known[document.digest] = "absent"
            else:
                open_.append(document.digest)
        return open_

    def _lacks_parts(self, key: str) -> bool:
        document = self.source.documents[key]
        report = self.facts.blobs
        gone = (
            report is not None
            and part.distributable
            and part.digest is not None
            and part.digest in report
            and report[part.digest].verdict is Verdict.UNAVAILABLE
            for part in document.parts
        )
        children = (self.source.documents.get(child) for child in document.children)
        return any(gone) or any(
            child is not None
            and child.digest is not None
            and self.facts.manifests.get(child.digest) == "absent"
            for child in children
        )

    def _ask_mounts(self, questions: TargetQuestions) -> None:
        report = self.facts.blobs
        wanted = [
            need.digest
            for need in self.needs
            if must_be_asked(need)
            and need.digest is not None
            and (report is None or report[need.digest].verdict is Verdict.UNAVAILABLE)
        ]
        for name in self._to.mount_from:
            if not wanted:
                return
            found = questions.ask_mount(name)
            if found.mountable is False:
                continue
            try:
                other = self._checker._connection.of_repository(name)
                with Checker._over(other, Limits()) as checker:
                    found.available = available_in(checker.check(wanted, timeout_s=self._deadline.left_s))
            except LayercheckError as error:
                self.facts.add_note(f"what {name} has is not known: {error}")
                continue
            if found.mountable:
                wanted = [digest for digest in wanted if digest not in found.available]
