//! Reads a text file with a row in each line.
//!
//! Lines end with `\n` or `\r\n`; the last line may lack its end. A UTF-8 byte-order mark at the start of
//! the file is dropped. Blank lines and lines whose first character is `#` are not rows.

use std::convert::Infallible;

use super::Format;
use super::blocks::BYTE_ORDER_MARK;
use crate::digest::parse::is_white;
use crate::plan::row_sink::{Line, MAX_LINE, Sink};

/// Splits blocks of one file after another into lines.
#[derive(Debug, Default)]
pub struct TextLines {
    /// The start of the unfinished line at the end of the last block; bounded.
    carry: Vec<u8>,
    /// The real length of that line so far.
    carried: usize,
    /// Whether a line of this file was passed on, so that no byte-order mark can follow.
    started: bool,
    /// Whether the file has begun.
    begun: bool,
}

impl TextLines {
    /// Splits `block`, which continues the last block, and passes each row to `sink`.
    pub fn feed(&mut self, mut block: &[u8], sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.begun, true) {
            sink.begin_file();
        }
        if self.carried > 0 {
            let Some(end) = memchr::memchr(b'\n', block) else {
                self.keep(block);
                return;
            };
            self.keep(&block[..end]);
            self.deliver_carry(true, sink);
            block = &block[end + 1..];
        }
        loop {
            let taken = sink.take_fast(block);
            block = &block[taken..];
            self.started |= taken > 0;
            let Some(end) = memchr::memchr(b'\n', block) else {
                break;
            };
            deliver(&block[..end], end, true, self.started, sink);
            self.started = true;
            block = &block[end + 1..];
        }
        self.keep(block);
    }

    /// Ends the file: passes on a last line without an end. The next block starts another file.
    pub fn end_of_file(&mut self, sink: &mut impl Sink) {
        if self.carried > 0 {
            self.deliver_carry(false, sink);
        }
        self.started = false;
        if std::mem::take(&mut self.begun) {
            sink.end_file();
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        // With room for a byte-order mark and for the carriage return of the line end.
        let room = (MAX_LINE + BYTE_ORDER_MARK.len() + 1) - self.carry.len();
        self.carry.extend_from_slice(&piece[..piece.len().min(room)]);
        self.carried += piece.len();
    }

    fn deliver_carry(&mut self, ended: bool, sink: &mut impl Sink) {
        deliver(&self.carry, self.carried, ended, self.started, sink);
        self.started = true;
        self.carry.clear();
        self.carried = 0;
    }
}

impl<T: Sink> Format<T> for TextLines {
    type Error = Infallible;

    fn feed(&mut self, block: &[u8], rows: &mut T) -> Result<(), Infallible> {
        TextLines::feed(self, block, rows);
        Ok(())
    }

    fn end(&mut self, rows: &mut T) -> Result<(), Infallible> {
        self.end_of_file(rows);
        Ok(())
    }
}

/// Passes one line to `sink`, if it is a row. `text` may be shorter than the line's real `length`.
#[inline]
fn deliver(mut text: &[u8], length: usize, ended: bool, started: bool, sink: &mut impl Sink) {
    let whole = text.len() == length;
    if !started && text.starts_with(BYTE_ORDER_MARK) {
        text = &text[BYTE_ORDER_MARK.len()..];
    }
    if ended && whole && text.last() == Some(&b'\r') {
        text = &text[..text.len() - 1];
    }
    let cut = !whole || text.len() > MAX_LINE;
    if cut {
        text = &text[..text.len().min(MAX_LINE)];
    }
    match text.iter().find(|byte| !is_white(**byte)) {
        Some(b'#') => sink.skip_line(),
        None if !cut => sink.skip_line(),
        _ => sink.line(Line { text, cut }),
    }
}
