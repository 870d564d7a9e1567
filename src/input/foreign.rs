//! Refuses files that are not text, by their first bytes, and says what to do with them.

use std::fmt;
use std::io;

use super::content::Container;

/// First bytes of a file that are looked at: enough for the mark of a tar archive, which stands at byte 257.
pub const HEAD: usize = 512;

/// A kind of file that cannot be read as rows of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign(&'static str);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Foreign {}

/// Magic numbers, and what to say of such a file. Those of compressions that are read, and of tables, stand in
/// `content`.
const MAGICS: [(&[u8], &str); 10] = [
    (b"\xff\xfe\0\0", "it is UTF-32 text; convert it with: iconv -f utf-32 -t utf-8"),
    (b"\0\0\xfe\xff", "it is UTF-32 text; convert it with: iconv -f utf-32 -t utf-8"),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (b"\xfd7zXZ\0", "it is packed with xz; unpack it first with: xz -dc"),
    (b"BZh", "it is packed with bzip2; unpack it first with: bzip2 -dc"),
    (b"PK\x03\x04", "it is a zip archive; unpack it first with: unzip -p"),
    (b"\x04\x22\x4d\x18", "it is packed with lz4; unpack it first with: lz4 -dc"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first with: 7z x -so"),
    (
        b"SQLite format 3\0",
        "it is an SQLite database; if it is a journal, layercheck journal export writes its digests",
    ),
];

const UTF_16: &str = "it is UTF-16 text; convert it with: iconv -f utf-16 -t utf-8";

/// Bytes from which UTF-16 without a byte-order mark is told: eight letters.
const UTF_16_LEN: usize = 16;

/// Python reads these before the core sees them. The core itself reads text only.
const TABLE: &str = "it is a table in a binary format, such as Parquet; convert it to CSV";

// An archive whose header can be read is an input, and does not come here.
const TAR: &str = "it is a tar archive with a broken first header; fetch or write the archive again";

/// Checks the first bytes of a file, unpacked.
///
/// # Errors
/// [`Foreign`], as an [`io::Error`], if the file is not text.
pub fn check(head: &[u8]) -> io::Result<()> {
    foreign(head).map_or(Ok(()), |says| Err(io::Error::new(io::ErrorKind::InvalidData, Foreign(says))))
}

fn foreign(head: &[u8]) -> Option<&'static str> {
    let head = &head[..head.len().min(HEAD)];
    // Every such file has control characters at its start, and a row of text that begins alike has none.
    if !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31)) {
        return None;
    }
    if let Some((_, says)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(says);
    }
    if Container::of(head).is_some() {
        return Some(TABLE);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(TAR);
    }
    let (pairs, _) = head.as_chunks::<2>();
    let low = |pair: &[u8; 2]| pair[0] != 0 && pair[1] == 0;
    let high = |pair: &[u8; 2]| pair[0] == 0 && pair[1] != 0;
    (head.len() >= UTF_16_LEN && (pairs.iter().all(low) || pairs.iter().all(high))).then_some(UTF_16)
}
