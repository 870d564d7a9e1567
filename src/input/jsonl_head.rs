//! What the first lines of a JSON Lines file tell: the key under which its objects hold digests.

use super::FormatError;
use super::blocks::BYTE_ORDER_MARK;
use super::jsonl::{MAX_KEYS, members};
use crate::digest::parse;

/// Bytes at the start of a file that are looked at.
pub(super) const HEAD: usize = 1 << 16;

/// Most lines that are looked at.
const LINES: usize = 100;

/// The name of a key that is taken, in any case.
const NAME: &str = "digest";

/// One key of the objects.
struct Seen {
    name: String,
    digests: usize,
    texts: usize,
}

/// The key that holds the digests in a file that starts with `head`: the only one with the name `digest`, or
/// else the only one under which a digest stands, if most of its texts are digests, or else the only key.
/// None if no object stands among the first lines.
///
/// # Errors
/// If several keys are left.
pub(super) fn digest_key(head: &[u8], whole: bool) -> Result<Option<String>, FormatError> {
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    // The last line may go on behind the head.
    let head = if whole { head } else { &head[..memchr::memrchr(b'\n', head).unwrap_or(0)] };
    let mut keys: Vec<Seen> = Vec::new();
    for line in head.split(|byte| *byte == b'\n').take(LINES) {
        for (name, text) in members(line) {
            let at = keys.iter().position(|key| key.name == name);
            if at.is_none() && keys.len() >= MAX_KEYS {
                continue;
            }
            let at = at.unwrap_or_else(|| {
                keys.push(Seen { name, digests: 0, texts: 0 });
                keys.len() - 1
            });
            if let Some(text) = text {
                keys[at].texts += 1;
                keys[at].digests += usize::from(parse::parse(text.as_bytes()).is_ok());
            }
        }
    }
    let only = |fits: fn(&Seen) -> bool| {
        let mut fitting = keys.iter().filter(|key| fits(key));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let named = only(|key| key.name.trim().eq_ignore_ascii_case(NAME));
    let holding = || only(|key| key.digests > 0).filter(|key| 2 * key.digests >= key.texts);
    // Among several keys that hold digests, the caller chooses.
    if let Some(key) = named.or_else(holding) {
        return Ok(Some(key.name.clone()));
    }
    match keys.len() {
        0 => Ok(None),
        1 => Ok(keys.pop().map(|key| key.name)),
        _ => Err(FormatError::Several(keys.into_iter().map(|key| key.name).collect())),
    }
}
