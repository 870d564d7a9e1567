"""Which run a journal belongs to, and in what another run differs."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from layercheck._core import RULES_VERSION, Plan
from layercheck.types import Target

_USER_INFO = re.compile(r"//[^/@]*@")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must be the same for a run to go on with a journal.

    How it is asked is no part of it: batch size, rate, calls in flight and transport may change.

    Attributes:
        repository_name: As in `Target`, like the four after the account.
        account_id: The account of the credentials, where no registry was named and it is known: then it
            is the registry that was asked.
        rules: Version of the rules by which rows become digests.
        rows: Rows of the plan.
        unique: Its digests.
        invalid: Its rejected rows.
        digests_sha256: Hash of the digests in their order.
        rows_sha256: Hash of which row is which digest, and of the rejected rows.
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
        """Of a run that is to begin. Hashes the whole plan, off the interpreter lock."""
        digests, rows = plan.fingerprint()
        endpoint_url = target.endpoint_url
        return cls(
            repository_name=target.repository_name,
            registry_id=target.registry_id,
            account_id=account_id if target.registry_id is None else None,
            region_name=target.region_name,
            # A password in a URL is nobody's business, least of all a file's.
            endpoint_url=None if endpoint_url is None else _USER_INFO.sub("//", endpoint_url),
            public=target.public,
            rules=RULES_VERSION,
            rows=plan.rows,
            unique=plan.unique,
            invalid=plan.invalid,
            digests_sha256=digests.hex(),
            rows_sha256=rows.hex(),
        )

    @classmethod
    def read(cls, values: dict[str, Any]) -> Self:
        """Of a journal.

        Raises:
            ValueError: A value is missing or of the wrong type.
        """
        try:
            known = {field.name: values[field.name] for field in fields(cls)}
        except KeyError as error:
            raise ValueError(f"it does not tell its {error.args[0]}") from None
        for name in ("rules", "rows", "unique", "invalid", "public"):
            if not isinstance(known[name], int):
                raise ValueError(f"its {name} is no number")
        for name in ("repository_name", "digests_sha256", "rows_sha256"):
            if not isinstance(known[name], str):
                raise ValueError(f"its {name} is no text")
        for name in ("registry_id", "account_id", "region_name", "endpoint_url"):
            if not isinstance(known[name], str | None):
                raise ValueError(f"its {name} is no text")
        return cls(**{**known, "public": bool(known["public"])})

    def values(self) -> dict[str, Any]:
        """As they stand in a journal."""
        return asdict(self)

    @property
    def target(self) -> Target:
        """Where it was checked."""
        return Target(
            self.repository_name, self.registry_id, self.region_name, self.endpoint_url, self.public
        )

    def differences(self, other: Self) -> list[str]:
        """In what `other`, the run to begin, differs from this one: sentences without a full stop."""
        told = []
        for name, words in _TARGET.items():
            there, here = getattr(self, name), getattr(other, name)
            if there != here:
                told.append(f"the {words} was {_shown(there)} and is now {_shown(here)}")
        told += self._different_registry(other)
        if self.rules != other.rules:
            told.append("rows become digests by other rules in this version of layercheck")
        return told + self._different_input(other)

    def _different_registry(self, other: Self) -> list[str]:
        """A registry is named, or it is the account of the credentials: that comes to the same."""
        there, here = self.registry_id or self.account_id, other.registry_id or other.account_id
        if there == here or (there is None and other.registry_id is None):
            return []
        if here is None:
            return [
                f"the registry was {there}, and whose the credentials now are cannot be told; name it with "
                f"registry_id, in the command --registry-id {there}"
            ]
        was = "that of credentials whose account could not be told" if there is None else there
        return [f"the registry was {was} and is now {here}"]

    def _different_input(self, other: Self) -> list[str]:
        if (self.digests_sha256, self.rows_sha256) == (other.digests_sha256, other.rows_sha256):
            return []
        there, here = (f"{each.rows:,} rows with {each.unique:,} digests" for each in (self, other))
        if there != here:
            return [f"the input had {there} and has now {here}"]
        if self.digests_sha256 != other.digests_sha256:
            return [f"the input has as many rows and digests ({here}), but others or in another order"]
        if self.invalid != other.invalid:
            return [f"the input had {self.invalid:,} invalid rows and has now {other.invalid:,}"]
        return [f"the input has the same {self.unique:,} digests, but in other rows"]


_TARGET = {
    "repository_name": "repository",
    "region_name": "region",
    "endpoint_url": "endpoint",
    "public": "service",
}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "ECR Public" if value else "private ECR"
    return "not given" if value is None else str(value)
