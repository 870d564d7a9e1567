//! The graph of a layout for Python, which plans a push from it.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::layout::PyLayout;
use crate::layout::{Document, Layout, ProblemKind};

/// Images, documents, blobs and problems.
type Graph<'py> = (Bound<'py, PyList>, Bound<'py, PyList>, Bound<'py, PyList>, Vec<String>);

/// The graph of a layout as plain tuples: images, documents, blobs, and what is wrong beside what is lacking.
///
/// * An image: its names, and the number of its document.
/// * A document: digest or None, kind, whether it is an attestation, media type, size or None, state, platform
///   or an empty text, numbers of the documents that it lists, its parts (number of the blob, and role), and
///   how many parts have an unusable digest.
/// * A blob: digest, size or None, media type, state, whether it is not to be distributed, and whether it is a
///   plain tar.
#[pyfunction]
pub(super) fn layout_graph<'py>(py: Python<'py>, layout: &PyLayout) -> PyResult<Graph<'py>> {
    let layout = &*layout.layout;
    let images = PyList::new(py, layout.images.iter().map(|image| (&image.names, image.document)))?;
    let documents = PyList::empty(py);
    for each in &layout.documents {
        documents.append(document(py, layout, each)?)?;
    }
    let blobs = PyList::empty(py);
    for blob in &layout.blobs {
        blobs.append((
            blob.digest.to_string(),
            blob.size,
            layout.media_type(blob.media_type),
            blob.state.name(),
            blob.is_foreign,
            blob.is_unpacked,
        ))?;
    }
    let problems = layout.problems.iter().filter(|problem| problem.kind != ProblemKind::Lacking);
    Ok((images, documents, blobs, problems.map(ToString::to_string).collect()))
}

fn document<'py>(py: Python<'py>, layout: &Layout, document: &Document) -> PyResult<Bound<'py, PyTuple>> {
    let parts: Vec<(u32, &str)> =
        document.parts.iter().filter_map(|part| Some((part.blob()?, part.role.name()))).collect();
    (
        document.digest.map(|digest| digest.to_string()),
        document.kind.name(),
        document.is_attestation,
        layout.media_type(document.media_type),
        document.size,
        document.state.name(),
        document.platform.as_ref().map(ToString::to_string).unwrap_or_default(),
        &document.children,
        parts,
        document.unusable,
    )
        .into_pyobject(py)
}
