"""A local ECR endpoint for tests: well-behaved, or as hostile as you script it.

`LocalEcr` serves the wire protocol of `ecr` and `ecr-public` for the operation
`BatchCheckLayerAvailability`, on 127.0.0.1, from a native thread that does not hold
the interpreter lock. It is strict where the service is strict (100 digests, names,
registry ids, credentials of the right region) and misbehaves only by `Fault`.

What the service does is taken from its botocore model and the AWS documentation. Where
neither says, this endpoint chooses, and says so here:

* A well-formed digest that is not held is a layer `UNAVAILABLE` without size or media
  type, as observed from the service; `absent_as_failure=True` answers with a failure
  `MissingLayerDigest` instead, as moto does.
* Only `sha256:` and 64 lower-case hexadecimal digits are well-formed. Anything else is a
  failure `InvalidLayerDigest`; the empty string is a failure `MissingLayerDigest`.
* Answers keep the order asked, and digests asked twice are answered twice.
* ECR Public has no `ARCHIVED`: there an archived digest is `UNAVAILABLE`.
* Signatures are not verified, but there must be one, scoped to the right region and service.
"""

from layercheck.testing.counters import Call, Counters
from layercheck.testing.faults import Fault, FaultKind, Throttle
from layercheck.testing.local_ecr import Certificate, LocalEcr
from layercheck.testing.contents import Availability, EvenDigests, FractionOfDigests, Layer, OciLayout, Seed

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
