"""A client's credentials: what they are now, whether a request can hold them, and whose they are."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

from layercheck.aws.classify import UnusableCredentials

_KEY_ID = re.compile(r"A[KS]IA[Q-Z2-7][A-Z2-7]{15}")

_NOT_IN_A_HEADER = re.compile(r"[^\t -~\x80-\xff]")
"""A field's value is of visible ASCII, spaces, tabs and bytes above them (RFC 9110, section 5.5). A str goes
into a header as Latin-1, says http.client; the service's own ids and tokens are ASCII."""
_NOT_UTF_8 = re.compile(r"[\ud800-\udfff]")
"""What Python makes of an environment variable's bytes that are no UTF-8."""


class CredentialSnapshot(NamedTuple):
    """Credentials as they are at one moment."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "Frozen(***)"


def current(client: Any) -> CredentialSnapshot | None:
    """The client's credentials, refreshed if boto3 finds it is time; None if it has none.

    Raises:
        UnusableCredentials: No request that is signed with them can be written down.
        botocore.exceptions.BotoCoreError: They could not be refreshed.
    """
    freeze = getattr(of_client(client), "get_frozen_credentials", None)
    if not callable(freeze):
        return None
    found = freeze()
    frozen = CredentialSnapshot(found.access_key, found.secret_key, found.token)
    _check("access key id", frozen.access_key, _NOT_IN_A_HEADER, "which no HTTP header can hold")
    _check("session token", frozen.token, _NOT_IN_A_HEADER, "which no HTTP header can hold")
    _check("secret access key", frozen.secret_key, _NOT_UTF_8, "with which nothing can be signed")
    return frozen


def validate_credentials(client: Any) -> None:
    """See, before botocore signs with them, whether a request can hold the client's credentials.

    botocore and `http.client` do not notice, or fail with a message that blames nothing in particular.

    Raises:
        UnusableCredentials: It cannot.
        botocore.exceptions.BotoCoreError: They could not be refreshed, as signing would find too.
    """
    signer = getattr(client, "_request_signer", None)
    # The version is a str, unless requests are not to be signed.
    if isinstance(getattr(signer, "signature_version", None), str):
        current(client)


def _check(what: str, value: object, wrong: re.Pattern[str], why: str) -> None:
    """Nothing of the value is in the message, not even how long it is."""
    if not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return
    match = wrong.search(value)
    if match is not None:
        raise UnusableCredentials(f"the {what} has {_named(match.group())} in it, {why}")


def _named(char: str) -> str:
    if char in "\r\n":
        return "a line end"
    if _NOT_UTF_8.match(char):
        return "a byte that is no UTF-8"
    return "a character outside Latin-1" if char > "\xff" else "a control character"


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


def known_account(client: Any) -> str | None:
    """The account of the credentials; None if it cannot be told.

    Credentials that were not fetched yet, of a role say, are fetched now. What goes wrong with that the first
    call will say.
    """
    credentials = of_client(client)
    try:
        frozen = credentials.get_frozen_credentials()
    except Exception:  # noqa: BLE001 (from files, processes, browsers, networks)
        return None
    key = getattr(frozen, "access_key", None)
    found = account(client) or ""
    if not found.isdecimal() and isinstance(key, str):
        found = account_of(key)
    return found if found.isdecimal() else None


def account_of(access_key_id: str) -> str:
    """The account an access key id belongs to; the id itself if it does not tell.

    Ids issued since 2019 hold the account's number: base32 behind the prefix, shifted by seven bits, the
    highest bit set (https://summitroute.com/blog/2018/06/20/aws_security_credential_formats/, and
    `aws sts get-access-key-info`, which says the same). The service promises no such form. So only such
    things may rest on it as do no harm if it is wrong: the sharing of a rate, and that a journal
    refuses a run which it takes for another account's.

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
