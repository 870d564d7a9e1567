//! How much of a line of a report is read, so that a hostile file costs bounded memory.

/// Bytes of a line, or of a record's fields, that are read. The reports that layercheck writes have lines
/// shorter than 10 KB.
pub(super) const MAX_LINE: usize = 1 << 20;

/// Fields of a record that are read; a report has eight.
pub(super) const MAX_FIELDS: usize = 1 << 10;
