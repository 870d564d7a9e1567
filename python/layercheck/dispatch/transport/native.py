"""The native transport: the core packs, signs, sends and reads; boto3 says as whom, where and how."""

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
    """The public boto3 call, answered at `before-call`.

    At that event botocore has resolved the endpoint and made the headers, and a handler may answer in
    place of everything that follows. The credentials are asked of boto3 for each call, so that they are
    refreshed when boto3 says so. A request that is to be signed in another way than by Signature
    Version 4 with these credentials goes on through botocore, as with `wire`.
    """

    name = "native"

    def _before_call(self, params: dict[str, Any], **event: Any) -> object:
        exchange = self._exchange
        batch = exchange.batch
        if batch is None:
            return None
        exchange.reached = True
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
            )
        except WireError as error:
            if self._step_aside(error):
                return super()._before_call(params, **event)
            raise as_botocore(error, SimpleNamespace(url=url)) from error
        if status < 300:
            exchange.body = body
            return _Answered(status), {"ResponseMetadata": {"HTTPStatusCode": status}}
        return _parsed_error(event["model"], url, status, headers, body)

    def _current_credentials(self) -> credentials.CredentialSnapshot | None:
        found = credentials.current(self._client)
        if found is None:
            # Signing is where botocore says so, in its own words.
            self._leave_to_botocore("there are no credentials")
        return found


@dataclass(frozen=True, slots=True)
class _Answered:
    """What botocore asks of an HTTP response that has been dealt with already."""

    status_code: int


def _scope(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Region and service to sign for; None if this is not plain Signature Version 4."""
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
    """An answer that is no success, parsed by botocore as if it had come through its own session."""
    from botocore.awsrequest import AWSResponse
    from botocore.endpoint import convert_to_response_dict
    from botocore.parsers import create_parser

    received: Any = dict(headers)
    raw: Any = ReadBody(body)
    response = AWSResponse(url, status, received, raw)
    parser = create_parser("json")
    answered = convert_to_response_dict(response, model)
    parsed = parser.parse(answered, model.output_shape)
    # The members of an error that the service's model knows, as botocore's endpoint adds them.
    shape = model.service_model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
    if shape is not None:
        parsed.update(parser.parse(answered, shape))
    parsed["ResponseMetadata"]["RetryAttempts"] = 0
    return response, parsed
