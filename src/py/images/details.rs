//! Reads what botocore parsed of a listing. A value of the wrong type never raises: it is left out and counted.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyType};

use crate::images::ListedImage;

/// One entry of `imageDetails` or `imageIds`, with the objects that own its texts.
pub(super) struct Detail<'py> {
    digest: Bound<'py, PyString>,
    tags: Vec<Bound<'py, PyString>>,
    status: Option<Bound<'py, PyString>>,
    media_type: Option<Bound<'py, PyString>>,
    artifact_type: Option<Bound<'py, PyString>>,
    subject: Option<Bound<'py, PyString>>,
    pushed_ms: Option<i64>,
    pulled_ms: Option<i64>,
    size: Option<i64>,
}

impl<'py> Detail<'py> {
    /// Reads an entry, and adds to `skipped` what could not be used; None for an entry without a digest.
    pub(super) fn read(entry: &Bound<'py, PyAny>, skipped: &mut usize) -> Option<Self> {
        let Ok(entry) = entry.cast::<PyDict>() else {
            *skipped += 1;
            return None;
        };
        let member = |name: &str| {
            let value = entry.get_item(name).ok().flatten();
            value.filter(|value| !value.is_none())
        };
        let Some(Ok(digest)) = member("imageDigest").map(Bound::cast_into::<PyString>) else {
            *skipped += 1;
            return None;
        };
        let mut wrong = 0;
        let mut tags = Vec::new();
        if let Some(tag) = member("imageTag") {
            push_text(&tag, &mut tags, &mut wrong);
        }
        match member("imageTags").map(Bound::cast_into::<PyList>) {
            Some(Ok(list)) => list.iter().for_each(|tag| push_text(&tag, &mut tags, &mut wrong)),
            Some(Err(_)) => wrong += 1,
            None => {}
        }
        let mut text = |name: &str| {
            let value = member(name)?.cast_into::<PyString>().ok();
            wrong += usize::from(value.is_none());
            value
        };
        let (status, media_type) = (text("imageStatus"), text("imageManifestMediaType"));
        let (artifact_type, subject) = (text("artifactMediaType"), text("subjectManifestDigest"));
        let mut number = |name: &str, read: fn(&Bound<'py, PyAny>) -> Option<i64>| {
            let value = read(&member(name)?);
            wrong += usize::from(value.is_none());
            value
        };
        let pushed_ms = number("imagePushedAt", milliseconds);
        let pulled_ms = number("lastRecordedPullTime", milliseconds);
        let size = number("imageSizeInBytes", size);
        *skipped += wrong;
        Some(Self { digest, tags, status, media_type, artifact_type, subject, pushed_ms, pulled_ms, size })
    }

    pub(super) fn image(&self) -> ListedImage<'_> {
        ListedImage {
            digest: read(&self.digest),
            tags: self.tags.iter().map(read).collect(),
            status: read_or_empty(self.status.as_ref()),
            media_type: read_or_empty(self.media_type.as_ref()),
            artifact_type: read_or_empty(self.artifact_type.as_ref()),
            subject: read_or_empty(self.subject.as_ref()),
            pushed_ms: self.pushed_ms,
            pulled_ms: self.pulled_ms,
            size: self.size,
        }
    }
}

/// Returns a text; a text that UTF-8 cannot hold counts as empty.
fn read<'a>(text: &'a Bound<'_, PyString>) -> &'a str {
    text.to_str().unwrap_or_default()
}

fn read_or_empty<'a>(text: Option<&'a Bound<'_, PyString>>) -> &'a str {
    text.map_or("", read)
}

fn push_text<'py>(value: &Bound<'py, PyAny>, texts: &mut Vec<Bound<'py, PyString>>, wrong: &mut usize) {
    match value.cast::<PyString>() {
        Ok(text) => texts.push(text.clone()),
        Err(_) => *wrong += 1,
    }
}

fn size(value: &Bound<'_, PyAny>) -> Option<i64> {
    if value.is_instance_of::<PyBool>() || !value.is_instance_of::<PyInt>() {
        return None;
    }
    value.extract().ok().filter(|size| *size >= 0)
}

/// Reads a time: a `datetime`, or seconds since 1970.
fn milliseconds(value: &Bound<'_, PyAny>) -> Option<i64> {
    /// Milliseconds of the year 9999.
    const MOST: f64 = 253_402_300_799_999.0;
    let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    let seconds: f64 = if is_number && !value.is_instance_of::<PyBool>() {
        value.extract().ok()?
    } else if value.is_instance(datetime(value.py())?).ok()? {
        value.call_method0("timestamp").ok()?.extract().ok()?
    } else {
        return None;
    };
    let milliseconds = (seconds * 1_000.0).round();
    (-MOST..=MOST).contains(&milliseconds).then_some(milliseconds as i64)
}

fn datetime(py: Python<'_>) -> Option<&Bound<'_, PyType>> {
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DATETIME.import(py, "datetime", "datetime").ok()
}
