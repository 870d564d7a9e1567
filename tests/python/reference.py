"""The whole pipeline in plain Python: slow, readable, without dependencies.

This file explains what layercheck does with a row and with an answer. It is
also the oracle of the tests: the Rust core must give the same result for every
input (`test_properties_*.py`). It is written to be read, so it states every rule
once, in the order in which the rules apply:

    lines -> parse -> plan (dedupe, batch) -> ask -> merge -> report

The package does not import it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

SPELLINGS = (
    "canonical",
    "upper_case",
    "white_space",
    "bare_hex",
    "underscore",
    "reference",
    "blob_path",
    "registry_path",
    "blob_url",
    "image_id",
    "sha256sum",
    "sha256sum_tag",
)
REJECT_KINDS = (
    "empty",
    "wrong_length",
    "not_hexadecimal",
    "unsupported_algorithm",
    "tag_like",
    "not_canonical",
    "not_text",
    "manifest_path",
)
VERDICTS = (
    "not_checked",
    "available",
    "unavailable",
    "archived",
    "refused",
    "other",
    "invalid",
    "unanswered",
)

WHITE = b" \t\n\r\x0b\x0c"  # ASCII white space; `str.isspace` accepts many more characters
LONGEST_LINE = 65_536  # bytes; the rest of a longer line in a text file is dropped
LONGEST_NOTE = 1_000  # bytes kept of a code, reason or media type
LONGEST_TEXT = 256  # bytes kept of a rejected row, to show it

# OCI image-spec, descriptor.md: `digest ::= algorithm ":" encoded`. The specification wants the
# algorithm in lower case. Image references do not, and neither does this grammar.
_ALGORITHM = rb"[a-zA-Z0-9]+(?:[+._-][a-zA-Z0-9]+)*"
_ENCODED = rb"[a-zA-Z0-9=_-]+"
_WELL_FORMED = re.compile(_ALGORITHM + rb":" + _ENCODED)
_WELL_FORMED_PATH = re.compile(_ALGORITHM + rb"/" + _ENCODED)

# A line of `sha256sum`: the checksum, a space, a space or `*`, and the name of the file. The name must be one
# word of a table, because `podman ps --no-trunc` and its like also begin with 64 hex digits. An MD5 has 32.
_CHECKSUM = re.compile(rb"\\?([0-9a-f]{32,})\x20[\x20*]((?!\x20)(?!.*\x20\x20).+)")
# The same with `--tag`, or of BSD's `sha256` or of `openssl dgst`: algorithm, name and checksum.
_TAGGED = re.compile(rb"\\?([a-z0-9][a-z0-9/-]*)(?:\x20\((.+)\)\x20=\x20|\((.+)\)=\x20)(.*)")
_64_DIGITS = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# `ab/<hex>/data` in a registry's store: a folder for each first byte.
_SHARDED = re.compile(rb"([0-9a-f]{2})/(?=\1)(.*?)(?:/data)?", re.DOTALL)
_ANSWERED_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


class Parsed(NamedTuple):
    """The sha256 digest of a row, and its spelling."""

    digest: bytes
    spelling: str


class Rejected(NamedTuple):
    """Why a row is not a digest, and the offset of the byte that shows it."""

    kind: str
    offset: int


Found: TypeAlias = Rejected | tuple[str, int, int]
"""The spelling of a row and the start and end of its hex digits, or why it has none."""


def parse(row: bytes, *, strict: bool = False) -> Parsed | Rejected:
    """Parse one row; offsets count bytes of the row as given.

    Examples:
        >>> parse(b" " + b"AB" * 32).spelling
        'bare_hex'
        >>> parse(b"sha256:12")
        Rejected(kind='wrong_length', offset=9)
    """
    start = len(row) - len(row.lstrip(WHITE))
    text = row.strip(WHITE)
    if not text:
        return Rejected("empty", 0)
    found = _find_hex(text)
    if isinstance(found, Rejected):
        return Rejected(found.kind, start + found.offset)
    spelling, at, end = found
    digits = text[at:end]
    for index, byte in enumerate(digits):
        if byte not in b"0123456789abcdefABCDEF":
            return Rejected("not_hexadecimal", start + at + index)
    if len(digits) != 64:
        # The offset where the row ends too early, or of the 65th digit.
        return Rejected("wrong_length", start + at + min(len(digits), 64))
    if spelling == "canonical":
        if text != text.lower():
            spelling = "upper_case"
        elif text != row:
            spelling = "white_space"
    if strict and spelling != "canonical":
        return Rejected("not_canonical", _first_deviation(row))
    return Parsed(bytes.fromhex(digits.decode("ascii")), spelling)


def _find_hex(text: bytes) -> Found:
    """Find the spelling of a trimmed row; the first spelling that matches counts."""
    lower = text.lower()
    if lower.startswith(b"sha256:"):
        return "canonical", 7, len(text)
    if lower.startswith(b"sha256__"):  # Artifactory's file names
        return "underscore", 8, len(text)
    if lower.startswith(b"sha256-"):  # cosign's tags, which name a manifest and never a layer
        return Rejected("tag_like", 6)
    if (found := _checksum_line(lower)) is not None:
        return found
    for scheme in (b"docker://sha256:", b"docker-pullable://sha256:"):  # an imageID of Kubernetes
        if lower.startswith(scheme):
            return "image_id", len(scheme), len(text)

    reference, at_sign, after = lower.rpartition(b"@")
    if at_sign and _is_word(reference):
        if after.startswith(b"sha256:"):
            return "reference", len(reference) + 1 + 7, len(text)
        if _WELL_FORMED.fullmatch(after):
            return Rejected("unsupported_algorithm", len(reference) + 1)
    return _path(lower) or _manifest_or_other(lower)


def _checksum_line(lower: bytes) -> Found | None:
    """A line of a list of checksums; None for any other row."""
    if not _is_printable(lower):
        return None
    if match := _CHECKSUM.fullmatch(lower):
        spelling, (start, end), name = "sha256sum", match.span(1), match[2]
    elif match := _TAGGED.fullmatch(lower):
        if match[1] not in (b"sha256", b"sha2-256"):
            is_checksum = re.fullmatch(rb"[0-9a-f]+", match[4])
            return Rejected("unsupported_algorithm", match.start(1)) if is_checksum else None
        spelling, (start, end), name = "sha256sum_tag", match.span(4), match[2] or match[3]
    else:
        return None
    if set(_64_DIGITS.findall(name)) - {lower[start:end]}:
        # The file is named by another digest than that of its content: nobody can tell which one is meant.
        return "bare_hex", 0, len(lower)
    return spelling, start, end


def _path(lower: bytes) -> Found | None:
    """A path or a URL of a blob; None for any other row."""
    if (at := _folder(lower, b"_layers/sha256/")) is not None:  # a registry's link to a layer
        return "registry_path", at, len(lower) - (len(b"/link") if lower.endswith(b"/link", at) else 0)
    if (at := _folder(lower, b"blobs/sha256/")) is not None:
        if match := _SHARDED.fullmatch(_without_query(lower), at):  # a registry's store, as files or as URLs
            return "registry_path", *match.span(2)
        return "blob_path", at, len(lower)
    if (at := _folder(lower, b"blobs/")) is not None:
        if _is_word(lower[:at]):  # the URL of the registry's interface
            blob = _without_query(lower)
            if blob.startswith(b"sha256:", at):
                return "blob_url", at + 7, len(blob)
            if _WELL_FORMED.fullmatch(blob, at):
                return Rejected("unsupported_algorithm", at)
        if _WELL_FORMED_PATH.fullmatch(lower, at):
            return Rejected("unsupported_algorithm", at)
    return None


def _manifest_or_other(lower: bytes) -> Found:
    """A path or a URL of a manifest, another algorithm, or 64 hex digits alone."""
    if (at := _folder(lower, b"_manifests/")) is not None:
        return Rejected("manifest_path", at)
    if (at := _folder(lower, b"manifests/")) is not None and lower.startswith(b"sha256:", at):
        return Rejected("manifest_path", at)
    if _WELL_FORMED.fullmatch(lower):
        return Rejected("unsupported_algorithm", 0)
    return "bare_hex", 0, len(lower)


def _is_printable(text: bytes) -> bool:
    return all(byte >= 0x20 and byte != 0x7F for byte in text)


def _is_word(text: bytes) -> bool:
    """True for bytes without white space and control characters; False for no bytes."""
    return bool(text) and _is_printable(text) and b" " not in text


def _without_query(url: bytes) -> bytes:
    """The bytes before the first question mark, if no white space follows it."""
    path, _, query = url.partition(b"?")
    return path if _is_word(query) else url


def _folder(path: bytes, name: bytes) -> int | None:
    """The end of the last `name` in `path` that is at the start or after a slash."""
    at = (b"/" + path).rfind(b"/" + name)  # the added slash joins both conditions
    return at + len(name) if at >= 0 else None


def _first_deviation(row: bytes) -> int:
    """The offset of the first byte that differs from the form `sha256:` + 64 lower-case digits."""
    canonical = [bytes([byte]) for byte in b"sha256:"] + [b"0123456789abcdef"] * 64
    for offset, (byte, allowed) in enumerate(zip(row, canonical, strict=False)):
        if byte not in allowed:
            return offset
    return len(canonical)  # parsing found 64 digits, so that only trailing bytes can differ


@dataclass(frozen=True)
class Line:
    """A row of a text file, with its line from 1; `too_long` if it was cut at `LONGEST_LINE` bytes."""

    text: bytes
    too_long: bool = False
    number: int | None = None


def lines(data: bytes) -> Iterator[Line]:
    r"""The rows of a text file, without byte-order mark, line ends, blank lines and comment lines.

    Examples:
        >>> [line.text for line in lines(b"\xef\xbb\xbfone\r\n\n  # two\nthree ")]
        [b'one', b'three ']
    """
    *ended, last = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    # A \r belongs to the line end only before a \n. Elsewhere it is white space of the row.
    for number, line in enumerate([*(line.removesuffix(b"\r") for line in ended), last], 1):
        kept = Line(line[:LONGEST_LINE], too_long=len(line) > LONGEST_LINE, number=number)
        content = kept.text.lstrip(WHITE)
        # The bytes after the cut are unknown, so that a cut line is a row even if it is blank up to there.
        if not content.startswith(b"#") and (content or kept.too_long):
            yield kept


def parse_line(line: Line, *, strict: bool = False) -> Parsed | Rejected:
    """Parse a line as `parse` does, but reject a cut line whatever its start is."""
    parsed = parse(line.text, strict=strict)
    if line.too_long and isinstance(parsed, Parsed):
        return Rejected("wrong_length", LONGEST_LINE)
    return parsed


class Reject(NamedTuple):
    """A row that is not sent; `text` is None for None, and the start of any other row.

    `line` is the line of the file, counted from 1, and None for a row that is not of a file.
    """

    row: int
    kind: str
    offset: int
    text: str | None
    line: int | None = None


@dataclass
class Plan:
    """Rows validated, deduplicated in first-seen order, and packed into batches."""

    batch_size: int = 100
    digests: list[bytes] = field(default_factory=list)
    row_index: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    spellings: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPELLINGS, 0))
    reject_counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REJECT_KINDS, 0))

    @property
    def rows(self) -> int:
        """Input rows, valid or not."""
        return len(self.row_index)

    @property
    def unique(self) -> int:
        """Different digests."""
        return len(self.digests)

    @property
    def invalid(self) -> int:
        """Rows that are not sent."""
        return len(self.rejects)

    @property
    def duplicates(self) -> int:
        """Valid rows whose digest is that of an earlier row."""
        return self.rows - self.unique - self.invalid

    @property
    def batches(self) -> list[list[str]]:
        """The digests of each call, as text."""
        texts = [as_text(digest) for digest in self.digests]
        return [texts[at : at + self.batch_size] for at in range(0, len(texts), self.batch_size)]


def as_text(digest: bytes) -> str:
    """The only spelling that is sent or shown."""
    return "sha256:" + digest.hex()


def plan(rows: Iterable[object], *, strict: bool = False, batch_size: int = 100) -> Plan:
    """Parse every row and number the different digests.

    A row is text if it is `str`, `bytes` or `Line`.

    Examples:
        >>> made = plan(["sha256:" + "ab" * 32, "AB" * 32, None])
        >>> made.rows, made.unique, made.duplicates, made.invalid
        (3, 1, 1, 1)
    """
    made = Plan(batch_size)
    number: dict[bytes, int] = {}
    for row, value in enumerate(rows):
        parsed = _parse_any(value, strict=strict)
        if isinstance(parsed, Parsed):
            made.spellings[parsed.spelling] += 1
            if parsed.digest not in number:
                number[parsed.digest] = len(made.digests)
                made.digests.append(parsed.digest)
            made.row_index.append(number[parsed.digest])
        else:
            made.reject_counts[parsed.kind] += 1
            made.row_index.append(-1)
            line = value.number if isinstance(value, Line) else None
            made.rejects.append(Reject(row, parsed.kind, parsed.offset, _shown(value), line))
    return made


def _as_bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    return None


def _parse_any(value: object, *, strict: bool) -> Parsed | Rejected:
    if isinstance(value, Line):
        return parse_line(value, strict=strict)
    row = _as_bytes(value)
    return Rejected("not_text", 0) if row is None else parse(row, strict=strict)


def _shown(value: object) -> str | None:
    if value is None:
        return None
    row = value.text if isinstance(value, Line) else _as_bytes(value)
    if row is None:
        row = repr(value).encode("utf-8", "surrogatepass")
    return row[:LONGEST_TEXT].decode("utf-8", "replace") + ("…" if len(row) > LONGEST_TEXT else "")


class State(NamedTuple):
    """The state of one digest: its verdict, and the details in the answer."""

    verdict: str = "not_checked"
    code: str | None = None
    reason: str | None = None
    size: int | None = None
    media_type: str | None = None


class Merged(NamedTuple):
    """The counts of one answer: `foreign` counts entries, all others digests."""

    answered: int
    left_out: int
    contradicted: int
    foreign: int


def merge(asked: Sequence[bytes], answer: Mapping[str, Any]) -> tuple[list[State], Merged]:
    """One state for every digest asked, joined by digest and never by position.

    An answer that names none of the digests belongs to another request, so it says nothing about them.

    Examples:
        >>> digest = bytes(32)
        >>> entry = {"layerDigest": as_text(digest), "layerAvailability": "AVAILABLE", "layerSize": 7}
        >>> merge([digest], {"layers": [entry]})[0][0].verdict
        'available'
    """
    said: dict[bytes, list[State]] = {digest: [] for digest in asked}
    foreign = 0
    for key, read in (("layers", _read_layer), ("failures", _read_failure)):
        entries = answer.get(key)
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or (state := read(entry)) is None:
                continue
            match = _ANSWERED_DIGEST.fullmatch(entry["layerDigest"])
            digest = bytes.fromhex(match[1]) if match else None
            if digest in said:
                said[digest].append(state)
            else:
                foreign += 1
    if not any(said.values()):
        return [State() for _ in asked], Merged(0, len(asked), 0, foreign)
    states = [_agreed(said[digest]) for digest in asked]
    left_out = sum(state.code == "LeftOutOfAnswer" and state.verdict == "unanswered" for state in states)
    contradicted = sum(
        state.code == "ContradictoryAnswers" and state.verdict == "unanswered" for state in states
    )
    answered = len(states) - left_out - contradicted
    return states, Merged(answered, left_out, contradicted, foreign)


def settle(known: State, said: State) -> State:
    """The state after another answer: an unanswered digest keeps an earlier verdict."""
    if said.verdict == "not_checked":
        return known
    return known if said.verdict == "unanswered" and known.verdict != "not_checked" else said


def _agreed(said: list[State]) -> State:
    """The state from all entries for one digest, which must agree."""
    if not said:
        return State("unanswered", "LeftOutOfAnswer", "asked, but not in the answer")
    if any(state != said[0] for state in said):
        reason = "the answer says different things of this digest"
        return State("unanswered", "ContradictoryAnswers", reason)
    state = said[0]
    return state._replace(
        code=_note(state.code) or None,
        reason=_note(state.reason) or None,
        media_type=_note(state.media_type),
    )


def _note(text: str | None) -> str | None:
    """The start of a text from the service, in whole characters."""
    return None if text is None else text.encode()[:LONGEST_NOTE].decode("utf-8", "ignore")


# botocore does not check types, so that any field may be of any type. An entry without a digest, or a layer
# without an availability, is ignored.


def _read_layer(entry: Mapping[str, Any]) -> State | None:
    digest, word = _text(entry, "layerDigest"), _text(entry, "layerAvailability")
    if digest is None or word is None:
        return None
    known = word in ("AVAILABLE", "UNAVAILABLE", "ARCHIVED")
    return State(
        word.lower() if known else "other",
        code=None if known else word,
        size=_size(entry),
        media_type=_text(entry, "mediaType"),
    )


def _read_failure(entry: Mapping[str, Any]) -> State | None:
    if _text(entry, "layerDigest") is None:
        return None
    code = _text(entry, "failureCode") or ""
    # The documented word for a missing layer is UNAVAILABLE, but some servers use this failure for it.
    verdict = "unavailable" if code == "MissingLayerDigest" else "refused"
    return State(verdict, code=code, reason=_text(entry, "failureReason") or "")


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if not isinstance(value, str):
        return None
    # JSON may contain half a surrogate pair, which no file and no column can hold. It counts as empty.
    return "" if any("\ud800" <= char <= "\udfff" for char in value) else value


def _size(entry: Mapping[str, Any]) -> int | None:
    """The size if it is an integer of at most 63 bits and not a boolean; otherwise None."""
    value = entry.get("layerSize")
    return value if type(value) is int and 0 <= value < 2**63 else None


@dataclass
class Report:
    """A plan with one state for each digest, and so one verdict for each row."""

    plan: Plan
    states: list[State]

    @property
    def verdicts(self) -> list[str]:
        """The verdict of every row, in input order."""
        return [self.states[index].verdict if index >= 0 else "invalid" for index in self.plan.row_index]

    @property
    def counts(self) -> dict[str, int]:
        """Verdict to number of rows, for all eight verdicts; the sum is the number of rows."""
        counted = Counter(self.verdicts)
        return {verdict: counted[verdict] for verdict in VERDICTS}

    @property
    def unique_counts(self) -> dict[str, int]:
        """Verdict to number of digests."""
        counted = Counter(state.verdict for state in self.states)
        return {verdict: counted[verdict] for verdict in VERDICTS}

    @property
    def complete(self) -> bool:
        """True if every valid row has an answer."""
        return not {"unanswered", "not_checked"} & set(self.verdicts)


Service: TypeAlias = Callable[[list[str]], Mapping[str, Any]]
"""Returns the answer to one batch as botocore parses it, or raises."""


def check(planned: Plan, ask: Service) -> Report:
    """Ask for every batch once, in order; a failed call leaves its digests unanswered.

    The package also retries, paces and splits batches, but that does not change the meaning of an answer.
    """
    states: list[State] = []
    for batch in planned.batches:
        asked = planned.digests[len(states) : len(states) + len(batch)]
        try:
            said = merge(asked, ask(batch))[0]
            if State() in said:
                raise ValueError(f"the answer names none of the {len(batch)} digests asked")
            states += said
        except Exception as error:  # noqa: BLE001  (the service is a function that may raise anything)
            states += [State("unanswered", reason=str(error))] * len(batch)
    return Report(planned, states)
