//! Tells from the first rejected rows what an input is that holds hardly any digest.

use std::fmt;

use super::Plan;
use super::rejected_rows::{Reject, is_text_read_raw, may_be_raw};
use crate::digest::hex;
use crate::digest::parse::{self, RejectKind};

/// Rejected rows that are looked at: the start of the input, because a file of one kind shows it there.
const SAMPLE: usize = 64;

/// An input has a hint if fewer than one row of so many is a digest.
const ROWS_FOR_EACH_DIGEST: usize = 100;

/// Letters of a sha256 in base64, with its padding.
const BASE64_LEN: usize = 44;

/// What an input is that holds hardly any digest, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Digests in quotes or with commas behind them, as out of a JSON text.
    Quotes,
    /// Several digests in each row.
    Several,
    /// An object in each line.
    JsonLines,
    /// The JSON of an image manifest or index.
    Manifest,
    /// Any other JSON text.
    Json,
    /// Columns.
    Table,
    /// The colon written as `%3A`.
    Percent,
    /// Base64, such as `sha256-<base64>` of Subresource Integrity.
    Base64,
    /// A page of HTML or XML.
    Markup,
    /// Raw digests in a column that is read as text.
    Raw,
    /// The text of digests in a column that is read as raw digests.
    NotRaw,
    /// Not text.
    Binary,
    /// Digests in another spelling than strict mode takes.
    Strict,
    /// Not one digest, and none of these.
    Other,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quotes => "the digests are in quotes or have commas behind them: jq -r writes them without",
            Self::Several => "the rows hold several digests each: put each on a line of its own with tr -s ' \\t,;' '\\n'",
            Self::JsonLines => {
                "the rows are JSON: read them with --input-format jsonl, or in Python layercheck.read(path, \"jsonl\")"
            }
            Self::Manifest => {
                "the rows are the text of an image manifest: give the file itself, with the manifest alone in it"
            }
            Self::Json => {
                "the input is JSON: take the digests out with jq -r '.. | strings | select(startswith(\"sha256:\"))'"
            }
            Self::Table => {
                "the rows have columns: read them with --input-format csv, or in Python layercheck.read(path, \"csv\")"
            }
            Self::Percent => "the colons are percent-encoded: decode them with sed 's/%3[Aa]/:/'",
            Self::Base64 => {
                "the rows are base64 and not hexadecimal: in Python, base64.b64decode(row[7:]).hex() of \"sha256-<base64>\""
            }
            Self::Markup => "the input is a page of HTML or XML: look whether it is an error page or a login",
            Self::Raw => {
                "the rows are 32 bytes each and not text: if they are raw digests, read them with --raw, or in Python with raw=True"
            }
            Self::NotRaw => {
                "the rows are the text of digests and not raw digests of 32 bytes: leave out --raw, in Python raw=True"
            }
            Self::Binary => "the input looks binary; expected text with one digest per line",
            Self::Strict => "the digests are in spellings that strict mode rejects: leave out strict",
            Self::Other => "no row is a digest; expected one per line, such as sha256:<64 hex digits>",
        })
    }
}

/// Returns what the input probably is; None if at least one row of a hundred is a digest, or without rows.
#[must_use]
pub fn hint(plan: &Plan) -> Option<Hint> {
    let accepted = plan.rows() - plan.invalid();
    if plan.invalid() == 0 || accepted * ROWS_FOR_EACH_DIGEST >= plan.rows() {
        return None;
    }
    let sample: Vec<Reject<'_>> = (0..plan.invalid().min(SAMPLE)).map(|at| plan.rejects().get(at)).collect();
    let hints: Vec<Option<Hint>> = sample.iter().map(of_row).collect();
    whole_json(&sample, &hints)
        .or_else(|| {
            // A header, or a line of another kind here and there, says nothing about the others.
            let most = hints.iter().flatten().max_by_key(|one| count(&hints, **one))?;
            (2 * count(&hints, *most) >= hints.len()).then_some(*most)
        })
        .or_else(|| (accepted == 0).then_some(Hint::Other))
}

fn count(hints: &[Option<Hint>], hint: Hint) -> usize {
    hints.iter().filter(|one| **one == Some(hint)).count()
}

/// Returns the hint for a JSON text of one or many lines, which its first row shows.
fn whole_json(sample: &[Reject<'_>], hints: &[Option<Hint>]) -> Option<Hint> {
    let first = text_of(sample.first()?)?;
    let holds =
        |key: &[u8]| sample.iter().filter_map(text_of).any(|text| memchr::memmem::find(text, key).is_some());
    let opens = matches!(first.first(), Some(b'{' | b'['));
    if !opens {
        return None;
    }
    if holds(b"\"schemaVersion\"")
        || holds(b"vnd.oci.image.manifest")
        || holds(b"vnd.docker.distribution.manifest")
    {
        return Some(Hint::Manifest);
    }
    // A row that ends in its brace is a text of its own. A cut row is too long to be one of many lines.
    let lines = count(hints, Hint::JsonLines);
    (2 * lines < hints.len() || first.starts_with(b"[")).then_some(Hint::Json)
}

/// Returns the kept text of a row without white space and byte-order mark around it.
fn text_of<'a>(reject: &Reject<'a>) -> Option<&'a [u8]> {
    let text = reject.text?.trim_ascii();
    Some(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text))
}

fn of_row(reject: &Reject<'_>) -> Option<Hint> {
    let text = text_of(reject)?;
    if reject.kind == RejectKind::NotCanonical {
        return Some(Hint::Strict);
    }
    if !reject.cut && reject.text.is_some_and(may_be_raw) {
        return Some(Hint::Raw);
    }
    if reject.text.is_some_and(is_text_read_raw) {
        return Some(Hint::NotRaw);
    }
    if text.iter().any(|byte| byte.is_ascii_control() && !parse::is_white(*byte) && *byte != 0x1b) {
        return Some(Hint::Binary);
    }
    match text.first()? {
        b'{' => return Some(Hint::JsonLines),
        b'<' => return Some(Hint::Markup),
        _ => {}
    }
    if is_digest(unquoted(text)) {
        return Some(Hint::Quotes);
    }
    if is_percent(text) {
        return Some(Hint::Percent);
    }
    if is_base64(text) {
        return Some(Hint::Base64);
    }
    let words =
        || text.split(|byte| parse::is_white(*byte) || b",;".contains(byte)).filter(|word| !word.is_empty());
    if words().nth(1).is_some() && words().all(|word| is_digest(unquoted(word)) || is_cut(reject, word)) {
        return Some(Hint::Several);
    }
    let mut cells = text.split(|byte| b"\t,;|".contains(byte)).map(|cell| unquoted(cell.trim_ascii()));
    let has_columns = text.iter().any(|byte| b"\t,;|".contains(byte));
    (has_columns && cells.any(is_digest)).then_some(Hint::Table)
}

/// Returns true for the last word of a text that was cut.
fn is_cut(reject: &Reject<'_>, word: &[u8]) -> bool {
    reject.cut && reject.text.is_some_and(|text| text.ends_with(word))
}

fn is_digest(text: &[u8]) -> bool {
    parse::parse(text).is_ok()
}

/// Removes one comma behind a text, and quotes around it.
fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b",").unwrap_or(text);
    match text {
        [open @ (b'"' | b'\'' | b'`'), inner @ .., close] if open == close => inner,
        _ => text,
    }
}

fn is_percent(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"%3").any(|at| {
        let (before, behind) = (&text[..at], &text[at + 2..]);
        let digits = behind.get(1..=hex::TEXT_LEN).unwrap_or_default();
        before.to_ascii_lowercase().ends_with(b"sha256")
            && matches!(behind.first(), Some(b'a' | b'A'))
            && digits.len() == hex::TEXT_LEN
            && digits.iter().all(|byte| hex::is_digit(*byte))
    })
}

fn is_base64(text: &[u8]) -> bool {
    let text = match text.split_at_checked(7) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"sha256-") => rest,
        _ => text,
    };
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    text.len() == BASE64_LEN && text.ends_with(b"=") && text[..BASE64_LEN - 1].iter().all(letter)
}
