//! How a reader of text hands rows to a planner.

/// Bytes of a line that are looked at. A longer line is cut here and cannot be a digest; what is
/// behind the cut is read and forgotten, so that a file without any line end needs no memory.
pub const MAX_LINE: usize = 65_536;

/// One line that is a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line without its end; at most [`MAX_LINE`] bytes.
    pub text: &'a [u8],
    /// True if the line was longer than that.
    pub cut: bool,
}

/// Takes the lines of a file.
pub trait Sink {
    /// Takes whole lines of the common shape from the start of `block`, as many as there are without
    /// looking for their ends, and returns how many bytes that was. Zero is always right.
    fn take_fast(&mut self, block: &[u8]) -> usize;

    /// Takes any line that is a row.
    fn line(&mut self, line: Line<'_>);
}
