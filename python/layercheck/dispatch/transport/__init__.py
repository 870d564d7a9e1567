"""Transports: a batch in, the service's answer out.

One seam, four ways through it, from the plainest to the fastest. Each passes the same parity tests,
so which one is used changes the speed and nothing else:

| name | who packs | who signs | who sends | who parses |
| --- | --- | --- | --- | --- |
| `plain` | botocore | botocore | botocore | botocore |
| `slim` | the core | botocore | botocore | the core |
| `wire` | the core | botocore | the core | the core |
| `native` | the core | the core | the core | the core |

Sessions, credentials and their refresh, endpoints and configuration are boto3's in all of them, and
each call goes through the public method of a boto3 client. `choose` takes the fastest that may be
used, and says why not a faster one.
"""

from layercheck.dispatch.transport.base import Batch, Transport
from layercheck.dispatch.transport.plain import PlainTransport
from layercheck.dispatch.transport.selection import choose

__all__ = ["Batch", "PlainTransport", "Transport", "choose"]
