"""Why a client could not be made: the exception of boto3 -> an exception of layercheck."""

from __future__ import annotations

import os
from dataclasses import replace

from layercheck.aws.classify import classify, exception_for
from layercheck.aws.credential_sources import reading_credentials, source_error
from layercheck.aws.network_advice import advice
from layercheck.aws.network_settings import NetworkSettings
from layercheck.aws.settings_files import missing_files
from layercheck.errors import InvalidParameterError, LayercheckError
from layercheck.redact import clean

_ADVICE = {
    "ConfigParseError": "mend that file, or name another in AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
    "InvalidRegionError": "check region_name, AWS_REGION, AWS_DEFAULT_REGION and the region of the profile",
}


def opening_failed(error: Exception, profile_name: str | None, endpoint: str) -> LayercheckError | None:
    """The exception for a client that could not be made; None for a mistake in the caller's arguments.

    Args:
        error: What boto3 raised.
        profile_name: The profile that the caller named.
        endpoint: The setting of the endpoint's URL, as far as it is known.
    """
    of_source = reading_credentials(error)
    failure = classify(source_error(error) if of_source else error)
    if failure.kind == "fatal":
        text = failure.summary.rstrip(".")
        profile = profile_name or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
        if of_source and profile and "profile" not in text:
            text += f" (profile {clean(profile, 100)!r})"
        text += missing_files(failure.code)
        if failure.code == "NoRegionError":
            return exception_for(
                failure, f"no client could be created: {text}; pass region_name or set AWS_DEFAULT_REGION"
            )
        said = _ADVICE.get(failure.code) or advice(failure, NetworkSettings())
        return exception_for(failure, f"no client could be created: {text}", said)
    if isinstance(error, ValueError):
        text = f"no client could be created: {failure.message}"
        if "Invalid endpoint" not in failure.message:
            return InvalidParameterError(text)
        where = endpoint or "endpoint_url of profile"
        return exception_for(
            replace(failure, raises=InvalidParameterError),
            text,
            f"write http:// or https://, and a host, in {where}",
        )
    return None
