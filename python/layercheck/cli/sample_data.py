"""A file of digests for `layercheck demo`, with repeats and errors, and the right verdict of each row."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from layercheck.verdict import Verdict

_SPELLINGS: tuple[tuple[int, Callable[[str], str]], ...] = (
    (66, lambda digest: f"sha256:{digest}"),
    (8, lambda digest: f"SHA256:{digest.upper()}"),
    (10, lambda digest: digest),
    (5, lambda digest: f"  sha256:{digest}\t"),
    (3, lambda digest: f"sha256__{digest}"),
    (5, lambda digest: f"registry.example/team/app:v{digest[0]}@sha256:{digest}"),
    (3, lambda digest: f"backup/blobs/sha256/{digest}"),
    (1, lambda digest: f"docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data"),
    (1, lambda digest: f"https://registry.example/v2/team/app/blobs/sha256:{digest}"),
    (1, lambda digest: f"docker://sha256:{digest}"),
    (1, lambda digest: f"{digest}  layers/{digest[:8]}.tar.gz"),
    (1, lambda digest: f"SHA256 (layers/{digest[:8]}.tar.gz) = {digest}"),
)
"""Weight of each accepted spelling, and the spelling of a digest of 64 hex digits."""

_INVALID: tuple[Callable[[str], str], ...] = (
    lambda digest: digest[:12],
    lambda digest: f"sha256:{digest[:63]}",
    lambda digest: f"sha256:{digest[:20]}g{digest[21:]}",
    lambda digest: f"sha512:{digest}{digest}",
    lambda digest: f"md5:{digest[:32]}",
    lambda digest: f"sha256-{digest}.sig",
    lambda digest: "latest",
    lambda digest: f'{{"layers": "sha256:{digest}"}}',
    lambda digest: f"\x1b[31m{digest[:8]}\x1b[0m",
)
_INVALID_SHARE = 0.02
_REPEATED_SHARE = 0.25
_COMMENT_EVERY = 50_000
_ARCHIVED_PREFIX = "00"


@dataclass(frozen=True, slots=True)
class SampleFile:
    """The written file and the right answers.

    Attributes:
        path: The file.
        expected: One verdict code per row, in file order.
        archived: The digests that the endpoint must hold as archived, as `sha256:<hex>`.
        unique: How many different digests the file holds.
    """

    path: Path
    expected: bytes
    archived: list[str]
    unique: int


def expected_verdict(digest: str) -> Verdict:
    """The verdict of the demonstration's endpoint for 64 hex digits.

    The endpoint holds every digest that ends in an even hex digit. Those that begin with 00 are archived,
    whatever their last digit is.
    """
    if digest.startswith(_ARCHIVED_PREFIX):
        return Verdict.ARCHIVED
    return Verdict.AVAILABLE if digest[-1] in "02468ace" else Verdict.UNAVAILABLE


def write_sample(path: Path, rows: int, *, seed: int = 1) -> SampleFile:
    """Writes `rows` rows: all spellings, repeats, invalid rows, and between them comments and blank lines.

    The same `rows` and `seed` give the same file.
    """
    choose = random.Random(seed)  # noqa: S311 - reproducible data, not a secret
    weights = [weight for weight, _ in _SPELLINGS]
    spellings = [spell for _, spell in _SPELLINGS]
    digests: list[str] = []
    expected = bytearray()

    def lines() -> Iterator[str]:
        for row, spell in enumerate(choose.choices(spellings, weights, k=rows)):
            if row % _COMMENT_EVERY == 0:
                yield f"# layers of part {row // _COMMENT_EVERY + 1}\n\n"
            chance = choose.random()
            if chance < _INVALID_SHARE:
                expected.append(Verdict.INVALID)
                digest = _digest(seed, -1 - row)
                yield _INVALID[row % len(_INVALID)](digest) + "\n"
                continue
            if chance < _INVALID_SHARE + _REPEATED_SHARE and digests:
                digest = digests[int(choose.random() * len(digests))]
            else:
                digest = _digest(seed, row)
                digests.append(digest)
            expected.append(expected_verdict(digest))
            yield spell(digest) + "\n"

    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines())
    archived = [f"sha256:{digest}" for digest in digests if expected_verdict(digest) is Verdict.ARCHIVED]
    return SampleFile(path, bytes(expected), archived, len(digests))


def _digest(seed: int, number: int) -> str:
    return hashlib.sha256(b"%d/%d" % (seed, number)).hexdigest()
