"""Credentials that expire while a test runs, as those of a role do while a long job runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any


def provider(lifetime_s: float) -> Any:
    """A botocore credential provider: dummy credentials, good for `lifetime_s`, then others."""
    # Imported here: whoever only wants a server need not have waited for botocore.
    from botocore.credentials import CredentialProvider, RefreshableCredentials

    numbers = itertools.count(1)

    def fetch() -> dict[str, str]:
        end = datetime.now(UTC) + timedelta(seconds=lifetime_s)
        return {
            "access_key": f"local-ecr-{next(numbers)}",
            "secret_key": "local-ecr",
            "token": "local-ecr",
            "expiry_time": end.isoformat(),
        }

    class Expiring(CredentialProvider):
        METHOD = CANONICAL_NAME = "local-ecr"

        def load(self) -> RefreshableCredentials:
            return RefreshableCredentials.create_from_metadata(
                fetch(),
                refresh_using=fetch,
                method=self.METHOD,
                # Botocore's own are a quarter of an hour: then these would always be due.
                advisory_timeout=0,
                mandatory_timeout=0,
            )

    return Expiring()
