//! Reads the table as Arrow record batches, made one at a time.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Int64Builder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int32Type};
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch, RecordBatchReader, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::{COLUMNS, Table};
use crate::digest::TEXT_LEN;
use crate::memory;
use crate::verdict::Verdict;

/// Lines in a record batch: about ten megabytes, for a table of any length.
pub const LINES: usize = 65_536;

/// Lines in a record batch of plain types. Larger batches let Spark's JVM and its Python worker wait for each
/// other when a task ends early (apache/spark#36065).
pub const PLAIN_LINES: usize = 50_000;

/// Bytes of memory for a line of a record batch with a reason of usual length, while the columns grow.
pub(super) const LINE_MEMORY: usize = 512;

/// Returns the types of the columns. Verdicts and media types are dictionaries, because there are few of
/// them.
#[must_use]
pub fn schema() -> SchemaRef {
    let dictionary = |key: DataType| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    let types: [_; COLUMNS.len()] = [
        (DataType::Int64, false),
        (DataType::Utf8, true),
        (dictionary(DataType::Int8), false),
        (DataType::Int64, true),
        (dictionary(DataType::Int32), true),
        (DataType::Utf8, true),
        (DataType::Utf8, true),
        (DataType::Utf8, true),
    ];
    let fields = COLUMNS.iter().zip(types).map(|(name, (kind, nullable))| Field::new(*name, kind, nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the types of the columns without dictionaries, each of which may hold nulls. Engines such as Spark
/// take neither dictionaries nor, with a check of schemas, columns without nulls.
#[must_use]
pub fn plain_schema() -> SchemaRef {
    let fields = schema().fields().iter().map(|field| plain(field)).collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

fn plain(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        kind => kind.clone(),
    };
    Field::new(field.name(), kind, true)
}

/// Reads a table as record batches of [`LINES`] lines, or of [`PLAIN_LINES`] lines of plain types.
#[derive(Debug)]
pub struct Reader {
    table: Table,
    schema: SchemaRef,
    verdicts: ArrayRef,
    media_types: StringArray,
    /// Whether the columns have no dictionaries.
    plain: bool,
    /// Lines returned so far.
    line: usize,
    /// The input row to continue with, behind the row of the last line.
    row: usize,
}

impl Reader {
    /// Makes a reader at the start of `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        let verdicts = Arc::new(StringArray::from_iter_values(Verdict::ALL.map(Verdict::name)));
        let media_types = StringArray::from_iter_values(table.columns.media_type_names());
        Self { table, schema: schema(), verdicts, media_types, plain: false, line: 0, row: 0 }
    }

    /// Makes a reader of plain types at the start of `table`.
    #[must_use]
    pub fn plain(table: Table) -> Self {
        Self { schema: plain_schema(), plain: true, ..Self::new(table) }
    }

    fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let most = if self.plain { PLAIN_LINES } else { LINES };
        let count = most.min(self.table.len() - self.line);
        // The builders end the process without memory.
        memory::ensure(count * LINE_MEMORY)
            .map_err(|refused| ArrowError::MemoryError(refused.to_string()))?;
        let mut row = Int64Builder::with_capacity(count);
        let mut digest = StringBuilder::with_capacity(count, count * TEXT_LEN);
        let mut verdict = Vec::with_capacity(count);
        let mut size = Int64Builder::with_capacity(count);
        // Every batch has the same dictionaries, because Arrow's file format cannot replace a dictionary.
        let mut media_type =
            StringDictionaryBuilder::<Int32Type>::new_with_dictionary(count, &self.media_types)?;
        let mut code = StringBuilder::new();
        let mut reason = StringBuilder::new();
        let mut input = StringBuilder::new();
        let table = &self.table;
        let rest = self.row..table.plan.rows();
        for (number, index) in table.indices(table.digests_before(self.row), rest).take(count) {
            let line = table.line(number, index);
            row.append_value(line.row as i64);
            digest.append_option(line.digest);
            verdict.push(table.verdict(index) as i8);
            size.append_option(line.size);
            media_type.append_option(line.media_type);
            code.append_option(line.code);
            reason.append_option(line.reason);
            input.append_option(line.input);
            self.row = line.row + 1;
        }
        self.line += row.len();
        let verdict = DictionaryArray::<Int8Type>::new(verdict.into(), Arc::clone(&self.verdicts));
        let media_type = media_type.finish();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(row.finish()),
            Arc::new(digest.finish()),
            self.typed(verdict)?,
            Arc::new(size.finish()),
            self.typed(media_type)?,
            Arc::new(code.finish()),
            Arc::new(reason.finish()),
            Arc::new(input.finish()),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// Returns a column of a dictionary as it is, or as plain text.
    fn typed<Key: ArrowDictionaryKeyType>(
        &self,
        column: DictionaryArray<Key>,
    ) -> Result<ArrayRef, ArrowError> {
        if !self.plain {
            return Ok(Arc::new(column));
        }
        let texts = column
            .downcast_dict::<StringArray>()
            .ok_or_else(|| ArrowError::CastError("a dictionary without text".to_owned()))?;
        Ok(Arc::new(texts.into_iter().collect::<StringArray>()))
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.line < self.table.len()).then(|| self.batch())
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
