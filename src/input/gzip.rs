//! Reads all members of a gzip file.
//!
//! Zeros between members and behind the last one are padding, as tapes, disk images and block stores leave
//! it. gzip(1) and Python's `gzip` skip them too; `flate2::bufread::MultiGzDecoder` takes them for a broken
//! member.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// Unpacks one member after another.
pub(super) struct Members<R> {
    /// None at the end of the file, which is not read again: a terminal would wait for a second end.
    member: Option<GzDecoder<R>>,
    /// Whether the member has ended, so that padding, another member or the end of the file follows.
    ended: bool,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(file: R) -> Self {
        Self { member: Some(GzDecoder::new(file)), ended: false }
    }

    /// Begins the next member; returns false at the end of the file.
    fn next(&mut self) -> io::Result<bool> {
        let Some(member) = &mut self.member else {
            return Ok(false);
        };
        loop {
            let block = member.get_mut().fill_buf()?;
            match block.iter().position(|byte| *byte != 0) {
                Some(0) => break,
                Some(zeros) => member.get_mut().consume(zeros),
                None if block.is_empty() => {
                    self.member = None;
                    return Ok(false);
                }
                None => {
                    let zeros = block.len();
                    member.get_mut().consume(zeros);
                }
            }
        }
        if member.get_mut().fill_buf()?.first() != Some(&0x1f) {
            let message = "bytes that are not gzip follow the last member";
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
        self.ended = false;
        Ok(true)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.ended && !self.next()? {
                return Ok(0);
            }
            if let Some(member) = &mut self.member {
                let read = member.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
            }
            self.ended = true;
        }
    }
}
