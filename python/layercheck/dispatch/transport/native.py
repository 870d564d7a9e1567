"""The native transport: the core packs, signs, sends and reads; boto3 gives credentials and endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from layercheck._core import WireError
from layercheck.aws import credentials
from layercheck.aws.response_limit import ReadBody
from layercheck.dispatch.transport.wire import WireTransport, as_botocore


class NativeTransport(WireTransport):
    """Makes the public boto3 call and answers it at the event `before-call`.

    At that event botocore has resolved the endpoint and made the headers, and a handler may answer in place
    of all that follows. The transport asks boto3 for the credentials at each call, so that boto3 refreshes
    them when they are due. If a request needs another signature than Signature Version 4 with these
    credentials, botocore signs it, as with `wire`.
    """

    name = "native"

    def _before_call(self, params: dict[str, Any], **event: Any) -> object:
        state = self._state
        batch = state.batch
        if batch is None:
            return None
        state.reached = True
        scope = None if self._aside else _scope(event)
        signed_as = None if scope is None else self._current_credentials()
        url = params["url"]
        if scope is None or signed_as is None or (route := self._route_to(url)) is None:
            return super()._before_call(params, **event)
        try:
            status, headers, body = route.wire.ask(
                self._packer,
                batch.plan,
                batch.start,
                batch.stop,
                route.sent,
                route.target,
                route.host,
                list(params["headers"].items()),
                scope,
                signed_as,
                self.known,
                self._signing.clock.offset_s,
            )
        except WireError as error:
            if self._step_aside(error):
                return super()._before_call(params, **event)
            raise as_botocore(error, SimpleNamespace(url=url)) from error
        body = self._decoded(headers, body)
        if status < 300:
            state.body = body
            return _Answered(status), {"ResponseMetadata": {"HTTPStatusCode": status}}
        return _parsed_error(event["model"], url, status, headers, body)

    def _current_credentials(self) -> credentials.CredentialSnapshot | None:
        found = credentials.current(self._client, self.known)
        if found is None:
            # Botocore raises its own error for this when it signs.
            self._leave_to_botocore("boto3 found no credentials")
        return found


@dataclass(frozen=True, slots=True)
class _Answered:
    """The part of an HTTP response that botocore reads after the answer was handled."""

    status_code: int


def _scope(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return region and service to sign for; None if this is not plain Signature Version 4."""
    signer, context = event["request_signer"], event["context"]
    signing = context.get("signing") or {}
    auth_types = {context.get("auth_type") or "v4", signer.signature_version}
    if auth_types != {"v4"} or signing.keys() - {"region", "signing_name"}:
        return None
    region = signing.get("region") or signer.region_name
    service = signing.get("signing_name") or signer.signing_name
    return (region, service) if region and service else None


def _parsed_error(
    model: Any, url: str, status: int, headers: list[tuple[str, str]], body: bytes
) -> tuple[Any, Any]:
    """Let botocore parse an error response, as if it had come through botocore's own session."""
    from botocore.awsrequest import AWSResponse
    from botocore.endpoint import convert_to_response_dict
    from botocore.parsers import create_parser

    received: Any = dict(headers)
    raw: Any = ReadBody(body)
    response = AWSResponse(url, status, received, raw)
    parser = create_parser("json")
    answered = convert_to_response_dict(response, model)
    parsed = parser.parse(answered, model.output_shape)
    # Add the members of the error that the service's model knows, as botocore's endpoint does.
    shape = model.service_model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
    if shape is not None:
        parsed.update(parser.parse(answered, shape))
    parsed["ResponseMetadata"]["RetryAttempts"] = 0
    return response, parsed
