//! Tables of any columns: made row by row, and written as CSV, JSON Lines and Arrow.
//!
//! A table of the report has rows by the million and its own writers. The tables of a layout, of images and of
//! plans of a push have fewer, and all of them are a [`Rows`]: the names and kinds of the columns, and the
//! values of one row.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;

use super::compress::{Packed, Packer, refused};
use super::escape::{VisibleJson, csv_cell};
use crate::input::content::Compression;
use crate::memory;

/// Rows of a block that is written at once.
const BLOCK_ROWS: usize = 1_024;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A signed integer of 64 bits.
    Integer,
    /// True or false.
    Flag,
    /// A list of texts; in CSV with spaces between them.
    Texts,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds; any value may be null.
    pub kind: ColumnKind,
}

impl Column {
    /// Makes a column.
    #[must_use]
    pub const fn new(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind }
    }
}

/// One value of a row, of the kind of its column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// For [`ColumnKind::Text`].
    Text(Cow<'a, str>),
    /// For [`ColumnKind::Integer`].
    Integer(i64),
    /// For [`ColumnKind::Flag`].
    Flag(bool),
    /// For [`ColumnKind::Texts`].
    Texts(&'a [String]),
}

impl<'a> Value<'a> {
    /// Returns a text, or null for an empty one.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(Cow::Borrowed(text)) }
    }

    /// Returns a number; null if there is none, or if it has more than 63 bits.
    #[must_use]
    pub fn number(number: Option<u64>) -> Self {
        number.and_then(|number| i64::try_from(number).ok()).map_or(Self::Null, Self::Integer)
    }

    /// Returns a count.
    #[must_use]
    pub fn count(count: usize) -> Self {
        Self::Integer(count as i64)
    }
}

/// A table whose rows are made on access.
pub trait Rows: Send + Sync {
    /// Returns the columns.
    fn columns(&self) -> &'static [Column];

    /// Returns the number of rows.
    fn len(&self) -> usize;

    /// Returns true if there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the values of row `at`, one for each column.
    fn row<'a>(&'a self, at: usize, values: &mut Vec<Value<'a>>);
}

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// A header, RFC 4180 quoting, an empty cell for null, and text from outside with escapes.
    Csv,
    /// An object a line, with every column.
    JsonLines,
}

/// Writes a table to `out`. Calls `check` between blocks.
///
/// # Errors
/// The errors of `out` and of `check`.
pub fn write(
    table: &dyn Rows,
    format: TextFormat,
    compression: Option<Compression>,
    mut out: impl Write,
    mut check: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let mut file = Packed::new(&mut out, compression, false, 1)?;
    let mut packer = Packer::new(compression);
    for start in (0..table.len().max(1)).step_by(BLOCK_ROWS) {
        check()?;
        let mut block = Vec::new();
        if start == 0 && format == TextFormat::Csv {
            record(&mut block, table.columns().iter().map(|column| column.name.into()))?;
        }
        for at in start..table.len().min(start + BLOCK_ROWS) {
            let mut values = Vec::with_capacity(table.columns().len());
            table.row(at, &mut values);
            memory::reserve(&mut block, 1_024).map_err(refused)?;
            match format {
                TextFormat::Csv => record(&mut block, values.iter().map(cell))?,
                TextFormat::JsonLines => line(&mut block, table.columns(), &values)?,
            }
        }
        file.write(&packer.pack(block)?)?;
    }
    file.finish()?;
    out.flush()
}

fn record<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'a, str>>) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().buffer_capacity(512).from_writer(out);
    writer.write_record(cells.map(Cow::into_owned)).map_err(io::Error::other)?;
    writer.flush()
}

fn cell<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Text(text) => csv_cell(text),
        Value::Integer(number) => number.to_string().into(),
        Value::Flag(flag) => flag.to_string().into(),
        Value::Texts(texts) => csv_cell(&texts.join(" ")).into_owned().into(),
    }
}

fn line(out: &mut Vec<u8>, columns: &[Column], values: &[Value<'_>]) -> io::Result<()> {
    for (at, (column, value)) in columns.iter().zip(values).enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        column.name.serialize(&mut Serializer::new(&mut *out))?;
        out.push(b':');
        value.serialize(&mut Serializer::with_formatter(&mut *out, VisibleJson))?;
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// The table as Arrow record batches.
#[cfg(feature = "arrow")]
pub mod arrow {
    use std::sync::Arc;

    use arrow_array::builder::{BooleanBuilder, Int64Builder, ListBuilder, StringBuilder};
    use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader};
    use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

    use super::{Column, ColumnKind, Rows, Value};
    use crate::memory;
    use crate::table::arrow::{LINE_MEMORY, LINES};

    /// Returns the types of the columns.
    #[must_use]
    pub fn schema(columns: &[Column]) -> SchemaRef {
        let fields = columns.iter().map(|column| {
            let kind = match column.kind {
                ColumnKind::Text => DataType::Utf8,
                ColumnKind::Integer => DataType::Int64,
                ColumnKind::Flag => DataType::Boolean,
                ColumnKind::Texts => DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
            };
            Field::new(column.name, kind, true)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    enum Builder {
        Text(StringBuilder),
        Integer(Int64Builder),
        Flag(BooleanBuilder),
        Texts(ListBuilder<StringBuilder>),
    }

    impl Builder {
        fn new(kind: ColumnKind) -> Self {
            match kind {
                ColumnKind::Text => Self::Text(StringBuilder::new()),
                ColumnKind::Integer => Self::Integer(Int64Builder::new()),
                ColumnKind::Flag => Self::Flag(BooleanBuilder::new()),
                ColumnKind::Texts => Self::Texts(ListBuilder::new(StringBuilder::new())),
            }
        }

        /// Appends a value; one of another kind counts as null.
        fn append(&mut self, value: &Value<'_>) {
            match (self, value) {
                (Self::Text(column), Value::Text(text)) => column.append_value(text),
                (Self::Text(column), _) => column.append_null(),
                (Self::Integer(column), Value::Integer(number)) => column.append_value(*number),
                (Self::Integer(column), _) => column.append_null(),
                (Self::Flag(column), Value::Flag(flag)) => column.append_value(*flag),
                (Self::Flag(column), _) => column.append_null(),
                (Self::Texts(column), Value::Texts(texts)) => {
                    texts.iter().for_each(|text| column.values().append_value(text));
                    column.append(true);
                }
                (Self::Texts(column), _) => column.append(false),
            }
        }

        fn finish(self) -> ArrayRef {
            match self {
                Self::Text(mut column) => Arc::new(column.finish()),
                Self::Integer(mut column) => Arc::new(column.finish()),
                Self::Flag(mut column) => Arc::new(column.finish()),
                Self::Texts(mut column) => Arc::new(column.finish()),
            }
        }
    }

    /// Reads a table as record batches.
    #[expect(missing_debug_implementations, reason = "any table may be in it")]
    pub struct Reader {
        table: Arc<dyn Rows>,
        schema: SchemaRef,
        at: usize,
    }

    impl Reader {
        /// Makes a reader at the start of `table`.
        #[must_use]
        pub fn new(table: Arc<dyn Rows>) -> Self {
            let schema = schema(table.columns());
            Self { table, schema, at: 0 }
        }

        fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
            let end = self.table.len().min(self.at + LINES);
            // The builders end the process without memory.
            memory::ensure((end - self.at) * LINE_MEMORY)
                .map_err(|refused| ArrowError::MemoryError(refused.to_string()))?;
            let columns = self.table.columns();
            let mut builders: Vec<Builder> = columns.iter().map(|column| Builder::new(column.kind)).collect();
            for at in self.at..end {
                let mut values = Vec::with_capacity(columns.len());
                self.table.row(at, &mut values);
                builders.iter_mut().zip(&values).for_each(|(builder, value)| builder.append(value));
            }
            self.at = end;
            let columns = builders.into_iter().map(Builder::finish).collect();
            RecordBatch::try_new(Arc::clone(&self.schema), columns)
        }
    }

    impl Iterator for Reader {
        type Item = Result<RecordBatch, ArrowError>;

        fn next(&mut self) -> Option<Self::Item> {
            (self.at < self.table.len()).then(|| self.batch())
        }
    }

    impl RecordBatchReader for Reader {
        fn schema(&self) -> SchemaRef {
            Arc::clone(&self.schema)
        }
    }
}
