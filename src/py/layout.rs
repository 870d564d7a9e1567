//! Layouts for Python: reading them, and their tables.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyTuple};

use super::memory;
use super::python_file::{PythonFile, os_error};
use super::record_table::PyRecordTable;
use super::table::BETWEEN_CHECKS;
use crate::Digest;
use crate::layout::pickled;
use crate::layout::tables::{LayoutTable, Which};
use crate::layout::{self, Guess, Layout, LayoutError, Options, State};
use crate::manifest::{MAX_DOCUMENT, Manifest, sha256_all, verify_hashed};
use crate::memory::OutOfMemory;

/// Documents that are hashed at once and then read: so few that they are still in a core's own cache then.
const AT_ONCE: usize = 128;

/// What an OCI layout, an archive of images or a manifest holds.
#[pyclass(name = "Layout", module = "layercheck._core", frozen)]
pub(super) struct PyLayout {
    pub(super) layout: Arc<Layout>,
}

/// Read a layout folder, an archive or a manifest: a path, or an object with `read(size)` that returns bytes.
///
/// `on_bytes` is called some 50 times a second with the number of bytes of the file that were read since its last
/// call, perhaps none. What it raises ends the reading.
///
/// Raises `ValueError` if it is none of these, broken or beyond a limit, and `OSError` if it cannot be read.
/// Exceptions of the object and of `on_bytes` pass through.
#[pyfunction]
#[pyo3(signature = (source, *, blobs = None, verify = None, on_bytes = None))]
#[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
pub(super) fn read_layout(
    source: &Bound<'_, PyAny>,
    blobs: Option<PathBuf>,
    verify: Option<bool>,
    on_bytes: Option<Py<PyAny>>,
) -> PyResult<PyLayout> {
    let py = source.py();
    let bytes = AtomicU64::new(0);
    let mut check = reading_check(&bytes, on_bytes.as_ref());
    let mut options = Options { blobs: blobs.as_deref(), verify, keep_content: false, check: &mut check };
    let read = if source.hasattr("read")? {
        let file = Counted { file: PythonFile(source.clone().unbind()), bytes: &bytes };
        py.detach(|| layout::read_stream(file, &mut options))
    } else {
        let path: PathBuf = source.extract()?;
        py.detach(|| {
            if path.is_dir() {
                return layout::read_path(&path, &mut options);
            }
            let file =
                File::open(&path).map_err(|error| LayoutError::Io(path.display().to_string(), error))?;
            layout::read_file(Counted { file, bytes: &bytes }, &path, &mut options)
        })
    };
    if let (Ok(_), Some(on_bytes)) = (&read, &on_bytes) {
        on_bytes.call1(py, (bytes.swap(0, Ordering::Relaxed),))?;
    }
    // A signal that came at the end.
    py.check_signals()?;
    Ok(PyLayout { layout: Arc::new(read.map_err(raised)?) })
}

/// A file that counts what is read of it.
struct Counted<'a, R> {
    file: R,
    bytes: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(block)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Returns a check that runs signal handlers and tells how many bytes were read, now and then.
fn reading_check(bytes: &AtomicU64, on_bytes: Option<&Py<PyAny>>) -> impl FnMut() -> io::Result<()> + Send {
    let mut checked = Instant::now();
    move || {
        if checked.elapsed() < BETWEEN_CHECKS {
            return Ok(());
        }
        checked = Instant::now();
        let told = Python::attach(|py| {
            py.check_signals()?;
            if let Some(on_bytes) = on_bytes {
                on_bytes.call1(py, (bytes.swap(0, Ordering::Relaxed),))?;
            }
            PyResult::Ok(())
        });
        Ok(told?)
    }
}

fn raised(error: LayoutError) -> PyErr {
    match error {
        LayoutError::Memory(error) => error.into(),
        LayoutError::Unusable(..) => PyValueError::new_err(error.to_string()),
        LayoutError::Io(place, error) => {
            if matches!(error.get_ref(), Some(inner) if inner.is::<PyErr>()) {
                return error.into();
            }
            match error.raw_os_error() {
                Some(_) if !place.is_empty() => os_error(error, place.as_ref()),
                Some(_) => PyOSError::new_err(error),
                // What a decompressor says of its data.
                None if place.is_empty() => PyValueError::new_err(error.to_string()),
                None => PyValueError::new_err(format!("{place}: {error}")),
            }
        }
    }
}

/// Make a layout again of what `pickle` stored of it. Raises `ValueError` for bytes that are none.
#[pyfunction]
pub(super) fn layout_of_bytes(py: Python<'_>, stored: &[u8]) -> PyResult<PyLayout> {
    let layout = py.detach(|| pickled::read(stored)).ok_or_else(|| {
        PyValueError::new_err(
            "these bytes are not a pickled Layout; were they written by another version of layercheck?",
        )
    })?;
    Ok(PyLayout { layout: Arc::new(layout) })
}

/// What a file of images may be by its first bytes: `archive` for a tar archive, `manifest` for JSON with the
/// members of a manifest or an index, None for anything else. `head` may be gzip or zstd; then some 256 KiB are
/// needed, else 512 bytes, and for `manifest` the whole file.
#[pyfunction]
pub(super) fn image_source(head: &[u8]) -> Option<&'static str> {
    let mut unpacked = Vec::new();
    if crate::input::content::Compression::of(head).is_some() {
        use std::io::Read;
        // The data ends where the head ends, which is an error; what came before it counts.
        let stream = crate::input::decompress::Unpacked::open(io::Cursor::new(head)).ok()?;
        let mut stream = stream.take(MAX_DOCUMENT as u64 + 1);
        let mut block = [0; 4_096];
        while unpacked.len() <= MAX_DOCUMENT {
            match stream.read(&mut block) {
                Ok(read @ 1..) => unpacked.extend_from_slice(&block[..read]),
                Ok(0) | Err(_) => break,
            }
            if unpacked.len() >= 512 && is_archive(&unpacked) {
                return Some("archive");
            }
        }
    }
    let head = if unpacked.is_empty() { head } else { &unpacked[..] };
    match layout::guess(head) {
        Guess::Archive if is_archive(head) => Some("archive"),
        Guess::Json if memchr::memmem::find(head, b"\"schemaVersion\"").is_some() => {
            Manifest::read(head, None).is_ok().then_some("manifest")
        }
        Guess::Archive | Guess::Json | Guess::Neither => None,
    }
}

/// Whether a file begins with the header of an archive. A file of zeros may be an archive without files, or
/// anything else, so it is not taken for images unasked.
fn is_archive(head: &[u8]) -> bool {
    layout::guess(head) == Guess::Archive && head.iter().any(|byte| *byte != 0)
}

/// Read manifests, and verify that each hashes to its digest; `media_type` is that of the answer they came with.
/// Returns how many hash to their digest and can be read, how many parts these name, and the sum of the sizes.
/// Works with the interpreter lock released.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "the lists come out of Python objects by value")]
pub(super) fn verify_manifests(
    py: Python<'_>,
    documents: Vec<PyBackedBytes>,
    digests: Vec<PyBackedStr>,
    media_type: Option<&str>,
) -> PyResult<(usize, usize, u64)> {
    if documents.len() != digests.len() {
        return Err(PyValueError::new_err("as many digests as documents are needed"));
    }
    Ok(py.detach(|| {
        let (mut whole, mut parts, mut bytes) = (0, 0, 0_u64);
        for (documents, digests) in documents.chunks(AT_ONCE).zip(digests.chunks(AT_ONCE)) {
            let hashed = sha256_all(&documents.iter().map(|document| &**document).collect::<Vec<_>>())?;
            for ((document, digest), hashed) in documents.iter().zip(digests).zip(&hashed) {
                let Ok(digest) = digest.parse::<Digest>() else { continue };
                if !verify_hashed(document, hashed, &digest) {
                    continue;
                }
                let Ok(manifest) = Manifest::read(document, media_type) else { continue };
                whole += 1;
                for part in manifest.blobs().map(|(_, blob)| blob).chain(manifest.documents()) {
                    parts += usize::from(part.digest.is_ok());
                    bytes = bytes.saturating_add(part.size.unwrap_or_default());
                }
            }
        }
        Ok::<_, OutOfMemory>((whole, parts, bytes))
    })?)
}

/// Whether a file that starts with these bytes may be a manifest.
#[pyfunction]
pub(super) fn may_be_manifest(head: &[u8]) -> bool {
    layout::guess(head) == Guess::Json
}

#[pymethods]
impl PyLayout {
    /// `oci-layout`, `oci-archive`, `docker-archive`, `docker-archive-v1` or `manifest`.
    #[getter]
    fn form(&self) -> &'static str {
        self.layout.form.name()
    }

    /// The form in words, with its article.
    #[getter]
    fn form_says(&self) -> &'static str {
        self.layout.form.says()
    }

    /// Numbers of images, documents and blobs.
    #[getter]
    fn counts(&self) -> (usize, usize, usize) {
        (self.layout.images.len(), self.layout.documents.len(), self.layout.blobs.len())
    }

    /// Whether nothing is lacking, damaged or unreadable.
    #[getter]
    fn complete(&self) -> bool {
        self.layout.is_complete()
    }

    /// Bytes of all blobs whose size is known.
    #[getter]
    fn size(&self) -> u64 {
        self.layout.blobs.iter().filter_map(|blob| blob.size).fold(0, u64::saturating_add)
    }

    /// Digests of manifests and indexes, and of blobs, that are named and not there.
    #[getter]
    fn missing(&self) -> (Vec<String>, Vec<String>) {
        let is_lacking = |state| state == State::Lacking;
        let documents = self.layout.documents.iter().filter(|document| is_lacking(document.state));
        let blobs = self.layout.blobs.iter().filter(|blob| is_lacking(blob.state) && !blob.is_foreign);
        (
            documents.filter_map(|document| document.digest).map(|digest| digest.to_string()).collect(),
            blobs.map(|blob| blob.digest.to_string()).collect(),
        )
    }

    /// What is wrong, in sentences, and how many more there are.
    #[getter]
    fn problems(&self) -> (Vec<String>, usize) {
        let problems = self.layout.problems.iter().map(ToString::to_string).collect();
        (problems, self.layout.more_problems)
    }

    /// What a reader should know beside the content.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.layout.notes.clone()
    }

    /// Whether layers are plain tars, which get another digest when they are pushed.
    #[getter]
    fn unpacked(&self) -> usize {
        self.layout.blobs.iter().filter(|blob| blob.is_unpacked).count()
    }

    /// Return the table `images`, `platforms`, `blobs` or `rows`.
    fn table(&self, py: Python<'_>, name: &str) -> PyResult<PyRecordTable> {
        let which = Which::ALL.into_iter().find(|which| which.name() == name);
        let which = which.ok_or_else(|| PyValueError::new_err(format!("there is no table {name:?}")))?;
        let layout = Arc::clone(&self.layout);
        let table = py.detach(|| LayoutTable::new(layout, which))?;
        Ok(PyRecordTable::new(Arc::new(table)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let stored = py.detach(|| pickled::write(&self.layout));
        let stored: Bound<'py, PyBytes> = memory::bytes(py, &stored)?;
        let make = py.import("layercheck._core")?.getattr("layout_of_bytes")?;
        (make, (stored,)).into_pyobject(py)
    }
}
