"""What can be known of a client's credentials without a call, and without reading a secret."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

_KEY_ID = re.compile(r"A[KS]IA[Q-Z2-7][A-Z2-7]{15}")


def of_client(client: Any) -> Any:
    """The credentials object that signs the client's requests; None if it has none, or is no boto3 client."""
    # botocore has a method for it since 1.35.42 only, and it returns this attribute.
    return getattr(getattr(client, "_request_signer", None), "_credentials", None)


def can_be_renewed(client: Any) -> bool:
    """Whether botocore fetches new credentials by itself when these expire."""
    return callable(getattr(of_client(client), "refresh_needed", None))


def account(client: Any) -> str | None:
    """The account, or the best there is in its place, of the credentials; None if nothing is known.

    Nothing is fetched for it: an attribute like `access_key` would renew credentials that expired. Of a
    role that was not assumed yet (from a profile, say) nothing is known.
    """
    credentials = of_client(client)
    for name in ("_account_id", "account_id", "_access_key", "access_key"):
        # Renewable credentials have properties of the public names, which may go out to the network.
        value = vars(credentials).get(name) if hasattr(credentials, "__dict__") else None
        if isinstance(value, str) and value:
            return account_of(value) if name.endswith("key") else value
    return None


def account_of(access_key_id: str) -> str:
    """The account an access key id belongs to; the id itself if it does not tell.

    Ids issued since 2019 hold the account's number: base32 behind the prefix, shifted by seven bits, the
    highest bit set (https://summitroute.com/blog/2018/06/20/aws_security_credential_formats/, and
    `aws sts get-access-key-info`, which says the same). The service promises no such form, so nothing
    but the sharing of a rate may rest on it.

    Examples:
        >>> account_of("ASIAQNZGKIQY56JQ7WML"), account_of("AKIDEXAMPLE")
        ('029608264753', 'AKIDEXAMPLE')
    """
    if not _KEY_ID.fullmatch(access_key_id):
        return access_key_id
    try:
        number = int.from_bytes(base64.b32decode(access_key_id[4:])[:6], "big")
    except binascii.Error:
        return access_key_id
    return f"{(number & 0x7FFFFFFFFF80) >> 7:012}"
