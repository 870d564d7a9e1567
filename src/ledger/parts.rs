//! Verdict columns as plain parts, from which another process makes them again.

use std::collections::HashMap;

use super::columns::{Columns, Notes};
use crate::verdict::Verdict;

/// The columns as bytes and texts. Numbers are little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// A verdict code of one byte for each digest.
    pub verdicts: Vec<u8>,
    /// A size of eight bytes for each digest.
    pub sizes: Vec<u8>,
    /// The number of a media type, two bytes for each digest.
    pub media_types: Vec<u8>,
    /// The number of a code with its reason, two bytes for each digest.
    pub details: Vec<u8>,
    /// The media types, numbered from 1.
    pub media_type_names: Vec<String>,
    /// The codes with their reasons, numbered from 1.
    pub detail_texts: Vec<(String, String)>,
}

impl Columns {
    /// Returns the columns as parts.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            verdicts: self.verdicts.iter().map(|verdict| *verdict as u8).collect(),
            sizes: self.sizes.iter().flat_map(|size| size.to_le_bytes()).collect(),
            media_types: self.media_types.iter().flat_map(|number| number.to_le_bytes()).collect(),
            details: self.details.iter().flat_map(|number| number.to_le_bytes()).collect(),
            media_type_names: self.media_type_names.texts.clone(),
            detail_texts: self.detail_texts.texts.clone(),
        }
    }

    /// Makes the columns of `unique` digests from their parts.
    ///
    /// # Errors
    /// A sentence that says what does not fit together.
    pub fn of_parts(unique: usize, parts: Parts) -> Result<Self, &'static str> {
        let mut columns = Self::new(unique).map_err(|_| "there is no memory for them")?;
        columns.verdicts.clear();
        columns.counts = [0; Verdict::ALL.len()];
        for code in &parts.verdicts {
            let verdict = Verdict::from_code(*code).ok_or("a verdict has an unknown code")?;
            columns.verdicts.push(verdict);
            columns.counts[verdict as usize] += 1;
        }
        let (sizes, rest) = parts.sizes.as_chunks::<8>();
        columns.sizes = sizes.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        columns.media_types = numbers(&parts.media_types, parts.media_type_names.len())?;
        columns.details = numbers(&parts.details, parts.detail_texts.len())?;
        columns.media_type_names.fill(parts.media_type_names)?;
        columns.detail_texts.fill(parts.detail_texts)?;
        let lengths =
            [columns.verdicts.len(), columns.sizes.len(), columns.media_types.len(), columns.details.len()];
        if !rest.is_empty() || lengths != [unique; 4] {
            return Err("a column is not as long as the plan");
        }
        Ok(columns)
    }
}

impl<T: Clone + Eq + std::hash::Hash> Notes<T> {
    fn fill(&mut self, texts: Vec<T>) -> Result<(), &'static str> {
        if texts.len() >= usize::from(u16::MAX) {
            return Err("there are more different texts than are kept");
        }
        let numbered = texts.iter().cloned().zip(1..);
        self.numbers = numbered.collect::<HashMap<_, _>>();
        self.full = texts.len() >= usize::from(u16::MAX) - 1;
        self.texts = texts;
        Ok(())
    }
}

fn numbers(bytes: &[u8], known: usize) -> Result<Vec<u16>, &'static str> {
    let (numbers, rest) = bytes.as_chunks::<2>();
    let numbers: Vec<u16> = numbers.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
    let fits = |number: &u16| usize::from(*number) <= known || *number == u16::MAX;
    if !rest.is_empty() || !numbers.iter().all(fits) {
        return Err("a number of a text is out of range");
    }
    Ok(numbers)
}
