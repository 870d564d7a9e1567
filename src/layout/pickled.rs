//! A layout as bytes, and back. The bytes are checked, so that those of another version give an error.

use super::model::{Layout, Target};

/// Writes a layout, without the content of documents.
///
/// # Panics
/// Never: the model has no maps and no values that JSON lacks.
#[must_use]
pub fn write(layout: &Layout) -> Vec<u8> {
    serde_json::to_vec(layout).expect("a layout is JSON")
}

/// Reads a layout; returns None for other bytes, or if a number in it points nowhere.
#[must_use]
pub fn read(stored: &[u8]) -> Option<Layout> {
    let layout: Layout = serde_json::from_slice(stored).ok()?;
    let (documents, blobs) = (layout.documents.len(), layout.blobs.len());
    let (types, unusable) = (layout.media_types.len(), layout.unusable.len());
    let is_document = |number: u32| (number as usize) < documents;
    let is_whole = layout.images.iter().all(|image| is_document(image.document))
        && layout.blobs.iter().all(|blob| (blob.media_type as usize) < types)
        && layout.documents.iter().all(|document| {
            (document.media_type as usize) < types
                && document.children.iter().all(|child| is_document(*child))
                && document.parts.iter().all(|part| match part.target {
                    Target::Blob(blob) => (blob as usize) < blobs,
                    Target::Unusable(text) => (text as usize) < unusable,
                })
        });
    is_whole.then_some(layout)
}
