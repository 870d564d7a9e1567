//! Reads a table of records as Arrow record batches, made one at a time.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int8Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch, RecordBatchReader, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Cell, Column, Kind, Records};
use crate::memory;
use crate::table::arrow::LINES;

/// Bytes of memory for a cell of usual length, while the columns grow.
const CELL_MEMORY: usize = 64;

/// Returns the names and types of the columns.
#[must_use]
pub fn schema(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| Field::new(column.name, data_type(column.kind), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Word(_) => DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
        Kind::Int => DataType::Int64,
        Kind::Bool => DataType::Boolean,
        Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        Kind::List => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
    }
}

/// Reads a table in batches of at least [`LINES`] lines; only the last is smaller.
pub struct Reader {
    records: Arc<dyn Records>,
    schema: SchemaRef,
    /// Blocks read so far.
    block: usize,
}

impl Reader {
    /// Makes a reader at the start of a table.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        let schema = schema(records.columns());
        Self { records, schema, block: 0 }
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let columns = self.records.columns();
        let mut builders: Vec<_> = columns.iter().map(|column| Builder::new(column.kind)).collect();
        let mut lines = 0;
        while lines < LINES && self.block < self.records.blocks() {
            let mut taken = Ok(());
            let made = self.records.lines(self.block..self.block + 1, &mut |cells| {
                // The builders end the process without memory.
                if lines % 1_024 == 0 {
                    taken = memory::ensure((lines + 1_024) * columns.len() * CELL_MEMORY);
                }
                lines += 1;
                builders.iter_mut().zip(cells).for_each(|(builder, cell)| builder.push(cell));
                taken.is_ok()
            });
            taken.and(made).map_err(|refused| ArrowError::MemoryError(refused.to_string()))?;
            self.block += 1;
        }
        if lines == 0 {
            return Ok(None);
        }
        let arrays = builders.into_iter().map(Builder::finish).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some)
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Builds one column.
enum Builder {
    Text(StringBuilder),
    Word(Int8Builder, &'static [&'static str]),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMillisecondBuilder),
    List(ListBuilder<StringBuilder>),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Word(words) => Self::Word(Int8Builder::new(), words),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Time => Self::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
            Kind::List => Self::List(ListBuilder::new(StringBuilder::new())),
        }
    }

    /// Adds a cell; one of another kind counts as null.
    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Self::Text(builder), Cell::Digest(digest)) => builder.append_value(digest),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Word(builder, _), Cell::Word(number)) => builder.append_value(*number as i8),
            (Self::Word(builder, _), _) => builder.append_null(),
            (Self::Int(builder), Cell::Int(number)) => builder.append_value(*number),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Bool(builder), Cell::Bool(yes)) => builder.append_value(*yes),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Time(builder), Cell::Time(milliseconds)) => builder.append_value(*milliseconds),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::List(builder), Cell::List(texts)) => {
                for text in texts {
                    builder.values().append_value(text);
                }
                builder.append(true);
            }
            (Self::List(builder), _) => builder.append(false),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            // Every batch has the same dictionary, because Arrow's file format cannot replace a dictionary.
            Self::Word(mut builder, words) => {
                let words = Arc::new(StringArray::from_iter_values(words));
                Arc::new(DictionaryArray::<Int8Type>::new(builder.finish(), words))
            }
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::List(mut builder) => Arc::new(builder.finish()),
        }
    }
}
