//! The trait through which a reader of text passes rows to a planner.

/// Most bytes of a line that are kept. A longer line is cut and cannot be a digest. The bytes behind the cut
/// are read and dropped, so that a file without line ends needs bounded memory.
pub const MAX_LINE: usize = 65_536;

/// One line that is a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line without its end; at most [`MAX_LINE`] bytes.
    pub text: &'a [u8],
    /// True if the line was longer.
    pub cut: bool,
}

/// Takes the lines of a file.
pub trait Sink {
    /// The next line is the first of a file.
    fn begin_file(&mut self) {}

    /// The next line of the file is not a row.
    fn skip_line(&mut self) {}

    /// The rows after this are not of this file.
    fn end_file(&mut self) {}

    /// Takes whole lines from the start of `block`, as long as it can tell where they end without a search,
    /// and returns the number of bytes taken. Zero is always correct.
    fn take_fast(&mut self, block: &[u8]) -> usize;

    /// Takes any line that is a row.
    fn line(&mut self, line: Line<'_>);
}
