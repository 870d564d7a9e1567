"""Tells whether a repository is in the namespace of a pull-through cache."""

from __future__ import annotations

from concurrent.futures import Future

from layercheck.dispatch.single_calls import CallFailed
from layercheck.errors import AccessDeniedError
from layercheck.images.call_threads import result_in_time
from layercheck.images.operations import Operations
from layercheck.images.paging import BadTokenError, EndlessListError, News, pages
from layercheck.images.stopping import StopSignal

_ALL = "ROOT"
"""The prefix of a rule for all repositories."""


class PullThroughRules:
    """The pull-through cache rules of a registry.

    Args:
        prefixes: Prefixes of the names; None if the rules cannot be read.
        all_readable: Every rule has its prefix among them.
        why: Why it is not known of some repositories whether they are caches; empty if it is known of all.
        what_to_do: What the user can do about it; may be empty.
    """

    def __init__(
        self,
        prefixes: frozenset[str] | None,
        *,
        all_readable: bool = True,
        why: str = "",
        what_to_do: str = "",
    ) -> None:
        self.why = why
        self.what_to_do = what_to_do
        self._prefixes = prefixes
        self._all_readable = all_readable

    def applies_to(self, repository_name: str) -> bool | None:
        """Whether a repository may be a cache; None if a rule that cannot be read may be for it.

        Examples:
            >>> PullThroughRules(frozenset(("hub",))).applies_to("hub/library/nginx")
            True
            >>> PullThroughRules(None).applies_to("app") is None
            True
            >>> PullThroughRules(frozenset(("hub",)), all_readable=False).applies_to("app") is None
            True
        """
        if self._prefixes is None:
            return None
        if _ALL in self._prefixes:
            return True
        parts = repository_name.split("/")
        if any("/".join(parts[:length]) in self._prefixes for length in range(1, len(parts))):
            return True
        return False if self._all_readable else None


class RulesUnderWay:
    """The rules of a registry, which another thread asks for meanwhile.

    Args:
        rules: What the thread will return.
    """

    def __init__(self, rules: Future[PullThroughRules]) -> None:
        self._rules = rules

    def wait(self, stop: StopSignal) -> None:
        """Wait until the rules are there.

        Raises:
            CheckStopped: Everything is to stop.
        """
        result_in_time(self._rules, stop)

    def applies_to(self, repository_name: str) -> bool | None:
        """See `PullThroughRules`; None while the rules are not there."""
        rules = self._now()
        return None if rules is None else rules.applies_to(repository_name)

    def what_is_unknown(self) -> str:
        """A line for the user; empty if the rules are known, and while they are not there."""
        rules = self._now()
        if rules is None or not rules.why:
            return ""
        line = (
            f"{rules.why}, so it is not known which repositories are pull-through caches: an index whose "
            "children are not listed is partial and not incomplete, and GetDownloadUrlForLayer is not asked "
            "about missing layers"
        )
        return f"{line}; {rules.what_to_do}" if rules.what_to_do else line

    def _now(self) -> PullThroughRules | None:
        if not self._rules.done() or self._rules.exception() is not None:
            return None
        return self._rules.result()


def read_rules(operations: Operations, stop: StopSignal) -> PullThroughRules:
    """Ask for the rules. Where that is denied or fails, nothing is known of them.

    Raises:
        CheckStopped: Everything is to stop.
    """
    operation = "DescribePullThroughCacheRules"
    if not operations.has(operation):
        return PullThroughRules(None, why=f"this boto3 does not know {operation}", what_to_do="update boto3")
    prefixes: set[str] = set()
    all_readable = True
    news = News()
    try:
        for page in pages(operations, operation, stop, maxResults=1000):
            before = len(prefixes)
            listed = page.get("pullThroughCacheRules")
            rules = listed if isinstance(listed, list) else []
            for rule in rules:
                prefix = rule.get("ecrRepositoryPrefix") if isinstance(rule, dict) else None
                if isinstance(prefix, str) and prefix:
                    prefixes.add(prefix.strip("/"))
                else:
                    all_readable = False
            news.page(len(rules), is_new=len(prefixes) > before)
    except CallFailed as failed:
        if issubclass(failed.failure.raises, AccessDeniedError):
            return PullThroughRules(None, why=f"{operation} is denied", what_to_do=f"allow ecr:{operation}")
        return PullThroughRules(None, why=f"{operation} failed: {failed.failure.summary}")
    except (BadTokenError, EndlessListError) as error:
        return PullThroughRules(None, why=f"{operation}: {error}")
    why = "" if all_readable else f"{operation} names a rule without a prefix"
    return PullThroughRules(frozenset(prefixes), all_readable=all_readable, why=why)
