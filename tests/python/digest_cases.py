"""Tables of rows and files with their expected results, for the reference and for the package."""

from __future__ import annotations

from typing import NamedTuple

HEX_A = "ab01" * 16
HEX_B = "0123456789abcdef" * 4
LIMIT = 65_536

_A = HEX_A.encode()


class Accepted(NamedTuple):
    """A row that is a digest; `deviates` is the offset that strict mode reports, or None."""

    name: str
    row: bytes
    spelling: str
    deviates: int | None
    hex: str = HEX_A


class Refused(NamedTuple):
    """A row that is not a digest."""

    name: str
    row: bytes
    kind: str
    offset: int


class File(NamedTuple):
    """A text file and its rows."""

    name: str
    data: bytes
    rows: list[bytes]


class LongLine(NamedTuple):
    """A file with one line longer than the limit; `kind` is None if the line is not a row."""

    name: str
    data: bytes
    kind: str | None
    offset: int = 0


ACCEPTED = [
    Accepted("canonical", b"sha256:" + _A, "canonical", None),
    Accepted("upper-case-hex", b"sha256:" + _A.upper(), "upper_case", 7),
    Accepted(
        "one-upper-case-digit-at-the-end", b"sha256:" + b"0" * 63 + b"F", "upper_case", 70, "0" * 63 + "f"
    ),
    Accepted("upper-case-prefix", b"SHA256:" + _A, "upper_case", 0),
    Accepted("mixed-case-prefix", b"sHa256:" + _A, "upper_case", 1),
    Accepted("upper-case-wins-over-white-space", b" sha256:" + _A.upper(), "upper_case", 0),
    Accepted("leading-space", b" sha256:" + _A, "white_space", 0),
    Accepted("trailing-space", b"sha256:" + _A + b" ", "white_space", 71),
    Accepted("trailing-carriage-return", b"sha256:" + _A + b"\r", "white_space", 71),
    Accepted("all-ascii-white-space", b" \t\n\r\x0b\x0csha256:" + _A + b"\x0c\x0b\r\n\t ", "white_space", 0),
    Accepted("bare-hex", _A, "bare_hex", 0),
    Accepted("bare-hex-upper-case", _A.upper(), "bare_hex", 0),
    Accepted("bare-hex-in-white-space", b"\t" + _A + b"\n", "bare_hex", 0),
    Accepted("bare-hex-of-digits-alone", b"7" * 64, "bare_hex", 0, "7" * 64),
    Accepted("underscore", b"sha256__" + _A, "underscore", 6),
    Accepted("underscore-upper-case", b"SHA256__" + _A.upper(), "underscore", 0),
    Accepted("reference", b"host.example/repo@sha256:" + _A, "reference", 0),
    Accepted("reference-with-tag-and-port", b"localhost:5000/a/b:1.2@sha256:" + _A, "reference", 0),
    Accepted("reference-upper-case", b"r@SHA256:" + _A.upper(), "reference", 0),
    Accepted("reference-with-several-at-signs", b"a@b@sha256:" + _A, "reference", 0),
    Accepted("reference-named-like-the-algorithm", b"sha256@sha256:" + _A, "reference", 6),
    Accepted("reference-of-any-bytes", b"\xc3\xa9\xff@sha256:" + _A, "reference", 0),
    Accepted("reference-through-a-blob-folder", b"blobs/sha256/x@sha256:" + _A, "reference", 0),
    Accepted("blob-path", b"blobs/sha256/" + _A, "blob_path", 0),
    Accepted("blob-path-in-a-folder", b"/srv/layout/blobs/sha256/" + _A, "blob_path", 0),
    Accepted("blob-path-upper-case", b"Blobs/SHA256/" + _A.upper(), "blob_path", 0),
    Accepted("blob-path-twice", b"blobs/sha256/blobs/sha256/" + _A, "blob_path", 0),
    Accepted("blob-path-with-an-at-sign", b"a@b/blobs/sha256/" + _A, "blob_path", 0),
    Accepted("blob-path-with-spaces-in-a-folder", b"my layouts/blobs/sha256/" + _A, "blob_path", 0),
    Accepted("blob-path-that-starts-like-a-digest", b"s/blobs/sha256/" + _A, "blob_path", 1),
    Accepted("registry-store", b"docker/registry/v2/blobs/sha256/ab/" + _A + b"/data", "registry_path", 0),
    Accepted("registry-store-folder", b"blobs/sha256/ab/" + _A, "registry_path", 0),
    Accepted("registry-store-upper-case", b"BLOBS/SHA256/AB/" + _A + b"/DATA", "registry_path", 0),
    Accepted(
        "registry-store-url", b"https://cdn/v2/blobs/sha256/ab/" + _A + b"/data?k=a", "registry_path", 0
    ),
    Accepted("registry-link", b"repositories/app/_layers/sha256/" + _A + b"/link", "registry_path", 0),
    Accepted("registry-link-folder", b"_layers/sha256/" + _A, "registry_path", 0),
    Accepted("blob-url", b"https://h:443/v2/team/app/blobs/sha256:" + _A, "blob_url", 0),
    Accepted(
        "blob-url-with-a-query", b"https://h/v2/app/blobs/sha256:" + _A + b"?ns=docker.io", "blob_url", 0
    ),
    Accepted("blob-url-without-a-host", b"/v2/app/blobs/SHA256:" + _A.upper(), "blob_url", 0),
    Accepted("blob-url-with-a-user", b"https://u@h/v2/app/blobs/sha256:" + _A, "blob_url", 0),
    Accepted("image-id", b"docker://sha256:" + _A, "image_id", 0),
    Accepted("image-id-to-be-pulled", b"docker-pullable://sha256:" + _A, "image_id", 0),
    Accepted("image-id-with-a-name", b"docker-pullable://h/app@sha256:" + _A, "reference", 0),
    Accepted("sha256sum", _A + b"  layers/0.tar.gz", "sha256sum", 0),
    Accepted("sha256sum-upper-case", _A.upper() + b"  layers/0.tar.gz", "sha256sum", 0),
    Accepted("sha256sum-binary", _A + b" *layers/0.tar.gz", "sha256sum", 0),
    Accepted("sha256sum-of-standard-input", _A + b"  -\r", "sha256sum", 0),
    Accepted("sha256sum-of-a-name-with-spaces", _A + b"  my layer.tar", "sha256sum", 0),
    Accepted("sha256sum-of-any-bytes", _A + b"  \xff\xc3\xa9.tar", "sha256sum", 0),
    Accepted("sha256sum-escaped", b"\\" + _A + b"  a\\nb.tar", "sha256sum", 0),
    Accepted("sha256sum-of-a-blob", _A + b"  ./blobs/sha256/" + _A, "sha256sum", 0),
    Accepted("sha256sum-of-a-reference", _A + b"  app@sha256:12", "sha256sum", 0),
    Accepted("sha256sum-of-a-name-of-128-digits", _A + b"  " + _A * 2, "sha256sum", 0),
    Accepted("sha256sum-tag", b"SHA256 (layers/0.tar.gz) = " + _A, "sha256sum_tag", 0),
    Accepted("sha256sum-tag-escaped", b"\\SHA256 (a\\nb) = " + _A.upper(), "sha256sum_tag", 0),
    Accepted("sha256sum-tag-of-a-tagged-name", b"SHA256 (a) = b) = " + _A, "sha256sum_tag", 0),
    Accepted("sha256sum-tag-of-a-blob", b"SHA256 (blobs/sha256/" + _A + b") = " + _A, "sha256sum_tag", 0),
    Accepted("openssl", b"SHA2-256(layers/0.tar.gz)= " + _A, "sha256sum_tag", 0),
    Accepted("openssl-1", b"SHA256(layers/0.tar.gz)= " + _A, "sha256sum_tag", 0),
]

REJECTED = [
    Refused("empty", b"", "empty", 0),
    Refused("only-white-space", b" \t\r\n\x0b\x0c", "empty", 0),
    # wrong length: the offset where the row ends too early, or of the 65th digit
    Refused("prefix-alone", b"sha256:", "wrong_length", 7),
    Refused("63-digits", b"sha256:" + _A[:63], "wrong_length", 70),
    Refused("65-digits", b"sha256:" + _A + b"a", "wrong_length", 71),
    Refused("500-digits", b"sha256:" + b"a" * 500, "wrong_length", 71),
    Refused("63-digits-after-white-space", b"  sha256:" + _A[:63] + b"  ", "wrong_length", 72),
    Refused("short-id", b"0123456789ab", "wrong_length", 12),
    Refused("bare-65-digits", _A + b"0", "wrong_length", 64),
    Refused("underscore-alone", b"sha256__", "wrong_length", 8),
    Refused("reference-63-digits", b"r@sha256:" + _A[:63], "wrong_length", 72),
    Refused("reference-without-digits", b"r@sha256:", "wrong_length", 9),
    Refused("blob-path-65-digits", b"blobs/sha256/" + _A + b"0", "wrong_length", 77),
    Refused("blob-folder-alone", b"blobs/sha256/", "wrong_length", 13),
    Refused("sha256sum-63-digits", _A[:63] + b"  a", "wrong_length", 63),
    Refused("sha256sum-65-digits", _A + b"a  a", "wrong_length", 64),
    Refused("sha512sum", _A * 2 + b"  a", "wrong_length", 64),
    Refused("md5sum-of-a-blob", _A[:32] + b" *./blobs/sha256/" + _A, "not_hexadecimal", 32),
    Refused("sha256sum-tag-63-digits", b"SHA256 (a) = " + _A[:63], "wrong_length", 76),
    Refused("openssl-65-digits", b" SHA2-256(a)= " + _A + b"a", "wrong_length", 78),
    Refused("registry-store-63-digits", b"blobs/sha256/ab/" + _A[:63] + b"/data", "wrong_length", 79),
    Refused("registry-store-first-folder", b"blobs/sha256/ab", "wrong_length", 15),
    Refused("registry-link-65-digits", b"_layers/sha256/" + _A + b"0/link", "wrong_length", 79),
    Refused("blob-url-65-digits", b"/v2/app/blobs/sha256:" + _A + b"0?a", "wrong_length", 85),
    Refused("image-id-63-digits", b"docker://sha256:" + _A[:63], "wrong_length", 79),
    # not hexadecimal: the offset of the first byte that is not a digit, whatever the length
    Refused("a-g", b"sha256:" + _A[:12] + b"g" + _A[13:], "not_hexadecimal", 19),
    Refused("a-g-past-the-64th-digit", b"sha256:" + _A + b"aag", "not_hexadecimal", 73),
    Refused("a-g-in-a-short-row", b"sha256:0g", "not_hexadecimal", 8),
    Refused("a-space-inside", b"sha256: " + _A, "not_hexadecimal", 7),
    Refused("a-nul-at-the-end", b"sha256:" + _A + b"\0", "not_hexadecimal", 71),
    Refused("prefix-twice", b"sha256:sha256:" + _A, "not_hexadecimal", 7),
    Refused("a-second-form-after-the-first", b"sha256:x@sha256:" + _A, "not_hexadecimal", 7),
    Refused("three-underscores", b"sha256___" + _A, "not_hexadecimal", 8),
    Refused("one-underscore", b"sha256_" + _A, "not_hexadecimal", 0),
    Refused("words", b"hello", "not_hexadecimal", 0),
    Refused("words-after-white-space", b"  deadbeef and more", "not_hexadecimal", 10),
    Refused("a-full-width-digit", "sha256:\uff10".encode() + _A[1:], "not_hexadecimal", 7),
    Refused("a-cyrillic-a", b"sha256:0" + "\u0430".encode() + _A[2:], "not_hexadecimal", 8),
    Refused("a-long-s", "\u017fha256:".encode() + _A, "not_hexadecimal", 0),
    Refused("no-break-space-is-not-white-space", b"\xc2\xa0sha256:" + _A, "not_hexadecimal", 0),
    Refused("a-byte-order-mark-is-part-of-a-row", b"\xef\xbb\xbfsha256:" + _A, "not_hexadecimal", 0),
    Refused("not-utf-8", b"\xff\xfe", "not_hexadecimal", 0),
    Refused("at-sign-without-reference", b"@sha256:" + _A, "not_hexadecimal", 0),
    Refused("reference-with-a-space", b"FROM r@sha256:" + _A, "not_hexadecimal", 1),
    Refused("reference-with-a-control-byte", b"a\x01@sha256:" + _A, "not_hexadecimal", 1),
    Refused("reference-with-a-delete-byte", b"a\x7f@sha256:" + _A, "not_hexadecimal", 1),
    Refused("reference-to-a-bare-digest", b"abc@" + _A, "not_hexadecimal", 3),
    Refused("blob-folder-glued-to-a-name", b"ablobs/sha256/" + _A, "not_hexadecimal", 2),
    Refused("glued-to-a-blob-path", b"blobs/sha256/" + _A + b"blobs/sha256/" + _A, "not_hexadecimal", 78),
    Refused("registry-store-of-another-folder", b"blobs/sha256/ac/" + _A + b"/data", "not_hexadecimal", 15),
    Refused(
        "registry-store-of-another-file", b"blobs/sha256/ab/" + _A + b"/startedat", "not_hexadecimal", 80
    ),
    Refused("registry-link-of-another-file", b"_layers/sha256/" + _A + b"/data", "not_hexadecimal", 79),
    Refused("blob-path-with-a-query", b"blobs/sha256/" + _A + b"?a", "not_hexadecimal", 77),
    Refused("blob-url-with-an-empty-query", b"h/blobs/sha256:" + _A + b"?", "not_hexadecimal", 79),
    Refused("blob-url-in-a-log", b"GET /v2/app/blobs/sha256:" + _A, "not_hexadecimal", 0),
    Refused("blob-url-and-more", b"/v2/app/blobs/sha256:" + _A + b"?a HTTP/1.1", "not_hexadecimal", 85),
    Refused("a-container-and-not-an-image", b"docker://" + _A, "not_hexadecimal", 1),
    Refused("an-image-of-another-engine", b"cri-o://sha256:" + _A, "not_hexadecimal", 1),
    Refused("a-second-form-after-an-image-id", b"docker://sha256:x@sha256:" + _A, "not_hexadecimal", 16),
    Refused("sha256sum-with-one-space", _A + b" layer.tar", "not_hexadecimal", 64),
    Refused("sha256sum-with-a-tab", _A + b"\tlayer.tar", "not_hexadecimal", 64),
    Refused("sha256sum-of-two-lines", _A + b"  a\n" + _A + b"  b", "not_hexadecimal", 64),
    Refused(
        "sha256sum-of-a-blob-of-another-name", _A + b"  ./blobs/sha256/" + b"1" * 64, "not_hexadecimal", 64
    ),
    Refused("sha256sum-tag-of-another-name", b"SHA256 (" + b"1" * 64 + b") = " + _A, "not_hexadecimal", 0),
    Refused("sha256sum-tag-glued", b"SHA256(a) = " + _A, "not_hexadecimal", 0),
    Refused("sha256sum-tag-without-a-name", b"SHA256 () = " + _A, "not_hexadecimal", 0),
    Refused("sha256sum-tag-of-a-word", b"SHA256 (a) = z", "not_hexadecimal", 13),
    Refused("openssl-without-an-algorithm", b"(stdin)= " + _A, "not_hexadecimal", 0),
    Refused("two-digests", _A + b" " + _A, "not_hexadecimal", 64),
    Refused("two-digests-and-a-tab", b"sha256:" + _A + b"\tsha256:" + _A, "not_hexadecimal", 71),
    Refused("two-digests-and-two-spaces", _A + b"  " + b"1" * 64, "not_hexadecimal", 64),
    Refused("a-row-of-docker-ps", _A + b'   nginx   "nginx"', "not_hexadecimal", 64),
    Refused("a-row-of-podman-ps", _A + b"  nginx  nginx -g", "not_hexadecimal", 64),
    Refused("a-row-of-git-lfs", _A + b" * layer.tar", "not_hexadecimal", 64),
    Refused("a-folder-below-another-algorithm", b"blobs/sha512/ab/cd", "not_hexadecimal", 1),
    Refused("colon-without-algorithm", b":" + _A, "not_hexadecimal", 0),
    Refused("algorithm-ending-in-a-separator", b"md5-:abc", "not_hexadecimal", 0),
    Refused("algorithm-with-doubled-separators", b"a..b:abc", "not_hexadecimal", 1),
    Refused("algorithm-without-encoded", b"md5:", "not_hexadecimal", 0),
    Refused("encoded-with-a-slash", b"abc:a/b", "not_hexadecimal", 3),
    # well-formed, but not sha256
    Refused("sha512", b"sha512:" + _A * 2, "unsupported_algorithm", 0),
    Refused("sha384-upper-case", b"SHA384:" + b"A" * 96, "unsupported_algorithm", 0),
    Refused("md5-after-white-space", b"\t md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported_algorithm", 2),
    Refused("algorithm-with-separators", b"sha256+b64u.v1_x-y:LCa0a2j_xo=", "unsupported_algorithm", 0),
    Refused("name-and-tag-look-like-one", b"ubuntu:latest", "unsupported_algorithm", 0),
    Refused("sha2567", b"sha2567:" + _A, "unsupported_algorithm", 0),
    Refused("reference-sha512", b"r:1@sha512:" + _A, "unsupported_algorithm", 4),
    Refused("reference-md5-after-white-space", b" r@MD5:00", "unsupported_algorithm", 3),
    Refused("blob-path-sha512", b"x/blobs/sha512/" + _A, "unsupported_algorithm", 8),
    Refused("blob-path-sha512-at-the-start", b" blobs/sha512/" + _A, "unsupported_algorithm", 7),
    Refused("reference-to-a-one-letter-algorithm", b"a@b:c", "unsupported_algorithm", 2),
    Refused("sha512sum-tag", b"SHA512 (a) = " + _A * 2, "unsupported_algorithm", 0),
    Refused("sha512-of-256-bits-tag", b"SHA512/256 (a) = " + _A, "unsupported_algorithm", 0),
    Refused("openssl-sha3", b"SHA3-256(a)= " + _A, "unsupported_algorithm", 0),
    Refused("openssl-hmac", b"HMAC-SHA2-256(a)= " + _A, "unsupported_algorithm", 0),
    Refused("md5-tag-escaped", b"\\MD5 (a\\nb) = " + _A[:32], "unsupported_algorithm", 1),
    Refused("blob-url-sha512", b"https://h/v2/app/blobs/sha512:" + _A * 2, "unsupported_algorithm", 23),
    # the tags of cosign, which name manifests
    Refused("tag-like", b"sha256-" + _A, "tag_like", 6),
    Refused("tag-like-with-ending", b"sha256-" + _A + b".sig", "tag_like", 6),
    Refused("tag-like-upper-case", b" SHA256-" + _A, "tag_like", 7),
    Refused("tag-like-alone", b"sha256-", "tag_like", 6),
    # what a registry stores and serves as a manifest
    Refused("manifest-url", b"https://h/v2/app/manifests/sha256:" + _A, "manifest_path", 27),
    Refused("manifest-link", b" app/_manifests/revisions/sha256/" + _A + b"/link", "manifest_path", 16),
    Refused("manifest-tag", b"_manifests/tags/v1/index/sha256/" + _A + b"/link", "manifest_path", 11),
]

FILES = [
    File("nothing", b"", []),
    File("one-line-without-an-end", b"one", [b"one"]),
    File("line-feeds", b"one\ntwo\n", [b"one", b"two"]),
    File("carriage-returns-and-line-feeds", b"one\r\ntwo\r\n", [b"one", b"two"]),
    File("mixed-line-ends", b"one\r\ntwo\nthree", [b"one", b"two", b"three"]),
    File("a-carriage-return-alone-ends-nothing", b"one\rtwo\n", [b"one\rtwo"]),
    File("only-one-carriage-return-goes", b"one\r\r\n", [b"one\r"]),
    File("a-last-carriage-return-stays", b"one\r", [b"one\r"]),
    File("byte-order-mark", b"\xef\xbb\xbfone\n", [b"one"]),
    File("byte-order-mark-alone", b"\xef\xbb\xbf", []),
    File("half-a-byte-order-mark", b"\xef\xbb", [b"\xef\xbb"]),
    File("only-the-first-byte-order-mark-goes", b"\xef\xbb\xbf\xef\xbb\xbfone", [b"\xef\xbb\xbfone"]),
    File("byte-order-mark-on-the-second-line-stays", b"one\n\xef\xbb\xbftwo", [b"one", b"\xef\xbb\xbftwo"]),
    File("blank-lines", b"\n\r\n \t\x0b\x0c\r \none\n\n", [b"one"]),
    File("a-nul-is-not-blank", b"\0\n", [b"\0"]),
    File("comments", b"# one\n\t #two\nthree # four\n", [b"three # four"]),
    File("comment-behind-a-byte-order-mark", b"\xef\xbb\xbf# one\ntwo", [b"two"]),
    File("white-space-stays-in-the-row", b"  one \t\n", [b"  one \t"]),
]


def padded(length: int) -> bytes:
    """A canonical digest with trailing spaces, `length` bytes in all."""
    return (b"sha256:" + _A).ljust(length)


LONG_LINES = [
    LongLine("a-digest-with-trailing-spaces", padded(LIMIT + 1), "wrong_length", LIMIT),
    LongLine("a-digest-and-a-carriage-return", padded(LIMIT) + b"\r\r\n", "wrong_length", LIMIT),
    LongLine("a-digest-and-then-junk", padded(LIMIT) + b"junk\n", "wrong_length", LIMIT),
    LongLine("endless-hex", b"a" * (LIMIT * 3), "wrong_length", 64),
    LongLine("junk", b"a" * 99 + b"z" * LIMIT * 2 + b"\n", "not_hexadecimal", 99),
    LongLine("a-reference-that-is-too-long", b"r" * LIMIT + b"@sha256:" + _A, "not_hexadecimal", 0),
    LongLine("a-tag", b"sha256-" + _A * 2000, "tag_like", 6),
    LongLine("a-comment", b"#" + b"x" * LIMIT * 2 + b"\n", None),
    LongLine("blank-as-far-as-it-was-kept", b" " * LIMIT * 2 + b"\n", "empty"),
]
