"""A local ECR endpoint for tests, correct by default and faulty on request.

`LocalEcr` serves the wire protocol of `ecr` and `ecr-public` for the operation
`BatchCheckLayerAvailability`, on 127.0.0.1, from a native thread that does not hold
the interpreter lock. It enforces the limits that the service enforces (100 digests, names,
registry ids, credentials of the right region), and it answers wrongly only if a `Fault` says so.

The endpoint follows the service's botocore model and the AWS documentation. Where both are
silent, the endpoint does the following:

* It answers a well-formed digest that the repository does not hold with a layer `UNAVAILABLE`
  without size or media type, as observed from the service. With `absent_as_failure=True`
  it answers with a failure `MissingLayerDigest`, as moto does.
* Only `sha256:` and 64 lower-case hexadecimal digits are well-formed. Anything else is a
  failure `InvalidLayerDigest`; the empty string is a failure `MissingLayerDigest`.
* Entries come in the order of the request. A digest that is asked twice is answered twice.
* ECR Public does not have `ARCHIVED`: there an archived digest is `UNAVAILABLE`.
* It does not verify signatures, but it requires one that is scoped to the right region and service.
"""

from layercheck.testing.contents import Availability, EvenDigests, FractionOfDigests, Layer, OciLayout, Seed
from layercheck.testing.counters import Call, Counters
from layercheck.testing.faults import Fault, FaultKind, Throttle
from layercheck.testing.local_ecr import LocalEcr
from layercheck.testing.tls import Certificate

__all__ = [
    "Availability",
    "Call",
    "Certificate",
    "Counters",
    "EvenDigests",
    "Fault",
    "FaultKind",
    "FractionOfDigests",
    "Layer",
    "LocalEcr",
    "OciLayout",
    "Seed",
    "Throttle",
]
