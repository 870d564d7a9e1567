//! The table of repositories, of lines that Python made.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::record_table::PyRecordTable;
use crate::images::tables::repositories::COLUMNS;
use crate::table::records::made::Lines;
use crate::table::records::{Cell, Kind};

/// Makes the table. A key that is not there is null.
pub(super) fn table(lines: &[Bound<'_, PyDict>]) -> PyResult<PyRecordTable> {
    let made =
        lines.iter().map(|line| COLUMNS.iter().map(|column| cell(line, column.name, column.kind)).collect());
    let made = made.collect::<PyResult<Vec<_>>>()?;
    Ok(PyRecordTable::new(Arc::new(Lines::new(COLUMNS, made))))
}

fn cell(line: &Bound<'_, PyDict>, name: &str, kind: Kind) -> PyResult<Cell<'static>> {
    let Some(value) = line.get_item(name)?.filter(|value| !value.is_none()) else { return Ok(Cell::Null) };
    Ok(match kind {
        Kind::Int => Cell::Int(value.extract()?),
        Kind::Bool => Cell::Bool(value.extract()?),
        Kind::Time => Cell::Time((value.extract::<f64>()? * 1_000.0) as i64),
        Kind::Text | Kind::Word(_) | Kind::List => Cell::text(value.extract::<String>()?),
    })
}
