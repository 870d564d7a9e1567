//! Reads a plan as Arrow record batches: the digest of each row, or why the row was rejected.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Int64Builder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::arrow::{LINE_MEMORY, LINES};
use crate::digest::parse::RejectKind;
use crate::digest::{TEXT_LEN, Text};
use crate::memory;
use crate::plan::Plan;

/// Returns names and types of the columns. Kinds of rejection are a dictionary, because there are few of
/// them.
#[must_use]
pub fn schema() -> SchemaRef {
    let few = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("digest", DataType::Utf8, true),
        Field::new("index", DataType::Int64, true),
        Field::new("kind", few, true),
        Field::new("offset", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
    ]))
}

/// Reads a plan as record batches of [`LINES`] lines: all rows, or the first row of each digest.
#[derive(Debug)]
pub struct Reader {
    plan: Arc<Plan>,
    unique: bool,
    schema: SchemaRef,
    kinds: StringArray,
    /// Lines returned so far.
    line: usize,
    /// The input row to continue with, behind the row of the last line.
    row: usize,
}

impl Reader {
    /// Makes a reader at the start of `plan`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, unique: bool) -> Self {
        let kinds = StringArray::from_iter_values(RejectKind::ALL.map(RejectKind::name));
        Self { plan, unique, schema: schema(), kinds, line: 0, row: 0 }
    }

    fn lines(&self) -> usize {
        if self.unique { self.plan.unique() } else { self.plan.rows() }
    }

    fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let count = LINES.min(self.lines() - self.line);
        // The builders end the process without memory.
        memory::ensure(count * LINE_MEMORY)
            .map_err(|refused| ArrowError::MemoryError(refused.to_string()))?;
        let mut rows = Int64Builder::with_capacity(count);
        let mut digests = StringBuilder::with_capacity(count, count * TEXT_LEN);
        let mut indices = Int64Builder::with_capacity(count);
        // Every batch has the same dictionary, because Arrow's file format cannot replace a dictionary.
        let mut kinds = StringDictionaryBuilder::<Int8Type>::new_with_dictionary(count, &self.kinds)?;
        let mut offsets = Int64Builder::with_capacity(count);
        let mut texts = StringBuilder::new();
        let rest = self.row..self.plan.rows();
        for (row, index) in super::rows_at(&self.plan, self.unique, self.line, rest).take(count) {
            let digest = usize::try_from(index).ok().map(|at| Text::of(&self.plan.digests()[at]));
            let reject = if index < 0 { self.plan.rejects().of_row(row) } else { None };
            rows.append_value(row as i64);
            digests.append_option(digest);
            indices.append_option(Some(index).filter(|index| *index >= 0));
            kinds.append_option(reject.map(|reject| reject.kind.name()));
            offsets.append_option(reject.map(|reject| reject.offset as i64));
            texts.append_option(reject.and_then(|reject| reject.shown()));
            self.row = row + 1;
        }
        self.line += rows.len();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.finish()),
            Arc::new(digests.finish()),
            Arc::new(indices.finish()),
            Arc::new(kinds.finish()),
            Arc::new(offsets.finish()),
            Arc::new(texts.finish()),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.line < self.lines()).then(|| self.batch())
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
