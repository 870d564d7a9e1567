//! Digests, layers and rules from Python.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::local_ecr::key::{self, Key};
use crate::local_ecr::{Availability, Holding, Rule};

/// Digest, size, media type, availability.
pub(super) type LayerArgs = (String, Option<u64>, Option<String>, String);

/// The layers of a mapping, as the server stores them.
pub(super) fn holdings_of(layers: Vec<LayerArgs>) -> PyResult<Vec<(Key, Holding)>> {
    layers
        .into_iter()
        .map(|(digest, size, media_type, availability)| {
            let availability = availability_of(&availability)?;
            let media_type = media_type.map(Arc::from);
            Ok((key_of(&digest)?, Holding { availability, size, media_type }))
        })
        .collect()
}

/// A rule by its name; `None` removes the rule.
pub(super) fn rule_of(kind: Option<&str>, fraction: f64, seed: u64) -> PyResult<Option<Rule>> {
    match kind {
        None => Ok(None),
        Some("even") => Ok(Some(Rule::Even)),
        Some("fraction") => Ok(Some(Rule::Fraction { fraction, seed })),
        Some(other) => {
            let text = format!("rule must be \"even\" or \"fraction\", not {other:?}");
            Err(PyValueError::new_err(text))
        }
    }
}

pub(super) fn availability_of(word: &str) -> PyResult<Availability> {
    Availability::of_word(word).ok_or_else(|| {
        PyValueError::new_err(format!(
            "availability must be AVAILABLE, UNAVAILABLE or ARCHIVED, not {word:?}"
        ))
    })
}

/// Digests as text in the canonical spelling, or as 32 raw bytes.
pub(super) fn keys(digests: &Bound<'_, PyAny>) -> PyResult<Vec<Key>> {
    if digests.is_instance_of::<PyString>() || digests.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("digests must be an iterable of digests, not one digest"));
    }
    digests
        .try_iter()?
        .map(|item| {
            let item = item?;
            if let Ok(text) = item.cast::<PyString>() {
                return key_of(text.to_str()?);
            }
            if let Ok(bytes) = item.cast::<PyBytes>() {
                return Key::try_from(bytes.as_bytes())
                    .map_err(|_| PyValueError::new_err("a digest given as bytes must be 32 bytes"));
            }
            Err(PyTypeError::new_err(format!(
                "a digest must be str or bytes, not {}",
                item.get_type().name()?
            )))
        })
        .collect()
}

pub(super) fn key_of(text: &str) -> PyResult<Key> {
    key::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        PyValueError::new_err(format!(
            "a repository holds digests of the form sha256: and 64 lower-case hexadecimal digits, not {shown:?}"
        ))
    })
}
