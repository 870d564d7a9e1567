"""The fingerprint of a run: tells whether a journal belongs to it, and what differs if not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from layercheck._core import RULES_VERSION, Plan
from layercheck.redact import without_user
from layercheck.types import Target


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must be the same for a run to resume a journal.

    How the service is asked may change: batch size, rate, calls in flight and transport.

    Attributes:
        repository_name: As in `Target`, like the four after the account.
        account_id: The account of the credentials, if it is known and the caller named no registry. It is
            then the registry that was asked.
        rules: Version of the rules that turn rows into digests.
        rows: Rows of the plan.
        unique: Its digests.
        invalid: Its rejected rows.
        digests_sha256: Hash of the digests, in order.
        rows_sha256: Hash of the digest number of each row, and of the rejected rows.
    """

    repository_name: str
    registry_id: str | None
    account_id: str | None
    region_name: str | None
    endpoint_url: str | None
    public: bool
    rules: int
    rows: int
    unique: int
    invalid: int
    digests_sha256: str
    rows_sha256: str

    @classmethod
    def of(cls, plan: Plan, target: Target, account_id: str | None) -> Self:
        """The fingerprint of a run about to start. Hashes the whole plan, off the interpreter lock."""
        digests, rows = plan.fingerprint()
        endpoint_url = target.endpoint_url
        return cls(
            repository_name=target.repository_name,
            registry_id=target.registry_id,
            account_id=account_id if target.registry_id is None else None,
            region_name=target.region_name,
            # Keep a password in the URL out of the file.
            endpoint_url=None if endpoint_url is None else without_user(endpoint_url),
            public=target.public,
            rules=RULES_VERSION,
            rows=plan.rows,
            unique=plan.unique,
            invalid=plan.invalid,
            digests_sha256=digests.hex(),
            rows_sha256=rows.hex(),
        )

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """The fingerprint that a journal keeps.

        Raises:
            ValueError: A value is missing or of the wrong type.
        """
        try:
            known = {field.name: values[field.name] for field in fields(cls)}
        except KeyError as error:
            raise ValueError(f"its {error.args[0]} is missing") from None
        for name in ("rules", "rows", "unique", "invalid", "public"):
            if not isinstance(known[name], int):
                raise ValueError(f"its {name} is not a number")
        for name in ("repository_name", "digests_sha256", "rows_sha256"):
            if not isinstance(known[name], str):
                raise ValueError(f"its {name} is not text")
        for name in ("registry_id", "account_id", "region_name", "endpoint_url"):
            if not isinstance(known[name], str | None):
                raise ValueError(f"its {name} is not text")
        return cls(**{**known, "public": bool(known["public"])})

    def values(self) -> dict[str, Any]:
        """The values as a journal keeps them."""
        return asdict(self)

    @property
    def target(self) -> Target:
        """Where the digests are checked."""
        return Target(
            self.repository_name, self.registry_id, self.region_name, self.endpoint_url, self.public
        )

    def differences(self, other: Self) -> list[str]:
        """How `other`, the run about to start, differs from this one: sentences without a full stop."""
        found = []
        for name, words in _TARGET.items():
            before, now = getattr(self, name), getattr(other, name)
            if before != now:
                found.append(f"the {words} was {_describe(before)} and is now {_describe(now)}")
        found += self._different_registry(other)
        if self.rules != other.rules:
            found.append("this version of layercheck turns rows into digests by other rules")
        return found + self._different_input(other)

    def _different_registry(self, other: Self) -> list[str]:
        """Compare the registries: a named registry, or else the account of the credentials."""
        before, now = self.registry_id or self.account_id, other.registry_id or other.account_id
        if before == now or (before is None and other.registry_id is None):
            return []
        if now is None:
            return [
                f"the registry was {before}, and the account of the credentials is now unknown; name the "
                f"registry with registry_id, in the command --registry-id {before}"
            ]
        was = "that of credentials whose account was unknown" if before is None else before
        return [f"the registry was {was} and is now {now}"]

    def _different_input(self, other: Self) -> list[str]:
        if (self.digests_sha256, self.rows_sha256) == (other.digests_sha256, other.rows_sha256):
            return []
        before, now = (f"{each.rows:,} rows with {each.unique:,} digests" for each in (self, other))
        if before != now:
            return [f"the input had {before} and has now {now}"]
        if self.digests_sha256 != other.digests_sha256:
            return [f"the input has as many rows and digests ({now}), but other digests or another order"]
        if self.invalid != other.invalid:
            return [f"the input had {self.invalid:,} invalid rows and has now {other.invalid:,}"]
        return [f"the input has the same {self.unique:,} digests, but in other rows"]


_TARGET = {
    "repository_name": "repository",
    "region_name": "region",
    "endpoint_url": "endpoint",
    "public": "service",
}


def _describe(value: object) -> str:
    if isinstance(value, bool):
        return "ECR Public" if value else "private ECR"
    return "not given" if value is None else str(value)
