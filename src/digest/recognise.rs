//! Finds the spelling of a row that is not canonical, and where its hex digits stand.
//!
//! The rules are those of `_find_hex` in `tests/python/reference.py`, in the same order.

use std::ops::Range;

use super::PREFIX;
use super::hex;
use super::parse::{ParseError, RejectKind, Spelling};

/// Hex digits of the shortest checksum, an MD5. Fewer digits before a file's name are a word.
const SHORTEST_CHECKSUM: usize = 32;

/// The names of sha256 in a tagged line: of `sha256sum --tag` and BSD, and of OpenSSL 3.
const SHA256_TAGS: [&[u8]; 2] = [b"sha256", b"sha2-256"];

/// How Kubernetes writes the image of a Docker container. What follows the scheme without `sha256:` is a
/// container, not an image.
const IMAGE_IDS: [&[u8]; 2] = [b"docker://sha256:", b"docker-pullable://sha256:"];

/// Where the hex digits stand, and the spelling around them.
type Found = (Range<usize>, Spelling);

/// Finds the hex digits of a text without white space around it, or why it has none. The digits are not
/// checked.
pub(super) fn recognise(text: &[u8]) -> Result<Found, ParseError> {
    let to_end = |at: usize, spelling| Ok((at..text.len(), spelling));
    if starts_with(text, PREFIX) {
        return to_end(PREFIX.len(), Spelling::Canonical);
    }
    if starts_with(text, b"sha256__") {
        return to_end(8, Spelling::Underscore);
    }
    if starts_with(text, b"sha256-") {
        return Err(ParseError::new(RejectKind::TagLike, 6));
    }
    if let Some(found) = checksum_line(text) {
        return found;
    }
    if let Some(scheme) = IMAGE_IDS.iter().find(|scheme| starts_with(text, scheme)) {
        return to_end(scheme.len(), Spelling::ImageId);
    }
    if let Some(at) = after_reference(text) {
        if starts_with(&text[at..], PREFIX) {
            return to_end(at + PREFIX.len(), Spelling::Reference);
        }
        if is_other_digest(&text[at..], b':') {
            return Err(ParseError::new(RejectKind::UnsupportedAlgorithm, at));
        }
    }
    if let Some(found) = blob(text) {
        return found;
    }
    if let Some(at) = manifest(text) {
        return Err(ParseError::new(RejectKind::ManifestPath, at));
    }
    if is_other_digest(text, b':') {
        return Err(ParseError::new(RejectKind::UnsupportedAlgorithm, 0));
    }
    to_end(0, Spelling::BareHex)
}

/// Reads a line of a list of checksums; returns None for any other text.
fn checksum_line(text: &[u8]) -> Option<Result<Found, ParseError>> {
    // GNU marks a line whose file name has escapes.
    let start = usize::from(text.first() == Some(&b'\\'));
    let first = *text.get(start)?;
    // Nearly all rows end here, because their first word is neither.
    if !first.is_ascii_alphanumeric() || !text.iter().all(|byte| is_printable(*byte)) {
        return None;
    }
    let (digits, name, spelling) = if let Some((digits, name)) = untagged(text, start) {
        (digits, name, Spelling::Checksum)
    } else {
        let (algorithm, name, digits) = tagged(text, start)?;
        if !SHA256_TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(algorithm)) {
            let checksum = &text[digits];
            let is_checksum = !checksum.is_empty() && checksum.iter().all(|byte| hex::is_digit(*byte));
            return is_checksum.then_some(Err(ParseError::new(RejectKind::UnsupportedAlgorithm, start)));
        }
        (digits, name, Spelling::TaggedChecksum)
    };
    if names_another(name, &text[digits.clone()]) {
        // The file is named by another digest than that of its content, and nobody can tell which one is
        // meant. As bare hex digits the row is rejected.
        return Some(Ok((0..text.len(), Spelling::BareHex)));
    }
    Some(Ok((digits, spelling)))
}

/// Returns the digits and the name of `<hex>  <name>` or `<hex> *<name>`.
fn untagged(text: &[u8], start: usize) -> Option<(Range<usize>, &[u8])> {
    let count = text[start..].iter().position(|byte| !hex::is_digit(*byte))?;
    let end = start + count;
    let name = text[end..].strip_prefix(b"  ").or_else(|| text[end..].strip_prefix(b" *"))?;
    // More spaces make columns, as of `podman ps --no-trunc`, whose rows begin with 64 hex digits too.
    let is_name = !name.is_empty() && name[0] != b' ' && !name.windows(2).any(|pair| pair == b"  ");
    (count >= SHORTEST_CHECKSUM && is_name).then_some((start..end, name))
}

/// Returns algorithm, name and digits of `<algorithm> (<name>) = <hex>` or `<algorithm>(<name>)= <hex>`.
fn tagged(text: &[u8], start: usize) -> Option<(&[u8], &[u8], Range<usize>)> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-');
    let end = start + text[start..].iter().position(|byte| !is_word(byte))?;
    let (open, close): (&[u8], &[u8]) = if text[end] == b' ' { (b" (", b") = ") } else { (b"(", b")= ") };
    let name = end + open.len();
    let rest = text[end..].strip_prefix(open)?;
    let closed = rest.windows(close.len()).rposition(|window| window == close).filter(|at| *at > 0)?;
    Some((&text[start..end], &rest[..closed], name + closed + close.len()..text.len()))
}

/// Returns true if `name` holds 64 hex digits that are not `digits`.
fn names_another(name: &[u8], digits: &[u8]) -> bool {
    name.split(|byte| !hex::is_digit(*byte))
        .any(|run| run.len() == hex::TEXT_LEN && !run.eq_ignore_ascii_case(digits))
}

/// Reads a path or a URL of a blob; returns None for any other text.
fn blob(text: &[u8]) -> Option<Result<Found, ParseError>> {
    if let Some(at) = after_last_folder(text, b"_layers/sha256/") {
        return Some(Ok((at..without_file(text, at, b"/link"), Spelling::RegistryPath)));
    }
    if let Some(at) = after_last_folder(text, b"blobs/sha256/") {
        return Some(Ok(match sharded(text, at) {
            Some(digits) => (digits, Spelling::RegistryPath),
            None => (at..text.len(), Spelling::BlobPath),
        }));
    }
    let at = after_last_folder(text, b"blobs/")?;
    let end = before_query(text);
    let url = if is_word(&text[..at]) { text.get(at..end).unwrap_or_default() } else { &[] };
    if starts_with(url, PREFIX) {
        return Some(Ok((at + PREFIX.len()..end, Spelling::BlobUrl)));
    }
    (is_other_digest(url, b':') || is_other_digest(&text[at..], b'/'))
        .then_some(Err(ParseError::new(RejectKind::UnsupportedAlgorithm, at)))
}

/// Returns the digits of `ab/<hex>/data` at `at`, where the folder has the name of the first two digits.
fn sharded(text: &[u8], at: usize) -> Option<Range<usize>> {
    let end = before_query(text);
    let (folder, rest) = text.get(at..end)?.split_at_checked(3)?;
    let fits = hex::is_digit(folder[0])
        && hex::is_digit(folder[1])
        && folder[2] == b'/'
        && starts_with(rest, &folder[..2]);
    fits.then(|| at + 3..without_file(&text[..end], at + 3, b"/data"))
}

/// Returns where `text` ends without the name of a file behind `at`.
fn without_file(text: &[u8], at: usize, file: &[u8]) -> usize {
    match text.len().checked_sub(file.len()) {
        Some(end) if end >= at && text[end..].eq_ignore_ascii_case(file) => end,
        _ => text.len(),
    }
}

/// Returns where the query of a URL starts, or the end of the text. A query must be one word.
fn before_query(text: &[u8]) -> usize {
    let query = text.iter().position(|byte| *byte == b'?');
    query.filter(|at| is_word(&text[at + 1..])).unwrap_or(text.len())
}

/// Returns where the digest stands in a path or a URL of a manifest.
fn manifest(text: &[u8]) -> Option<usize> {
    after_last_folder(text, b"_manifests/")
        .or_else(|| after_last_folder(text, b"manifests/").filter(|at| starts_with(&text[*at..], PREFIX)))
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

const fn is_printable(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f
}

/// Returns true for bytes without white space and control characters, and false for no bytes.
fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_printable(*byte) && *byte != b' ')
}

/// Returns where the digest of `<reference>@<digest>` starts. The reference must be a word.
fn after_reference(text: &[u8]) -> Option<usize> {
    let at = text.iter().rposition(|byte| *byte == b'@')?;
    is_word(&text[..at]).then_some(at + 1)
}

/// Returns where the text behind the last `folder` starts. The folder must begin the text or follow a slash.
fn after_last_folder(text: &[u8], folder: &[u8]) -> Option<usize> {
    let last = text.len().checked_sub(folder.len())?;
    (0..=last)
        .rev()
        .find(|&at| (at == 0 || text[at - 1] == b'/') && starts_with(&text[at..], folder))
        .map(|at| at + folder.len())
}

/// Returns true for a well-formed digest of another algorithm than sha256, by the grammar of the OCI image
/// specification (`descriptor.md`). The algorithm may be in any case.
fn is_other_digest(text: &[u8], separator: u8) -> bool {
    let Some(at) = text.iter().position(|byte| *byte == separator) else {
        return false;
    };
    let (algorithm, encoded) = (&text[..at], &text[at + 1..]);
    let components = algorithm
        .split(|byte| matches!(byte, b'+' | b'.' | b'_' | b'-'))
        .all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric));
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-');
    components
        && !encoded.is_empty()
        && encoded.iter().all(letters)
        && !algorithm.eq_ignore_ascii_case(b"sha256")
}
