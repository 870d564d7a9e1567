//! What every reader of a file in blocks needs: the start of the file, and lines that two blocks share.

/// The mark with which some editors begin a file in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The first bytes of a file: a byte-order mark and one byte behind it, or as much.
#[derive(Debug, Default)]
pub(crate) struct FileStart(Vec<u8>);

impl FileStart {
    /// Takes the bytes that are missing from `block`; returns the rest of `block` once none is missing.
    pub(crate) fn take<'a>(&mut self, block: &'a [u8]) -> Option<&'a [u8]> {
        let missing = BYTE_ORDER_MARK.len() + 1 - self.0.len();
        let (head, rest) = block.split_at(missing.min(block.len()));
        self.0.extend_from_slice(head);
        (head.len() == missing).then_some(rest)
    }

    /// The bytes taken so far, without a byte-order mark.
    pub(crate) fn text(&self) -> &[u8] {
        self.0.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.0)
    }
}

/// Splits blocks at `\n` and joins the line that a block cuts. A line is read up to a limit.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    /// Bytes of a line that are read.
    most: usize,
    /// The unfinished line that the last block ended in; at most a byte more than is read.
    carry: Vec<u8>,
}

impl LineSplitter {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, carry: Vec::new() }
    }

    /// Passes each line that ends in `block` to `take`, without its end. A line that two blocks share is
    /// cut one byte behind the limit, so that `take` sees that it is too long.
    pub(crate) fn feed<E>(
        &mut self,
        mut block: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.carry.is_empty() {
            let Some(end) = memchr::memchr(b'\n', block) else {
                self.keep(block);
                return Ok(());
            };
            self.keep(&block[..end]);
            self.end(&mut take)?;
            block = &block[end + 1..];
        }
        while let Some(end) = memchr::memchr(b'\n', block) {
            take(&block[..end])?;
            block = &block[end + 1..];
        }
        self.keep(block);
        Ok(())
    }

    /// Ends the file: passes a last line without an end to `take`.
    pub(crate) fn end<E>(&mut self, take: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let taken = if self.carry.is_empty() { Ok(()) } else { take(&self.carry) };
        self.carry.clear();
        taken
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = self.most + 1 - self.carry.len();
        self.carry.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}
