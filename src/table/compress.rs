//! Compresses what is written, with memory that does not grow.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use crate::input::content::Compression;

/// The default level of the `zstd` command.
const ZSTD_LEVEL: i32 = 3;

/// Runs `write` with a writer that compresses to `out`, and ends the compressed data.
///
/// # Errors
/// The errors of `write` and of `out`.
pub fn write<W: Write>(
    mut out: W,
    compression: Option<Compression>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    match compression {
        None => write(&mut out)?,
        Some(Compression::Gzip) => {
            let mut encoder = GzEncoder::new(&mut out, flate2::Compression::default());
            write(&mut encoder)?;
            encoder.finish()?;
        }
        Some(Compression::Zstd) => {
            let mut encoder = Encoder::new(&mut out, ZSTD_LEVEL)?;
            // A reader notices a file that was cut short or changed.
            encoder.include_checksum(true)?;
            write(&mut encoder)?;
            encoder.finish()?;
        }
    }
    out.flush()
}
