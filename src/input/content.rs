//! What a file is by its first bytes, whatever its name says: compressed, or a table in a binary format.

/// First bytes that are enough to tell compressions and tables.
pub const HEAD: usize = 64;

/// How a file may be compressed: the one table of names, suffixes and first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// The compression of a file that starts with `head`; a file's name does not matter.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame of data (section 3.1.1), or one to skip (section 3.1.2), with which all files of pzstd
            // begin. LZ4 has the same frame to skip, and the decoder then refuses what follows.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression that the suffix of a name stands for, in lower case.
    #[must_use]
    pub fn of_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.suffix() == suffix)
    }

    /// The word for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The suffix that names of such files have, lower case.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// A binary format of tables, which is not text and cannot be read in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Apache Parquet.
    Parquet,
    /// The Arrow IPC file format; Feather version 2 is the same.
    ArrowFile,
    /// The Arrow IPC streaming format.
    ArrowStream,
    /// Feather version 1, which is not Arrow.
    OldFeather,
    /// Apache ORC.
    Orc,
}

impl Container {
    /// The format of a file that starts with `head`, of which [`HEAD`] bytes are enough.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let head = &head[..head.len().min(HEAD)];
        // These are words of letters and digits, with which a line of text may begin too.
        let binary = || head.iter().any(|byte| matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f));
        match head {
            [b'P', b'A', b'R', b'1' | b'E', ..] if binary() => Some(Self::Parquet),
            [b'O', b'R', b'C', ..] if binary() => Some(Self::Orc),
            [b'F', b'E', b'A', b'1', ..] if binary() => Some(Self::OldFeather),
            [b'A', b'R', b'R', b'O', b'W', b'1', 0, 0, ..] => Some(Self::ArrowFile),
            // The continuation marker before the length of the first message.
            [0xff, 0xff, 0xff, 0xff, ..] => Some(Self::ArrowStream),
            _ => None,
        }
    }

    /// The word for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::ArrowFile => "Arrow",
            Self::ArrowStream => "Arrow stream",
            Self::OldFeather => "Feather version 1",
            Self::Orc => "ORC",
        }
    }
}
