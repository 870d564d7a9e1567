"""A client's credentials: their current values, whether a request can hold them, and their account."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from layercheck.aws.classify import UnusableCredentials
from layercheck.aws.credential_sources import CredentialSourceError, source_error

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets

_KEY_ID = re.compile(r"A[KS]IA[Q-Z2-7][A-Z2-7]{15}")

_NOT_IN_A_HEADER = re.compile(r"[^\t -~\x80-\xff]")
"""A header value consists of visible ASCII, spaces, tabs and bytes above ASCII (RFC 9110, section 5.5).
http.client encodes a str as Latin-1; ids and tokens of AWS are ASCII."""
_NOT_UTF_8 = re.compile(r"[\ud800-\udfff]")
"""Surrogates, which Python puts in place of bytes of an environment variable that are not UTF-8."""


class CredentialSnapshot(NamedTuple):
    """Credentials at one moment."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "CredentialSnapshot(***)"


def current(client: Any, known: KnownSecrets | None = None) -> CredentialSnapshot | None:
    """The client's credentials, which boto3 refreshes if they are about to expire; None without credentials.

    Args:
        client: The client.
        known: The secrets that the client has used, which an error must not show.

    Raises:
        UnusableCredentials: A request that is signed with them cannot be written.
        CredentialSourceError: They could not be refreshed.
    """
    freeze = getattr(of_client(client), "get_frozen_credentials", None)
    if not callable(freeze):
        return None
    failed: CredentialSourceError | None = None
    try:
        found = freeze()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (each source has exceptions of its own)
        failed = source_error(error, known, is_inside=True)
    if failed is not None:
        # Outside of the handler, so that Python does not chain what a source printed.
        raise failed
    frozen = CredentialSnapshot(found.access_key, found.secret_key, found.token)
    _check("access key id", frozen.access_key, _NOT_IN_A_HEADER, "which no HTTP header can hold")
    _check("session token", frozen.token, _NOT_IN_A_HEADER, "which no HTTP header can hold")
    _check("secret access key", frozen.secret_key, _NOT_UTF_8, "with which nothing can be signed")
    return frozen


def validate_credentials(client: Any, known: KnownSecrets | None = None) -> CredentialSnapshot | None:
    """Checks that a request can hold the client's credentials, before botocore signs with them.

    botocore and `http.client` do not notice, or fail with a message that does not name the cause.

    Args:
        client: The client.
        known: The secrets that the client has used, which an error must not show.

    Returns:
        The credentials; None if there are none or the client does not sign.

    Raises:
        UnusableCredentials: A request cannot hold them.
        CredentialSourceError: They could not be refreshed; signing would fail in the same way.
    """
    signer = getattr(client, "_request_signer", None)
    # The version is a str, unless the config turns signing off.
    if isinstance(getattr(signer, "signature_version", None), str):
        return current(client, known)
    return None


def _check(what: str, value: object, wrong: re.Pattern[str], why: str) -> None:
    """Raises a message that shows no part of the value, not even its length."""
    if not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return
    match = wrong.search(value)
    if match is not None:
        raise UnusableCredentials(f"the {what} has {_named(match.group())} in it, {why}")


def _named(char: str) -> str:
    if char in "\r\n":
        return "a line end"
    if _NOT_UTF_8.match(char):
        return "a byte that is not UTF-8"
    return "a character outside Latin-1" if char > "\xff" else "a control character"


def of_client(client: Any) -> Any:
    """The object that holds the client's credentials; None without credentials or for another client type."""
    # botocore has a method for it only from 1.35.42 on, which returns this attribute.
    return getattr(getattr(client, "_request_signer", None), "_credentials", None)


def can_be_renewed(client: Any) -> bool:
    """Whether botocore fetches new credentials when these expire."""
    return callable(getattr(of_client(client), "refresh_needed", None))


def account(client: Any) -> str | None:
    """The account id of the credentials, or else their access key id; None if neither is known.

    It does not fetch credentials, although reading an attribute such as `access_key` could renew expired
    ones. The account of a role that was not assumed yet, for example from a profile, is unknown.
    """
    credentials = of_client(client)
    for name in ("_account_id", "account_id", "_access_key", "access_key"):
        # In renewable credentials the public names are properties, which may use the network.
        value = vars(credentials).get(name) if hasattr(credentials, "__dict__") else None
        if isinstance(value, str) and value:
            return account_of(value) if name.endswith("key") else value
    return None


def known_account(client: Any) -> str | None:
    """The account id of the credentials; None if it is unknown.

    It fetches credentials that were not fetched yet, for example those of a role. If that fails, the first
    call reports the error.
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


class KeyOwner(NamedTuple):
    """Whose keys a client has.

    Attributes:
        account: The account id; None if the keys do not show it.
        key_mark: What tells the keys from others and shows nothing of them.
    """

    account: str | None
    key_mark: str


def key_owner(client: Any) -> KeyOwner | None:
    """Whose keys the client has; None if it has none, or does not sign.

    It fetches credentials that were not fetched yet, once for both answers.

    Raises:
        CredentialSourceError: They cannot be fetched now.
        UnusableCredentials: A request that is signed with them cannot be written.
    """
    found = validate_credentials(client)
    if found is None:
        return None
    shown = account(client) or ""
    if not shown.isdecimal():
        shown = account_of(found.access_key)
    mark = hashlib.sha256(found.access_key.encode()).hexdigest()[:12]
    return KeyOwner(shown if shown.isdecimal() else None, f"key {mark}")


def account_of(access_key_id: str) -> str:
    """The account id in an access key id; the key id itself if it does not contain one.

    Key ids issued since 2019 contain the account id: base32 behind the prefix, shifted by seven bits, the
    highest bit set (https://summitroute.com/blog/2018/06/20/aws_security_credential_formats/;
    `aws sts get-access-key-info` agrees). AWS does not document the encoding. So use the account id only
    where a wrong value is harmless: to share a rate, and to refuse a journal of another account.

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
