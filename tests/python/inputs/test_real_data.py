"""Real digests through the whole package: 200 SHA256 fields of Debian's package list.

The head of the file names their source. `bench/real/real_input.py` does the same with the whole list, on a
Debian machine.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

import layercheck as lc
import reference as ref
from layercheck.testing import LocalEcr

SOURCE = Path(__file__).parents[2] / "data" / "debian_sha256.txt"
# Read here in the simplest way, without layercheck.
DIGESTS = [line for line in SOURCE.read_text().splitlines() if not line.startswith("#")]


def is_held(digest: str) -> bool:
    """A known half, chosen by a hash that neither layercheck nor the endpoint computes."""
    return hashlib.sha256(digest.encode()).digest()[0] % 2 == 0


HELD = [digest for digest in DIGESTS if is_held(digest)]
ABSENT = [digest for digest in DIGESTS if not is_held(digest)]


def dirty(digest: str, number: int) -> str:
    """The same digest in other accepted spellings."""
    hex_digits = digest.removeprefix("sha256:")
    return [
        digest,
        digest.upper(),
        hex_digits,
        f"sha256__{hex_digits}",
        f"host.example:5000/team/app:1@{digest}",
        f"layout/blobs/sha256/{hex_digits}",
        f"\t{digest}  ",
    ][number % 7]


def test_the_file_matches_its_head() -> None:
    assert len(DIGESTS) == len(set(DIGESTS)) == 200
    assert 80 < len(HELD) < 120


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_every_field_of_a_real_list_gets_the_right_verdict(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "digests"
    path.write_bytes(gzip.compress(SOURCE.read_bytes()) if zipped else SOURCE.read_bytes())
    with LocalEcr({"debian": HELD}) as server:
        report = lc.check(path, "debian", session=server.session(), endpoint_url=server.endpoint_url)
    verdicts = [lc.Verdict(code).label for code in report.verdicts.tolist()]
    assert verdicts == ["available" if is_held(digest) else "unavailable" for digest in DIGESTS]
    assert report.digests("available") == HELD
    assert report.digests("unavailable") == ABSENT
    assert report.stats.calls == 2


def test_other_spellings_repeats_and_invalid_rows_change_no_verdict(tmp_path: Path) -> None:
    rows, truth = [], []
    for number, digest in enumerate([*DIGESTS, *DIGESTS[:50]]):
        rows.append(dirty(digest, number + number // 200))
        truth.append("available" if is_held(digest) else "unavailable")
        if number % 10 == 0:
            rows.append(
                [digest[:-1], digest + "0", f"sha512:{digest[7:] * 2}", "sha256-" + digest[7:]][number % 4]
            )
            truth.append("invalid")
    path = tmp_path / "digests.txt"
    path.write_bytes(b"\xef\xbb\xbf# comment\r\n\r\n" + "\r\n".join(rows).encode())
    with LocalEcr({"debian": HELD}) as server:
        report = lc.check(path, "debian", session=server.session(), endpoint_url=server.endpoint_url)
        asked = [digest for call in server.calls for digest in call.digests]
    assert [lc.Verdict(code).label for code in report.verdicts.tolist()] == truth
    assert sorted(asked) == sorted(DIGESTS)
    wanted = ref.plan(ref.lines(path.read_bytes()))
    assert (report.plan.spellings, report.plan.reject_counts) == (wanted.spellings, wanted.reject_counts)
    assert report.plan.digests.tobytes() == b"".join(wanted.digests)
