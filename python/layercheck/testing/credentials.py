"""Credentials that expire during a test, as a role's credentials do during a long job."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, Final

# Key and secret: the endpoint does not verify signatures, and AWS does not issue keys of this form.
DUMMY: Final = "local-ecr"


def provider(lifetime_s: float) -> Any:
    """Return a botocore credential provider that makes new dummy credentials every `lifetime_s` seconds."""
    # Imported here, so that a server alone does not import botocore.
    from botocore.credentials import CredentialProvider, RefreshableCredentials

    numbers = itertools.count(1)

    def fetch() -> dict[str, str]:
        end = datetime.now(UTC) + timedelta(seconds=lifetime_s)
        return {
            "access_key": f"{DUMMY}-{next(numbers)}",
            "secret_key": DUMMY,
            "token": DUMMY,
            "expiry_time": end.isoformat(),
        }

    class Expiring(CredentialProvider):
        METHOD = CANONICAL_NAME = "local-ecr"

        def load(self) -> RefreshableCredentials:
            return RefreshableCredentials.create_from_metadata(
                fetch(),
                refresh_using=fetch,
                method=self.METHOD,
                # botocore refreshes 10 to 15 minutes early by default, so these would be due on every call.
                advisory_timeout=0,
                mandatory_timeout=0,
            )

    return Expiring()
