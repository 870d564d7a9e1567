"""Hypothesis strategies: rows that are almost digests, files of such rows, and answers about digests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

WHITE = [b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c"]

# Characters that Unicode-aware code takes for white space, digits, or letters of "sha256".
LOOKALIKES = [
    "\u00a0",
    "\u2003",
    "\u0085",
    "\u200b",
    "\ufeff",
    "\uff10",
    "\uff21",
    "\u0430",
    "\u0661",
    "\u017f",
    "\u212a",
]

# One of a few digests, so that duplicates are common, or any digest.
few_digests = st.sampled_from([bytes([number]) * 32 for number in (0, 0x0A, 0xAB, 0xFF)])
digests = few_digests | st.binary(min_size=32, max_size=32)

_CASES: list[Callable[[bytes], bytes]] = [bytes, bytes.upper, bytes.lower, bytes.swapcase, bytes.title]
_prefixes = st.sampled_from(
    [b"sha256:"] * 4
    + [b"", b"sha256__", b"sha256_", b"sha256-", b"sha256", b"sha512:", b"md5:", b"a+b.c:", b"a..b:", b":"]
    + [
        b"r@sha256:",
        b"host:5000/a/b:tag@sha256:",
        b"@sha256:",
        b"a b@sha256:",
        b"a@b@sha256:",
        b"r@md5:",
        b"r@",
    ]
    + [
        b"blobs/sha256/",
        b"x/blobs/sha256/",
        b"xblobs/sha256/",
        b"blobs/sha512/",
        b"/blobs/a-b/",
        b"blobs/blobs/",
    ]
    + [b"blobs/sha256/ab/", b"r@x/blobs/sha256/", b"blobs/sha256/r@sha256:", b"sha256:sha256:", b"r@sha256-"]
    + [
        b"x/blobs/sha256/00/",
        b"blobs/sha256/ff/",
        b"_layers/sha256/",
        b"x?/_layers/sha256/",
        b"https://h/v2/app/blobs/sha256:",
        b"/v2/blobs/sha512:",
        b"x y/blobs/sha256:",
        b"docker://sha256:",
        b"docker-pullable://sha256:",
        b"docker://",
    ]
    + [
        b"SHA256 (",
        b"SHA256 (a) = ",
        b"SHA2-256(a)= ",
        b"SHA256 (a)= ",
        b"MD5 (a) = ",
        b"\\sha256 (a) = ",
        b"\\",
    ]
    + [b"app/_manifests/revisions/sha256/", b"https://h/v2/app/manifests/sha256:", b"manifests/sha512:"]
)
_endings = st.sampled_from(
    [b""] * 8
    + [b"\0", b"0", b"g", b".sig", b"/data", b"@", b":", b"=", b"@sha256:"]
    + [b"/link", b"?a=b", b"/data?a", b"? b", b"  a", b" *a b", b"  a  b", b"   a", b" a", b"  -", b") = "]
    + [b"  ./blobs/sha256/" + b"00" * 32, b"  " + b"ab" * 32, b" *" + b"AB" * 33]
)
_white = st.lists(st.sampled_from(WHITE), max_size=2).map(b"".join)
_snippets = (
    st.sampled_from(
        [b"\0", b"\x01", b"\x7f", b"@", b":", b"/", b"sha256:", b"blobs/", b"\xff", b"\xed\xa0\x80", *WHITE]
    )
    | st.sampled_from(LOOKALIKES).map(str.encode)
    | st.binary(min_size=1, max_size=3)
)


@st.composite
def _hex(draw: st.DrawFn) -> bytes:
    digits = draw(_changed_case(draw(digests).hex().encode()))
    length = draw(st.sampled_from([64] * 6 + [0, 1, 12, 63, 65, 128]))
    return (digits * 2)[:length]


def _changed_case(text: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from([change(text) for change in _CASES])


@st.composite
def near_digests(draw: st.DrawFn) -> bytes:
    """A digest, or a digest with a few changed bytes."""
    prefix = draw(_changed_case(draw(_prefixes)) | _prefixes)
    row = draw(_white) + prefix + draw(_hex()) + draw(_endings) + draw(_white)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        at = draw(st.integers(0, len(row)))
        gone = draw(st.integers(0, 2))
        row = row[:at] + draw(_snippets | st.just(b"")) + row[at + gone :]
    return row


@st.composite
def _as_given(draw: st.DrawFn) -> str | bytes:
    """A row as `bytes` or, if its bytes allow it, as `str`."""
    row = draw(near_digests())
    if draw(st.booleans()):
        try:
            return row.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            pass
    return row


# With surrogates, because a `str` from a file name may contain them.
_texts = st.text(st.characters(codec=None), max_size=300)
_not_text = st.none() | st.just(float("nan")) | st.integers() | st.booleans() | st.lists(_texts, max_size=3)
rows = _as_given() | _as_given() | _as_given() | _texts | st.binary(max_size=300) | _not_text

_pieces = (
    near_digests()
    | st.sampled_from(
        [b"\n", b"\r\n", b"\r", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb", b"#", b" # ", b"\n#", b"\n \n"]
    )
    | st.binary(max_size=20)
)
files = st.lists(_pieces | st.just(b"\n") | st.just(b"\r\n"), max_size=20).map(b"".join)


def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """`data` in blocks of any size; some may be empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True)]


WORDS = ["AVAILABLE", "UNAVAILABLE", "ARCHIVED"]
FAILURE_CODES = ["MissingLayerDigest", "InvalidLayerDigest"]

# With surrogates, because JSON may contain half a pair. With long texts, because only their start is kept.
_names = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    ["é" * 501, "x" * 1000, "x" * 1001]
)
_odd = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.binary(max_size=3)
    | st.lists(st.integers(), max_size=2)
)
_absent = st.just(...)


def _mostly(usual: st.SearchStrategy[Any], *unusual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*[usual] * 6, *unusual)


@st.composite
def _spelled(draw: st.DrawFn, digest: bytes) -> Any:
    text = "sha256:" + digest.hex()
    variants = [text] * 6 + [
        text.upper(),
        "sha256:" + digest.hex().upper(),
        digest.hex(),
        " " + text,
        text + "0",
        text[:-1],
    ]
    return draw(st.sampled_from(variants))


@st.composite
def answers(draw: st.DrawFn, asked: list[bytes], *, odd: bool = False) -> dict[str, Any]:
    """An answer to `asked` from a server that may reorder, repeat, contradict, omit and invent entries.

    With `odd`, fields may also be missing or of a type that botocore never returns.
    """
    strange = [_odd, _absent] if odd else []
    pool = st.sampled_from(asked) | st.sampled_from(asked) | digests if asked else digests
    answer: dict[str, list[Any]] = {"layers": [], "failures": []}
    honest = draw(st.booleans())
    subjects = (
        list(draw(st.permutations(asked))) if honest else draw(st.lists(pool, max_size=2 * len(asked) + 2))
    )
    for digest in subjects:
        layer: dict[str, Any] = {
            "layerDigest": draw(_mostly(_spelled(digest), *strange)),
            "layerAvailability": draw(_mostly(st.sampled_from(WORDS), _names, *strange)),
            "layerSize": draw(
                _mostly(st.sampled_from([0, 7, 2**40]), st.integers(0, 2**63 - 1), _absent, *strange)
            ),
            "mediaType": draw(_mostly(st.sampled_from(["m", "application/x"]), _names, _absent, *strange)),
        }
        failure: dict[str, Any] = {
            "layerDigest": layer["layerDigest"],
            "failureCode": draw(_mostly(st.sampled_from(FAILURE_CODES), _names, *strange)),
            "failureReason": draw(_mostly(_names, _absent, *strange)),
        }
        key, entry = draw(st.sampled_from([("layers", layer), ("layers", layer), ("failures", failure)]))
        answer[key].append({name: value for name, value in entry.items() if value is not ...})
        if not honest and draw(st.integers(0, 3)) == 0:
            answer[key].append(dict(answer[key][-1]))
    if odd:
        answer["layers"] += draw(st.lists(_odd, max_size=1))
    return answer
