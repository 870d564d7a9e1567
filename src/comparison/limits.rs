//! Limits on a line of a report, so that a hostile file costs bounded memory.

/// Most bytes of a line, or of a record's fields together. Lines that layercheck writes are shorter than 10
/// KB.
pub(super) const MAX_LINE: usize = 1 << 20;

/// Most fields of a record. A report has eight.
pub(super) const MAX_FIELDS: usize = 1 << 10;
