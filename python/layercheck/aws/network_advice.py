"""Which setting is at fault when no answer of ECR came, and what to do about it.

The words name settings as Python and the environment have them; the command line puts its options in their
place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from layercheck.aws.network_settings import NetworkSettings
from layercheck.redact import LOOKED_AT, clean

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets
    from layercheck.aws.classify import Failure

_REASON = re.compile(
    r"Tunnel connection failed: [^'\")\n]{1,100}|\[Errno -?\d+\] [^'\"()\n]{1,100}|"
    r"Your proxy appears to only use HTTP and not HTTPS"
)
_UNKNOWN_NAME = re.compile(
    r"(?i)name or service not known|nodename nor servname|no address associated|name resolution|"
    r"lookup address|getaddrinfo|name does not resolve|host has no address"
)
_NO_BUNDLE = re.compile(r"\[X509|NO_CERTIFICATE|no start line|\[Errno|PEM lib|NOT_ENOUGH_DATA|BAD_BASE64")
SERVER_TLS = re.compile(r"(?i)http request to an https|plain http request was sent to https")
"""What servers with TLS answer to a request without it."""
_NOT_HTTP = re.compile(r"BadStatusLine\(|answer is not HTTP")
"""What `http.client` and the core say of bytes that are not HTTP, for instance an alert of TLS."""
_PROXY_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")


def reason_of(error: BaseException, known: KnownSecrets | None = None) -> str:
    """Why no connection was made, in the words of the system; empty if botocore's message says so itself."""
    quoted = getattr(error, "kwargs", {}).get("error")
    if quoted is None or "{error}" in str(getattr(error, "fmt", "")):
        return ""
    text = str(quoted)[:LOOKED_AT]
    match = _REASON.search(text)
    if match is not None:
        return clean(match.group().strip(), 120, known)
    # The core's words; those of urllib3 begin with the object that failed.
    return "" if text.startswith(("HTTP", "(", "<")) else clean(text, 120, known)


def is_not_http(error: BaseException) -> bool:
    """Whether the server sent bytes that are not HTTP."""
    text = str(getattr(error, "kwargs", {}).get("error", ""))
    return _NOT_HTTP.search(text[:LOOKED_AT]) is not None


def is_hung_up(error: BaseException) -> bool:
    """Whether the server closed a connection without TLS before it answered."""
    url = getattr(error, "kwargs", {}).get("endpoint_url", "")
    return type(error).__name__ == "ConnectionClosedError" and str(url).startswith("http://")


def is_bad_url(error: BaseException) -> bool:
    """Whether a URL of the settings cannot be read, so that nothing was sent."""
    quoted = getattr(error, "kwargs", {}).get("error")
    return type(quoted).__name__ == "LocationParseError"  # of urllib3


def advice(failure: Failure, settings: NetworkSettings) -> str:
    """What to do about a fatal failure, if its cause is a setting; else empty.

    Args:
        failure: The failure.
        settings: The settings of the client that failed.
    """
    from layercheck.errors import CredentialsError, EndpointError, RepositoryNotFoundError

    if failure.raises is CredentialsError:
        if "scoped to a valid region" in failure.message:
            return f"the credentials are right and the region is not: check region_name{_region(settings)}"
        said = _connection(failure.cause, settings, of_source=True)
        if said:
            return f"the source of credentials cannot be reached, and ECR was not asked: {said}"
        if failure.advice.endswith(" login") and settings.profile:
            return f"{failure.advice} --profile {clean(settings.profile, 100)}"
        return failure.advice
    if failure.raises is RepositoryNotFoundError and settings.unused_region:
        return f"check the name, registry_id and the region{_region(settings)}"
    if failure.raises is EndpointError:
        return failure.advice or _answer(failure, settings) or _connection(failure.cause, settings)
    return failure.advice


def _answer(failure: Failure, settings: NetworkSettings) -> str:
    """What to do about an answer that is not of ECR."""
    if failure.code == "407" or "407" in failure.code:
        return _proxy_wants_password(settings.proxy or "HTTPS_PROXY", "")
    if SERVER_TLS.search(failure.message):
        return f"that server speaks TLS: write https:// in {settings.endpoint or 'the URL'}"
    if failure.foreign or failure.code == "UnknownOperationException":
        where = f", and check {settings.endpoint}" if settings.endpoint else ""
        if settings.proxy:
            return f"look at the proxy of {settings.proxy}, or list the host in NO_PROXY{where}"
        if not failure.foreign and settings.endpoint:
            return f"check the host and the path of {settings.endpoint}: what answers there is not ECR"
        return f"sign in to the network, or have its filter allow the host{where}"
    return ""


def _connection(error: BaseException, settings: NetworkSettings, *, of_source: bool = False) -> str:
    """What to do about an exception of botocore's HTTP session."""
    from botocore import exceptions as known

    if not isinstance(error, known.HTTPClientError | known.ConnectionError):
        return ""
    kwargs: dict[str, Any] = getattr(error, "kwargs", {})
    text = f"{error} {kwargs.get('error', '')!r} {error.__cause__ or error.__context__ or ''!r}"
    endpoint = settings.source_endpoint if of_source else settings.endpoint
    if re.search(r"Too many open files|\[Errno 2[34]\]|os error 2[34]", text):
        return "raise the limit of open files (ulimit -n), or lower max_in_flight"
    if isinstance(error, known.ProxyConnectionError):
        return _proxy(text, settings)
    if is_bad_url(error):
        return f"write http://HOST:PORT in {settings.proxy or endpoint or 'the URL'}"
    if isinstance(error, known.SSLError):
        return _tls(text, settings, endpoint)
    if is_not_http(error) or is_hung_up(error):
        what = "does not speak HTTP" if is_not_http(error) else "closes the connection without an answer"
        return f"that server {what}: if it speaks TLS, write https:// in {endpoint or 'the URL'}"
    if not isinstance(error, known.ConnectionError):
        return ""
    if endpoint:
        what = "the host's name in it" if _UNKNOWN_NAME.search(text) else "that a server listens there"
        return f"check {endpoint}, and {what}"
    through = "; behind a proxy, set HTTPS_PROXY" if not settings.proxy else ""
    if of_source:
        return f"check the network{through}"
    if _UNKNOWN_NAME.search(text):
        if not _is_known_region(settings.region):
            return f"botocore knows no region {clean(settings.region or '', 50)!r}: check region_name"
        return f"the host's name was not found: check the network and its DNS server{through}"
    return f"check region_name and the network{through}"


def _proxy(text: str, settings: NetworkSettings) -> str:
    name = settings.proxy or "HTTPS_PROXY"
    status = _PROXY_STATUS.search(text)
    if status is not None and status[1] == "407":
        return _proxy_wants_password(name, text)
    if status is not None:
        why = "it does not reach the host; mend it" if status[1] >= "500" else "have it allow the host"
        return f"the proxy of {name} answered {status[1]}: {why}, or list the host in NO_PROXY"
    if "socks" in text.lower():
        return f"botocore knows only HTTP proxies: write http://HOST:PORT in {name}"
    if "only use HTTP and not HTTPS" in text or "WRONG_VERSION_NUMBER" in text or "record layer" in text:
        return f"the proxy speaks no TLS: write http:// in {name}"
    return f"check {name}; NO_PROXY lists the hosts that need no proxy"


def _proxy_wants_password(name: str, text: str) -> str:
    if "@" in text:
        return f"the proxy refuses the user name or password in {name}"
    return f"the proxy asks for a user name and password: write http://USER:PASSWORD@HOST:PORT in {name}"


def _tls(text: str, settings: NetworkSettings, endpoint: str) -> str:
    bundle = settings.bundle
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        if "ismatch" in text:
            return f"the certificate is for another host: check {endpoint or 'the network'}"
        if "has expired" in text or "not yet valid" in text:
            return "check the clock of this machine, then the server's certificate"
        whose = "an authority that this machine does not know, for instance of a proxy that opens TLS"
        if bundle:
            return f"the certificate is of an authority that is not in the file of {bundle}: add it there"
        return f"the certificate is of {whose}: name a file with its certificate in AWS_CA_BUNDLE"
    if "WRONG_VERSION_NUMBER" in text or "record layer" in text.lower() or "HTTP_REQUEST" in text:
        through = f", or {settings.proxy}" if settings.proxy else ""
        return f"that server speaks no TLS: write http:// in {endpoint or 'the URL'}{through}"
    if _NO_BUNDLE.search(text):
        name = bundle or "verify of config"
        return f"{name} names a file that is missing or holds no certificate: mend it or unset {name}"
    return "TLS was cut off: look at proxies and filters between this machine and the service"


def _region(settings: NetworkSettings) -> str:
    if settings.unused_region is None:
        return ""
    return (
        f" (AWS_REGION says {clean(settings.unused_region, 50)!r}; boto3 takes AWS_DEFAULT_REGION and the "
        f"profile's region first, here {clean(settings.region or '', 50)!r})"
    )


def _is_known_region(region: str | None) -> bool:
    """Whether one of botocore's partitions lists the region; True if that cannot be told."""
    try:
        import botocore.session

        loader = botocore.session.get_session().get_component("data_loader")
        partitions = loader.load_data("partitions")["partitions"]
    except Exception:  # noqa: BLE001 (advice only)
        return True
    return any(region in partition["regions"] for partition in partitions)
