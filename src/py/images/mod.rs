//! `ImageGraph` for Python.

mod details;
mod repositories;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use self::details::Detail;
use super::known_secrets::PyKnownSecrets;
use super::ledger::PyColumns;
use super::memory;
use super::plan::{PyPlan, texts};
use super::record_table::{PyRecordTable, line};
use crate::digest::Digest;
use crate::images::tables::{GraphTable, Place};
use crate::images::{
    Circumstances, Graph, ImageVerdict, PlatformFilter, ReadError, ReadManifest, digest_of, to_hash,
};
use crate::manifest::sha256_all;
use crate::memory::OutOfMemory;
use crate::table::records::Records;

/// The images of one repository: what it listed, what their manifests need, and a verdict for each image.
///
/// Digests are canonical texts. A digest that is not, or that the graph does not know, changes nothing.
/// Thread-safe; long work releases the interpreter lock.
#[pyclass(name = "ImageGraph", module = "layercheck._core", frozen)]
pub(super) struct PyImageGraph {
    graph: Arc<Mutex<Graph>>,
    /// Whether nothing changes the graph any more. Written and read with the lock held.
    sealed: AtomicBool,
}

impl PyImageGraph {
    /// Locks the graph. No thread calls Python while it holds the lock, so that a thread may wait for the lock
    /// with the interpreter lock held.
    fn lock(&self) -> MutexGuard<'_, Graph> {
        lock(&self.graph)
    }

    /// Locks the graph to change it; None if it was sealed.
    fn open(&self) -> Option<MutexGuard<'_, Graph>> {
        let graph = self.lock();
        (!self.sealed.load(Ordering::Relaxed)).then_some(graph)
    }
}

/// See [`PyImageGraph::lock`].
fn lock(graph: &Mutex<Graph>) -> MutexGuard<'_, Graph> {
    graph.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl PyImageGraph {
    /// `platforms` are texts such as `linux/amd64` and `linux/arm/v7`: children of an index for other platforms
    /// are not required. Without any, all children are. Raises `ValueError` for another text.
    #[new]
    #[pyo3(signature = (*, platforms = Vec::new()))]
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn new(platforms: Vec<String>) -> PyResult<Self> {
        let filter = PlatformFilter::new(platforms.iter().map(String::as_str)).map_err(|text| {
            let message = format!("{text:?} is not a platform; expected OS/ARCH or OS/ARCH/VARIANT");
            PyValueError::new_err(message)
        })?;
        Ok(Self { graph: Arc::new(Mutex::new(Graph::new(filter)?)), sealed: AtomicBool::new(false) })
    }

    /// Take a page of a listing: `imageDetails` of `DescribeImages` or `imageIds` of `ListImages`, as botocore
    /// parsed it. Returns the number of images that were not listed before. An image that comes again gets more
    /// tags. `imageStatus` may be added to the entries of `ListImages`; without it an image counts as ACTIVE.
    ///
    /// What cannot be used is left out and counted in `skipped`: entries that are null or without a canonical
    /// sha256, and values of another type than the service documents.
    fn list_page(&self, py: Python<'_>, details: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut skipped = 0;
        let mut read = Vec::new();
        match details.cast::<PyList>() {
            Ok(entries) => read.extend(entries.iter().filter_map(|entry| Detail::read(&entry, &mut skipped))),
            Err(_) => skipped += 1,
        }
        let images: Vec<_> = read.iter().map(Detail::image).collect();
        let new = py.detach(|| {
            let Some(mut graph) = self.open() else { return Ok(0) };
            (0..skipped).for_each(|_| graph.skip());
            let mut new = 0;
            for image in &images {
                new += usize::from(graph.list(image)?);
            }
            Ok::<_, OutOfMemory>(new)
        })?;
        Ok(new)
    }

    /// The number of listed images.
    fn __len__(&self) -> usize {
        self.lock().len()
    }

    /// Entries and values of the listing that could not be used.
    #[getter]
    fn skipped(&self) -> usize {
        self.lock().skipped()
    }

    /// Tags of all images.
    #[getter]
    fn tags(&self) -> usize {
        self.lock().tags()
    }

    /// Different blobs that the manifests name.
    #[getter]
    fn blobs(&self) -> usize {
        self.lock().blobs()
    }

    /// Manifests that were read or restored.
    #[getter]
    fn manifests(&self) -> usize {
        self.lock().manifests()
    }

    /// Return the digests of at most `limit` listed images whose manifests are needed, and that were neither
    /// handed out before nor failed. Archived images are left out.
    #[pyo3(signature = (limit = 100))]
    fn unread<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let digests = self.lock().hand_out(limit)?;
        texts(py, &digests)
    }

    /// Let `unread` hand out these images once more, unless they were read or failed meanwhile.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn again(&self, digests: Vec<Bound<'_, PyString>>) {
        if let Some(mut graph) = self.open() {
            graph.take_back(&all(&digests));
        }
    }

    /// Return the media types that the listing gives to these images, each once.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn media_types(&self, digests: Vec<Bound<'_, PyString>>) -> PyResult<Vec<String>> {
        let graph = self.lock();
        Ok(graph.media_types(&all(&digests))?.into_iter().map(str::to_owned).collect())
    }

    /// Take manifests: (digest, text, media type of the answer). Each is verified and read with the interpreter
    /// lock released. Returns what was not used, as (digest, code): `NotListed` for an image that the listing
    /// does not name as active, and for images that are unreadable now `DigestMismatch`, `TooLarge`,
    /// `ContradictoryManifest` and `NotAManifest`.
    ///
    /// The secrets of `known` are hidden in the texts that are kept.
    #[pyo3(signature = (images, known = None))]
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn read<'py>(
        &self,
        py: Python<'py>,
        images: Vec<Answered<'py>>,
        known: Option<&Bound<'py, PyKnownSecrets>>,
    ) -> PyResult<Vec<(Bound<'py, PyString>, &'static str)>> {
        // A text that UTF-8 cannot hold has no sha256, so it does not match.
        let documents: Vec<_> = images
            .iter()
            .map(|(digest, text, media_type)| {
                let media_type = media_type.as_ref().and_then(|text| text.to_str().ok());
                (digest.to_str().ok().and_then(digest_of), text.to_str().unwrap_or_default(), media_type)
            })
            .collect();
        let known = known.map(Bound::get);
        let problems = py.detach(|| {
            let expected: Vec<_> = {
                let graph = self.lock();
                documents.iter().map(|(digest, ..)| digest.filter(|digest| graph.expects(digest))).collect()
            };
            let texts = documents.iter().zip(&expected);
            let texts: Vec<_> = texts
                .map(|((_, text, _), digest)| to_hash(if digest.is_some() { text } else { "" }))
                .collect();
            let hashed = sha256_all(&texts)?;
            let taken = documents.iter().zip(expected).zip(&hashed).map(
                |(((_, text, media_type), digest), hashed)| {
                    let Some(digest) = digest.filter(|digest| self.lock().expects(digest)) else {
                        return Ok(Some(ReadError::NotListed));
                    };
                    let mut manifest = ReadManifest::of_hashed(&digest, text, hashed, *media_type)?;
                    if let Some(known) = known {
                        manifest.hide(&known.known);
                    }
                    let Some(mut graph) = self.open() else { return Ok(Some(ReadError::NotListed)) };
                    Ok(graph.take(&digest, &manifest)?.err())
                },
            );
            taken.collect::<Result<Vec<_>, OutOfMemory>>()
        })?;
        let problems = images.iter().zip(problems);
        Ok(problems.filter_map(|((digest, ..), problem)| Some((digest.clone(), problem?.code()))).collect())
    }

    /// Say that the manifest of an image could not be had: `unreadable` for good (`KmsError`,
    /// `ImageInaccessible`), or else undecided. Nothing changes if it was read.
    #[pyo3(signature = (digest, code, reason, *, unreadable))]
    fn fail(&self, digest: &str, code: &str, reason: &str, unreadable: bool) {
        if let (Some(digest), Some(mut graph)) = (digest_of(digest), self.open()) {
            graph.fail(&digest, code, reason, unreadable);
        }
    }

    /// Return what a store keeps of a manifest that was read: its parts, with a version and a checksum. None if
    /// the image was not read.
    fn projection<'py>(&self, py: Python<'py>, digest: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let Some(digest) = digest_of(digest) else { return Ok(None) };
        let projection = self.lock().projection(&digest)?;
        projection.map(|bytes| memory::bytes(py, &bytes)).transpose()
    }

    /// Take the manifest of a listed image from what `projection` returned for the same digest. Returns false,
    /// and changes nothing, if the bytes are damaged, of another version or of another image, and if the image
    /// is not listed as active.
    fn restore(&self, py: Python<'_>, digest: &str, projection: &[u8]) -> PyResult<bool> {
        let Some(digest) = digest_of(digest) else { return Ok(false) };
        Ok(py.detach(|| self.open().map_or(Ok(false), |mut graph| graph.restore(&digest, projection)))?)
    }

    /// Return the plan of all blobs that the manifests name (configs, layers, blobs that an index lists as
    /// children, also layers that are not to be distributed): a row for each, in first-seen order.
    #[pyo3(signature = (batch_size = 100))]
    fn plan(&self, py: Python<'_>, batch_size: usize) -> PyResult<PyPlan> {
        if batch_size == 0 || batch_size > crate::protocol::MAX_BATCH {
            let most = crate::protocol::MAX_BATCH;
            return Err(PyValueError::new_err(format!("batch_size is {batch_size}; expected 1 to {most}")));
        }
        Ok(PyPlan { plan: py.detach(|| self.lock().plan(batch_size))? })
    }

    /// Take the verdicts of the blobs. `columns` are those of a plan that `plan` returned, now or before more
    /// manifests were read. They replace what earlier columns and second looks said. Raises `ValueError` for
    /// columns of another plan.
    fn set_verdicts(&self, py: Python<'_>, columns: &Bound<'_, PyColumns>) -> PyResult<()> {
        let columns = columns.get();
        let is_taken = |mut graph: MutexGuard<'_, Graph>| graph.set_verdicts(&columns.plan, &columns.columns);
        if py.detach(|| self.open().is_none_or(is_taken)) {
            return Ok(());
        }
        Err(PyValueError::new_err("the columns are those of another plan than this graph's"))
    }

    /// Judge every listed image by what is known now, and return the number of images for each verdict. May be
    /// called again after more is known.
    ///
    /// A child that is not listed counts as missing only if `listing_complete` (all pages were read, of images
    /// in every status) and `pull_through` is False: the repository is known not to belong to a pull-through
    /// cache.
    #[pyo3(signature = (*, listing_complete, pull_through))]
    fn judge<'py>(
        &self,
        py: Python<'py>,
        listing_complete: bool,
        pull_through: Option<bool>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let circumstances = Circumstances { listing_complete, pull_through };
        let judged = py.detach(|| match self.open() {
            Some(mut graph) => graph.judge(circumstances),
            None => Ok(self.lock().counts()),
        })?;
        counts(py, judged)
    }

    /// Return the number of listed images for each verdict. Images that were not judged are `not_checked`.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let by_code = self.lock().counts();
        counts(py, by_code)
    }

    /// Return what a second look asks again, as six lists: the incomplete images, the missing blobs that they
    /// need, their blobs that are archived or have another size, children that are not listed, listed images
    /// that were denied once, and archived children. Answers for the last three go to `found` and `gone`.
    fn suspects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let found = py.detach(|| self.lock().suspects())?;
        let lists = [found.images, found.missing, found.others, found.children, found.denied, found.archived];
        let lists = lists.iter().map(|digests| texts(py, digests)).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, lists)
    }

    /// Take what a second look at blobs brought. Only blobs that the first check answered for change: denied
    /// again, they stay missing; available, they are available; without an answer, or if an answer contradicts
    /// that they are there, they are undecided. The size of the later answer counts.
    fn look_again(&self, py: Python<'_>, columns: &Bound<'_, PyColumns>) -> PyResult<()> {
        let columns = columns.get();
        let looked = |mut graph: MutexGuard<'_, Graph>| graph.look_again(&columns.plan, &columns.columns);
        Ok(py.detach(|| self.open().map_or(Ok(()), looked))?)
    }

    /// Say that an answer denied these images, or these children that are not listed, for the first time.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn deny(&self, digests: Vec<Bound<'_, PyString>>) {
        let Some(mut graph) = self.open() else { return };
        for digest in all(&digests) {
            graph.deny(&digest);
        }
    }

    /// Say that a second look did not find these images, or these children that are not listed.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn gone(&self, digests: Vec<Bound<'_, PyString>>) {
        let Some(mut graph) = self.open() else { return };
        for digest in all(&digests) {
            graph.gone(&digest);
        }
    }

    /// Say that a second look called these images archived, as the listing did.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn confirm_archived(&self, digests: Vec<Bound<'_, PyString>>) {
        let Some(mut graph) = self.open() else { return };
        for digest in all(&digests) {
            graph.confirm_archived(&digest);
        }
    }

    /// Say that a second look found these children, although they are not listed, or archived: the indexes that
    /// name them are undecided. A listed image is not gone then.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn found(&self, digests: Vec<Bound<'_, PyString>>) {
        let Some(mut graph) = self.open() else { return };
        for digest in all(&digests) {
            graph.found(&digest);
        }
    }

    /// Take the word of a second witness about a missing blob: True if it denied the blob too, False if it gave
    /// it (images that need the blob are undecided then, with the code Contradiction), None if it did not tell.
    fn confirm(&self, digest: &str, confirmed: Option<bool>) {
        if let (Some(digest), Some(is_denied), Some(mut graph)) = (digest_of(digest), confirmed, self.open())
        {
            graph.confirm(&digest, is_denied);
        }
    }

    /// Say that the run ends here: images that were not judged, and images of which a missing part was denied
    /// only once because no second look came to it, are `not_checked`. With `sealed`, nothing changes the graph
    /// from then on: a call that hung while the run ended may still bring its answer.
    #[pyo3(signature = (*, sealed = false))]
    fn not_checked(&self, py: Python<'_>, sealed: bool) {
        py.detach(|| {
            let Some(mut graph) = self.open() else { return };
            graph.end_early();
            self.sealed.store(sealed, Ordering::Relaxed);
        });
    }

    /// Return the digests of the listed images with this code of `ImageVerdict`, in the order of the listing.
    fn digests<'py>(&self, py: Python<'py>, verdict: u8) -> PyResult<Bound<'py, PyList>> {
        let mut digests = Vec::new();
        if let Some(verdict) = ImageVerdict::from_code(verdict) {
            for digest in self.lock().with_verdict(verdict) {
                crate::memory::push(&mut digests, *digest)?;
            }
        }
        texts(py, &digests)
    }

    /// Return the line of one listed image as in the table of images; None if it is not listed. A search among
    /// all listed images: for a few.
    fn image<'py>(&self, py: Python<'py>, digest: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        let place = digest_of(digest).and_then(|digest| self.lock().place(&digest));
        let Some(place) = place else { return Ok(None) };
        let table = GraphTable::images(Arc::clone(&self.graph), Place::default());
        let Some(cells) = py.detach(|| table.line_of(place))? else { return Ok(None) };
        Ok(Some(without_place(line(py, table.columns(), &cells)?)?))
    }

    /// Return the lines of at most `limit` images with this code of `ImageVerdict`, from place `start` of the
    /// listing, and the place to go on from; None at the end. Each line has `lacking` too: the digests of the
    /// parts that a pull cannot have.
    fn images_with<'py>(
        &self,
        py: Python<'py>,
        verdict: u8,
        start: usize,
        limit: usize,
    ) -> PyResult<(Bound<'py, PyList>, Option<usize>)> {
        let made = PyList::empty(py);
        let Some(verdict) = ImageVerdict::from_code(verdict) else { return Ok((made, None)) };
        let places = self.lock().places_with(verdict, start, limit);
        let table = GraphTable::images(Arc::clone(&self.graph), Place::default());
        let lines = py.detach(|| table.lines_of(&places))?;
        for (place, cells) in places.iter().zip(&lines) {
            let line = without_place(line(py, table.columns(), cells)?)?;
            let lacking = self.lock().lacking(*place)?;
            line.set_item("lacking", texts(py, &lacking)?)?;
            made.append(line)?;
        }
        let next = places.last().filter(|_| places.len() == limit).map(|last| last + 1);
        Ok((made, next))
    }

    /// Return the children, of the images that were read, that are not listed and were not said to be gone: what
    /// is to be looked up if only some images were listed.
    fn unlisted_children<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let children = py.detach(|| self.lock().unlisted_children())?;
        texts(py, &children)
    }

    /// Return the table of repositories, of lines that are dicts.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn repositories_table(lines: Vec<Bound<'_, PyDict>>) -> PyResult<PyRecordTable> {
        repositories::table(&lines)
    }

    /// Return the table of images, as they are judged now: a line for each listed image.
    fn images_table(
        &self,
        py: Python<'_>,
        account_id: Option<String>,
        region: Option<String>,
        repository: String,
    ) -> PyRecordTable {
        let place = place(account_id, region, repository);
        PyRecordTable::new(Arc::new(py.detach(|| GraphTable::images(Arc::clone(&self.graph), place))))
    }

    /// Return the table of platforms: a line for each child of each index, and for each other image that is not
    /// such a child, or has a tag of its own.
    fn platforms_table(
        &self,
        py: Python<'_>,
        account_id: Option<String>,
        region: Option<String>,
        repository: String,
    ) -> PyRecordTable {
        let place = place(account_id, region, repository);
        PyRecordTable::new(Arc::new(py.detach(|| GraphTable::platforms(Arc::clone(&self.graph), place))))
    }

    /// Return the table of layers: a line for each blob that an active image needs and that is not available, or
    /// has another size than a manifest says. With `all`, there is a line for every blob of these images.
    #[pyo3(signature = (account_id, region, repository, *, all = false))]
    fn layers_table(
        &self,
        py: Python<'_>,
        account_id: Option<String>,
        region: Option<String>,
        repository: String,
        all: bool,
    ) -> PyResult<PyRecordTable> {
        let place = place(account_id, region, repository);
        let table = py.detach(|| GraphTable::layers(Arc::clone(&self.graph), place, all))?;
        Ok(PyRecordTable::new(Arc::new(table)))
    }

    /// Return how many blobs the active images need that were pulled since this time (seconds since 1970), and
    /// how many of these blobs are missing. If most are, the question was wrong, and not the images.
    fn recently_pulled(&self, py: Python<'_>, since: f64) -> PyResult<(usize, usize)> {
        Ok(py.detach(|| self.lock().recently_pulled((since * 1_000.0) as i64))?)
    }

    /// Return the number of images pushed since each of these times (seconds since 1970, latest first), of older
    /// images, and of those whose time is not known; and the same for their last pulls.
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn ages(&self, py: Python<'_>, since: Vec<f64>) -> PyResult<(Vec<u64>, Vec<u64>)> {
        let bounds: Vec<i64> = since.iter().map(|seconds| (seconds * 1_000.0) as i64).collect();
        let [pushed, pulled] = py.detach(|| self.lock().ages(&bounds))?;
        Ok((pushed, pulled))
    }

    /// Return a tuple for blobs that one image needs, that 2 or 3 need, that 4 to 7 need, and so on: how many they
    /// are, their bytes, and their bytes counted for each image.
    fn sharing(&self, py: Python<'_>) -> PyResult<Vec<(u64, u64, u64)>> {
        let groups = py.detach(|| self.lock().sharing())?;
        Ok(groups.iter().map(|group| (group.blobs, group.bytes, group.bytes_of_images)).collect())
    }

    /// Return how many missing blobs images need, and the `most` of them that the most images need, each with the
    /// number of these images.
    fn missing_blobs(&self, py: Python<'_>, most: usize) -> PyResult<(usize, Vec<(String, u32)>)> {
        let (all, leading) = py.detach(|| self.lock().missing_blobs(most))?;
        Ok((all, leading.iter().map(|(digest, images)| (digest.to_string(), *images)).collect()))
    }
}

fn without_place(line: Bound<'_, PyDict>) -> PyResult<Bound<'_, PyDict>> {
    for name in ["account_id", "region", "repository"] {
        line.del_item(name)?;
    }
    Ok(line)
}

fn place(account_id: Option<String>, region: Option<String>, repository: String) -> Place {
    Place { account_id: account_id.unwrap_or_default(), region: region.unwrap_or_default(), repository }
}

/// Digest, text and media type of a manifest in an answer.
type Answered<'py> = (Bound<'py, PyString>, Bound<'py, PyString>, Option<Bound<'py, PyString>>);

/// Returns the digests among texts.
fn all(digests: &[Bound<'_, PyString>]) -> Vec<Digest> {
    digests.iter().filter_map(|digest| digest_of(digest.to_str().ok()?)).collect()
}

/// Makes a dict with all eight verdicts.
fn counts(py: Python<'_>, by_code: [usize; 8]) -> PyResult<Bound<'_, PyDict>> {
    let counts = PyDict::new(py);
    // `not_checked` comes last for people, although its code is the first.
    for verdict in ImageVerdict::ALL.iter().cycle().skip(1).take(ImageVerdict::ALL.len()) {
        counts.set_item(verdict.name(), by_code[*verdict as usize])?;
    }
    Ok(counts)
}
