"""`Operations`: makes the calls that list and read images, each at the pace of its operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from layercheck.aws.classify import UnreadableAnswer
from layercheck.dispatch.rate.lanes import LaneHandle
from layercheck.dispatch.single_calls import SingleCalls
from layercheck.dispatch.transport.signing import Signing
from layercheck.images.stopping import StopSignal

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets


_ACCOUNT = re.compile("[0-9]{12}")
_ACCOUNTS = 2

_MEMBERS: Mapping[str, tuple[tuple[str, ...], type]] = {
    "BatchGetImage": (("images", "failures"), list),
    "DescribeImages": (("imageDetails",), list),
    "DescribePullThroughCacheRules": (("pullThroughCacheRules",), list),
    "DescribeRepositories": (("repositories",), list),
    "GetDownloadUrlForLayer": (("downloadUrl",), str),
    "ListImages": (("imageIds",), list),
}
"""Members of which every answer of an operation has one, also an empty answer, and their type.

boto3 reads a body that is not JSON, such as the page of a proxy or an answer that was cut, as an answer
without members. Without this check it would say that there are no images.
"""


class Operations(SingleCalls):
    """Makes plain boto3 calls of the operations of images; see `SingleCalls`. Thread-safe.

    Args:
        client: A boto3 client of ECR.
        signing: Its credentials and clock.
        registry_id: Account id of the registry; None for the registry of the credentials.
        paces: The lane of each operation, by its name in the API, because throttling slows one operation
            alone. Others are not paced.
        **options: See `SingleCalls`.

    Attributes:
        accounts: The accounts that answers named as registry. Two are kept, because they show already that
            the answers disagree.
    """

    def __init__(
        self,
        client: Any,
        signing: Signing,
        registry_id: str | None,
        paces: Mapping[str, LaneHandle],
        **options: Any,
    ) -> None:
        super().__init__(signing, paces.get, **options)
        self.accounts: set[str] = set()
        self._all_accounts = self.accounts
        self._client = client
        self._registry = {} if registry_id is None else {"registryId": registry_id}

    @property
    def known(self) -> KnownSecrets:
        """The secrets of the client, to be removed from every text of the service."""
        return self._signing.known

    def counted(self) -> Self:
        """See `SingleCalls`."""
        copied = super().counted()
        copied.accounts = set()
        return copied

    @property
    def account_id(self) -> str | None:
        """The account of the registry, by the answers; None if they name none, or several.

        What has no images is in the account of the list of repositories, if there was one.
        """
        accounts = self.accounts or self._all_accounts
        return next(iter(accounts)) if len(accounts) == 1 else None

    def has_member(self, operation: str, *path: str) -> bool:
        """Whether the installed boto3 knows a member of an operation's input."""
        if not self.has(operation):
            return False
        shape: Any = self._client.meta.service_model.operation_model(operation).input_shape
        for name in path:
            members = getattr(shape, "members", None) or {}
            if name not in members:
                return False
            shape = members[name]
        return True

    def has(self, operation: str) -> bool:
        """Whether the installed boto3 knows an operation."""
        return operation in self._client.meta.service_model.operation_names

    def call(
        self, operation: str, stop: StopSignal, *, final: Collection[str] = (), **arguments: Any
    ) -> Mapping[str, Any]:
        """Make a call until it is answered, or asking again does not help.

        Args:
            operation: Its name in the API, such as `DescribeImages`.
            stop: Ends the waiting.
            final: Error codes that are an answer, so that the call is not made again.
            **arguments: What is asked, with names as in the API, without `registryId`.

        Raises:
            CallFailed: The service refused the call, or gave no answer.
            CheckStopped: Everything is to stop.
        """
        method: Callable[..., Any] = getattr(self._client, _python_name(operation))
        arguments = {**self._registry, **arguments} if self.has_member(operation, "registryId") else arguments
        return self.make(operation, lambda: method(**arguments), stop, final=final)

    def read(self, operation: str, answer: Any) -> Any:
        """See `SingleCalls`."""
        _check_members(operation, answer)
        answer = super().read(operation, answer)
        for account in _accounts_in(answer):
            # Answers for one repository tell nothing of others, because their order varies.
            lists = [self.accounts, *([self._all_accounts] if operation == "DescribeRepositories" else [])]
            for accounts in lists:
                if len(accounts) < _ACCOUNTS:
                    accounts.add(account)
        return answer


def _accounts_in(answer: Any) -> Iterator[str]:
    """The values of `registryId` in an answer that are the id of an account."""
    for member in ("imageDetails", "images", "repositories"):
        entries = answer.get(member) if isinstance(answer, Mapping) else None
        for each in entries if isinstance(entries, list) else ():
            account = each.get("registryId") if isinstance(each, Mapping) else None
            if isinstance(account, str) and _ACCOUNT.fullmatch(account):
                yield account


def _check_members(operation: str, answer: object) -> None:
    """Raise for what is no answer of the operation.

    Raises:
        UnreadableAnswer: The answer lacks a member that each has.
    """
    if operation in _MEMBERS:
        names, kind = _MEMBERS[operation]
        has_one = isinstance(answer, Mapping) and any(isinstance(answer.get(name), kind) for name in names)
        if not has_one:
            raise UnreadableAnswer(f"the answer has no {names[0]}, or it was cut")


def _python_name(operation: str) -> str:
    """The name of boto3's method.

    Examples:
        >>> _python_name("BatchGetImage")
        'batch_get_image'
    """
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")
