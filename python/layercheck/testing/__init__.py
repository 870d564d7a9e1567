"""A local ECR endpoint for tests, correct by default and faulty on request.

`LocalEcr` serves the wire protocol of `ecr` on 127.0.0.1, from a native thread that does not hold the
interpreter lock: the layer check `BatchCheckLayerAvailability`, which it also serves for `ecr-public`, and
the operations of images (`Operation` names them all). It enforces the limits that the service enforces (100
digests or images a call, pages of 1 to 1,000, names, registry ids, credentials of the right region), and it
answers wrongly only if a `Fault` says so.

The endpoint follows the service's botocore model and the AWS documentation. Where both are
silent, the endpoint does the following:

* It answers a well-formed digest that the repository does not hold with a layer `UNAVAILABLE`
  without size or media type, as observed from the service. With `absent_as_failure=True`
  it answers with a failure `MissingLayerDigest`, as moto does.
* Only `sha256:` and 64 lower-case hexadecimal digits are well-formed. Anything else is a
  failure `InvalidLayerDigest`; the empty string is a failure `MissingLayerDigest`.
* Entries come in the order of the request. A digest that is asked twice is answered twice.
* ECR Public does not have `ARCHIVED`: there an archived digest is `UNAVAILABLE`.
* `DescribeImages` shows archived images that the request names. `BatchGetImage` answers them with a failure
  `ImageInaccessible`.
* `BatchGetImage` never converts a manifest. An image whose media type is not among the accepted ones is in
  neither list of the answer, as users report. An image that is asked twice is answered twice.
* A page token is good only for the same operation, repository and filter. Other tokens are an
  `InvalidParameterException`.
* A manifest without a media type of its own and of the push gets OCI's type for its members.
* In a pull-through cache the endpoint imports nothing; `Counters.imports` counts what the service would
  import.
* It does not verify signatures, but it requires one that is scoped to the right region and service.
"""

from layercheck.testing.clients import dummy_session
from layercheck.testing.contents import (
    Availability,
    EvenDigests,
    FractionOfDigests,
    ImageRule,
    Layer,
    OciLayout,
    Seed,
)
from layercheck.testing.counters import Call, Counters
from layercheck.testing.faults import Fault, FaultKind, Operation, Throttle
from layercheck.testing.images import Encryption, ImageStatus, TagMutability
from layercheck.testing.local_ecr import LocalEcr
from layercheck.testing.tls import Certificate

__all__ = [
    "Availability",
    "Call",
    "Certificate",
    "Counters",
    "Encryption",
    "EvenDigests",
    "Fault",
    "FaultKind",
    "FractionOfDigests",
    "ImageRule",
    "ImageStatus",
    "Layer",
    "LocalEcr",
    "OciLayout",
    "Operation",
    "Seed",
    "TagMutability",
    "Throttle",
    "dummy_session",
]
