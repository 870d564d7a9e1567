"""Transports: from a batch to the service's answer.

There are four, from the plainest to the fastest. All pass the same parity tests, so the choice changes the
speed and nothing else:

| name | who packs | who signs | who sends | who parses |
| --- | --- | --- | --- | --- |
| `plain` | botocore | botocore | botocore | botocore |
| `slim` | the core | botocore | botocore | the core |
| `wire` | the core | botocore | the core | the core |
| `native` | the core | the core | the core | the core |

All of them take sessions, credentials and their refresh, endpoints and configuration from boto3, and calls
go through the public method of a boto3 client. With `native`, only one call a minute does, and the core makes
the others like it. `choose` takes the fastest transport that may be used, and says why it takes no faster
one.
"""

from layercheck.dispatch.transport.base import AskedRepository, Batch, LoopingTransport, Transport
from layercheck.dispatch.transport.plain import PlainTransport
from layercheck.dispatch.transport.selection import choose

__all__ = ["AskedRepository", "Batch", "LoopingTransport", "PlainTransport", "Transport", "choose"]
