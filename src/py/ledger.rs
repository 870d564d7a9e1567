//! `Ledger` and `Columns` for Python.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString, PyTuple};

use super::array::{ArrayView, Owner};
use super::known_secrets::PyKnownSecrets;
use super::memory::bytes;
use super::pickling::reduce_columns;
use super::plan::PyPlan;
use super::table::PyTable;
use crate::journal::outcomes::{self, Record};
use crate::known_secrets::{KnownSecrets, with_new_texts};
use crate::ledger::columns::Columns;
use crate::ledger::{Ledger, Merged};
use crate::memory::{self, OutOfMemory};
use crate::plan::Plan;
use crate::protocol::answer::{Answer, AnswerError};
use crate::protocol::entry::{Entry, EntryStatus, read_digest};
use crate::protocol::request::Packer;
use crate::table::Table;
use crate::verdict::Verdict;

/// Verdict columns of one run. Thread-safe; every digest starts as `not_checked`.
#[pyclass(name = "Ledger", module = "layercheck._core", frozen)]
pub(super) struct PyLedger {
    plan: Arc<Plan>,
    ledger: Mutex<Ledger>,
    /// Outcomes of an earlier run were restored.
    is_restored: AtomicBool,
}

impl PyLedger {
    /// Locks the ledger. The lock is held only for moments and never during a call into Python, so that no
    /// thread waits long for it with the interpreter lock held.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic in a merge leaves every cell valid, so the ledger stays usable.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Merges the body of an answer. Texts that hold one of the `known` secrets are kept without it.
    pub(super) fn merge_answer(
        &self,
        call: Range<usize>,
        body: &[u8],
        known: Option<&KnownSecrets>,
        last: bool,
    ) -> Result<Merged, AnswerError> {
        let answer = Answer::read(body)?;
        // Before the ledger is locked, because a hostile answer has many texts to look at.
        let new = known.map_or(Vec::new(), |known| known.hide_in(answer.entries()));
        let mut ledger = self.lock();
        Ok(if new.is_empty() {
            merge_into(&mut ledger, call, answer.entries(), last)
        } else {
            merge_into(&mut ledger, call, with_new_texts(answer.entries(), &new), last)
        })
    }

    /// See [`Ledger::next_open`].
    pub(super) fn open_from(&self, number: usize) -> Range<usize> {
        self.lock().next_open(number)
    }

    /// Packs the digests of a call into a request, and opens those again that an earlier run left unanswered.
    pub(super) fn pack(&self, call: Range<usize>, packer: &Packer, body: &mut Vec<u8>) {
        let digests = self.plan.digests();
        if !self.is_restored.load(Ordering::Relaxed) && call.end <= digests.len() {
            return packer.pack(&digests[call], body);
        }
        let mut ledger = self.lock();
        ledger.reopen(call.clone());
        packer.pack(&ledger.asked(call), body);
    }

    /// Checks that the digests numbered `start..stop` can be one call.
    fn call(&self, start: usize, stop: usize) -> PyResult<Range<usize>> {
        let (unique, numbers) = (self.plan.unique(), self.lock().numbers());
        if start > stop || stop > numbers || (start < unique && stop > unique) {
            let message = format!("digests {start}..{stop} are not within the plan's {unique}");
            return Err(PyIndexError::new_err(message));
        }
        Ok(start..stop)
    }
}

#[pymethods]
impl PyLedger {
    #[new]
    fn new(plan: &Bound<'_, PyPlan>) -> PyResult<Self> {
        let (py, plan) = (plan.py(), Arc::clone(&plan.get().plan));
        let ledger = py.detach(|| Ledger::new(Arc::clone(&plan)))?;
        Ok(Self { plan, ledger: Mutex::new(ledger), is_restored: AtomicBool::new(false) })
    }

    /// Merge botocore's parsed answer to the call that asked the digests `start..stop`. Texts that hold one
    /// of the `known` secrets are kept without it.
    ///
    /// Digests that are missing from the answer, or of which it says different things, become unanswered. If
    /// the answer is not the `last`, they stay open. An answer that names none of the digests changes nothing.
    #[pyo3(signature = (start, stop, answer, known = None, last = true))]
    fn merge<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        stop: usize,
        answer: &Bound<'py, PyAny>,
        known: Option<&Bound<'py, PyKnownSecrets>>,
        last: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call(start, stop)?;
        let owned = read_answer(answer)?;
        // Read before the lock is taken: text that is not UTF-8 makes an exception, and an exception may run
        // the collector, whose finalizers may pass the interpreter to another thread.
        let entries: Vec<Entry<'_>> = owned.iter().map(OwnedEntry::entry).collect();
        let new = known.map_or(Vec::new(), |known| known.get().known.hide_in(entries.iter().copied()));
        let merged = merge_into(&mut self.lock(), call, with_new_texts(entries.into_iter(), &new), last);
        merged_tuple(py, merged)
    }

    /// Merge the body of the answer to the call that asked the digests `start..stop`, like `merge` of what
    /// botocore parses from it. Works with the interpreter lock released.
    ///
    /// Raises `ValueError` if the body is not an answer; the ledger is unchanged then.
    #[pyo3(signature = (start, stop, body, known = None, last = true))]
    fn merge_body<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        stop: usize,
        body: &Bound<'py, PyBytes>,
        known: Option<&Bound<'py, PyKnownSecrets>>,
        last: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call(start, stop)?;
        // `bytes` never change, and the reference keeps them alive while the lock is released.
        let body = body.as_bytes();
        let known = known.map(|known| &known.get().known);
        let merged = py.detach(|| self.merge_answer(call, body, known, last));
        let merged = merged.map_err(|error: AnswerError| PyValueError::new_err(error.to_string()))?;
        merged_tuple(py, merged)
    }

    /// Note that the service refuses this digest.
    fn refuse(&self, index: usize, code: &str, reason: &str) -> PyResult<()> {
        self.call(index, index + 1)?;
        self.lock().refuse(index, code, reason);
        Ok(())
    }

    /// Note that a call got no usable answer. Digests with a verdict keep it. Returns the number of digests
    /// without a verdict.
    fn unanswered(&self, start: usize, stop: usize, cause: &str) -> PyResult<usize> {
        let call = self.call(start, stop)?;
        Ok(self.lock().unanswered(call, "", cause))
    }

    /// Return what a journal keeps of each call, given as `start`, `stop` and the time of its answer
    /// (seconds since 1970): where its digests start and stop in the plan, and its outcomes; None for a call
    /// without outcomes. Works with the interpreter lock released.
    fn records<'py>(
        &self,
        py: Python<'py>,
        calls: Vec<(usize, usize, f64)>,
    ) -> PyResult<Vec<Option<PyRecord<'py>>>> {
        let calls = calls.into_iter().map(|(start, stop, at)| Ok((self.call(start, stop)?, at)));
        let calls = calls.collect::<PyResult<Vec<_>>>()?;
        // The ledger is locked for one call at a time, so that answers can be merged meanwhile.
        let encode = |(call, at)| outcomes::encode(&self.lock(), call, at);
        let records: Vec<_> = py.detach(|| calls.into_iter().map(encode).collect());
        let record = |record: Record| Ok((record.range.start, record.range.end, bytes(py, &record.frame)?));
        records.into_iter().map(|found| found.map(record).transpose()).collect()
    }

    /// Restore outcomes that `records` returned for the same digests; returns the number of digests.
    ///
    /// Raises `ValueError` if they are corrupt or of other digests; the ledger is unchanged then.
    fn restore(
        &self,
        py: Python<'_>,
        start: usize,
        stop: usize,
        answered_at: f64,
        outcomes: &[u8],
    ) -> PyResult<usize> {
        self.is_restored.store(true, Ordering::Relaxed);
        py.detach(|| outcomes::decode(&mut self.lock(), start..stop, answered_at, outcomes))
            .map_err(|corrupt| PyValueError::new_err(corrupt.to_string()))
    }

    /// Mark the digests that `restore` would restore as never asked, whatever was restored before.
    fn forget(
        &self,
        py: Python<'_>,
        start: usize,
        stop: usize,
        answered_at: f64,
        outcomes: &[u8],
    ) -> PyResult<usize> {
        self.is_restored.store(true, Ordering::Relaxed);
        py.detach(|| outcomes::forget(&mut self.lock(), start..stop, answered_at, outcomes))
            .map_err(|corrupt| PyValueError::new_err(corrupt.to_string()))
    }

    /// End the run: later answers are ignored.
    fn close(&self) {
        self.lock().close();
    }

    /// Let nothing change any more; from here on `columns` needs no memory for a copy.
    fn seal(&self) {
        self.lock().seal();
    }

    /// Number the pending digests, which an earlier run left open in otherwise answered batches, from the
    /// plan's `unique` on, so that a call can ask many of them. Returns how many there are.
    fn pack_pending(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(py.detach(|| self.lock().pack_pending())?)
    }

    /// The count of numbers: the plan's digests and the pending digests.
    #[getter]
    fn numbers(&self) -> usize {
        self.lock().numbers()
    }

    /// Return what the next call asks, from number `start` on, as a pair of `start` and `stop`: a batch in
    /// which every digest is open, or pending digests; an empty range at the end.
    fn next_open(&self, start: usize) -> (usize, usize) {
        let call = self.lock().next_open(start);
        (call.start, call.end)
    }

    /// Return the pending digests numbered `start..stop` as a plan of their own.
    fn pending_batch(&self, start: usize, stop: usize) -> PyResult<PyPlan> {
        let call = self.call(start, stop)?;
        let digests = self.lock().asked(call).into_owned();
        Ok(PyPlan::new(Plan::of_digests(digests)))
    }

    /// Return the range in the plan from the first of these digests to the last, as `start` and `stop`.
    fn range(&self, start: usize, stop: usize) -> PyResult<(usize, usize)> {
        let call = self.call(start, stop)?;
        let range = self.lock().range(call);
        Ok((range.start, range.end))
    }

    /// Open the digests of a call again that an earlier run left unanswered, because the call asks them once
    /// more.
    fn reopen(&self, start: usize, stop: usize) -> PyResult<()> {
        let call = self.call(start, stop)?;
        self.lock().reopen(call);
        Ok(())
    }

    /// The number of digests with an outcome: a verdict, or no usable answer to this run's call.
    #[getter]
    fn settled(&self) -> usize {
        self.lock().settled()
    }

    /// Return the number of digests for each verdict.
    fn unique_counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        // Copies only the counts: while the columns are held, the next answer would have to copy them.
        let by_code = *self.lock().peek().counts();
        counts(py, &by_code)
    }

    /// Return the columns as they are now; later answers do not change them. Copies them, unless the ledger
    /// is sealed. Raises `MemoryError`.
    fn columns(&self, py: Python<'_>) -> PyResult<PyColumns> {
        let columns = py.detach(|| self.lock().columns())?;
        Ok(PyColumns::new(Arc::clone(&self.plan), columns))
    }
}

/// What a journal keeps of a call: where its digests start and stop in the plan, and its outcomes.
type PyRecord<'py> = (usize, usize, Bound<'py, PyBytes>);

/// A frozen copy of a ledger's columns, which a report reads.
#[pyclass(name = "Columns", module = "layercheck._core", frozen)]
pub(super) struct PyColumns {
    pub(super) plan: Arc<Plan>,
    pub(super) columns: Arc<Columns>,
    /// The verdict code of each row, made on the first use.
    codes: OnceLock<Arc<Vec<u8>>>,
}

#[pymethods]
impl PyColumns {
    #[getter]
    fn plan(&self) -> PyPlan {
        PyPlan { plan: Arc::clone(&self.plan) }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        reduce_columns(py, self.plan(), &self.columns)
    }

    /// The number of rows for each verdict.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let rows = py.detach(|| {
            let mut rows = [0; Verdict::ALL.len()];
            for index in self.plan.row_index() {
                rows[usize::from(self.code(*index))] += 1;
            }
            rows
        });
        counts(py, &rows)
    }

    /// The number of digests for each verdict.
    #[getter]
    fn unique_counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        counts(py, self.columns.counts())
    }

    /// Verdict codes of the rows: numpy uint8 of shape (rows,), made on the first use, no copy.
    #[getter]
    fn verdicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let codes = py.detach(|| self.codes())?;
        ArrayView::numpy(py, Owner::Codes(codes))
    }

    /// Verdict codes of the digests: numpy uint8 of shape (unique,), no copy.
    #[getter]
    fn unique_verdicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        ArrayView::numpy(py, Owner::Verdicts(Arc::clone(&self.columns)))
    }

    /// Sizes of the layers in bytes, -1 where none was given: numpy int64 of shape (unique,).
    #[getter]
    fn sizes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        ArrayView::numpy(py, Owner::Sizes(Arc::clone(&self.columns)))
    }

    /// Return the texts of the digests with this verdict code, in first-seen order.
    fn digests<'py>(&self, py: Python<'py>, verdict: u8) -> PyResult<Bound<'py, PyList>> {
        let wanted = Verdict::from_code(verdict);
        let texts = PyList::empty(py);
        for (digest, verdict) in self.plan.digests().iter().zip(self.columns.verdicts()) {
            if Some(*verdict) == wanted {
                texts.append(PyString::from_bytes(py, &digest.text())?)?;
            }
        }
        Ok(texts)
    }

    /// Return the columns of `plan`, whose digests were the rows from `row` on of these columns' plan.
    fn part(&self, plan: &Bound<'_, PyPlan>, row: usize) -> PyResult<Self> {
        let plan = Arc::clone(&plan.get().plan);
        let rows = self.plan.row_index().get(row..).and_then(|rows| rows.get(..plan.unique()));
        let rows = rows.filter(|rows| rows.iter().all(|index| *index >= 0));
        let rows =
            rows.ok_or_else(|| PyIndexError::new_err("the digests of the plan are not among the rows"))?;
        let columns = Arc::new(self.columns.select(rows)?);
        Ok(Self::new(plan, columns))
    }

    /// Return the report table: a line for each row, or for each digest. `only` holds the codes of the
    /// verdicts whose lines it has; None stands for all. With `plain` its Arrow stream has no dictionaries.
    #[pyo3(signature = (*, unique = false, only = None, plain = false))]
    fn table(&self, py: Python<'_>, unique: bool, only: Option<Vec<u8>>, plain: bool) -> PyTable {
        let table = Table::new(Arc::clone(&self.plan), Arc::clone(&self.columns), unique);
        let Some(codes) = only else { return PyTable::new(table, plain) };
        let verdicts: Vec<_> = codes.iter().filter_map(|code| Verdict::from_code(*code)).collect();
        PyTable::new(py.detach(|| table.only(&verdicts)), plain)
    }
}

impl PyColumns {
    pub(super) fn new(plan: Arc<Plan>, columns: Arc<Columns>) -> Self {
        Self { plan, columns, codes: OnceLock::new() }
    }

    fn codes(&self) -> Result<Arc<Vec<u8>>, OutOfMemory> {
        if let Some(codes) = self.codes.get() {
            return Ok(Arc::clone(codes));
        }
        let mut codes = memory::with_room(self.plan.rows())?;
        codes.extend(self.plan.row_index().iter().map(|index| self.code(*index)));
        // Another thread may have been faster, with the same codes.
        Ok(Arc::clone(self.codes.get_or_init(|| Arc::new(codes))))
    }

    fn code(&self, index: i64) -> u8 {
        let verdict = usize::try_from(index).map_or(Verdict::Invalid, |at| self.columns.verdicts()[at]);
        verdict as u8
    }
}

/// Makes a dict with all eight verdicts, so that a reader needs no default for a verdict that did not occur.
fn counts<'py>(py: Python<'py>, by_code: &[usize; Verdict::ALL.len()]) -> PyResult<Bound<'py, PyDict>> {
    let counts = PyDict::new(py);
    // `not_checked` comes last for people, although its code is the first.
    for verdict in Verdict::ALL.iter().cycle().skip(1).take(Verdict::ALL.len()) {
        counts.set_item(verdict.name(), by_code[*verdict as usize])?;
    }
    Ok(counts)
}

/// Merges the entries of an answer; see [`PyLedger::merge`] on the `last`.
fn merge_into<'a>(
    ledger: &mut Ledger,
    call: Range<usize>,
    entries: impl Iterator<Item = Entry<'a>>,
    last: bool,
) -> Merged {
    if last { ledger.merge(call, entries) } else { ledger.merge_usable(call, entries) }
}

fn merged_tuple(py: Python<'_>, merged: Merged) -> PyResult<Bound<'_, PyAny>> {
    let counts = (merged.answered, merged.left_out, merged.contradicted, merged.foreign);
    merged_type(py)?.call1(counts)
}

/// Returns the named tuple type of the results of `merge` and `merge_body`.
fn merged_type(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MERGED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let fields = PyTuple::new(py, ["answered", "left_out", "contradicted", "foreign"])?;
        let merged = py.import("collections")?.call_method1("namedtuple", ("Merged", fields))?;
        merged.setattr("__module__", "layercheck._core")?;
        PyResult::Ok(merged.unbind())
    };
    Ok(MERGED.get_or_try_init(py, make)?.bind(py))
}

/// An entry of an answer in botocore's objects, which own the texts.
struct OwnedEntry<'py> {
    digest: Bound<'py, PyString>,
    status: OwnedStatus<'py>,
}

enum OwnedStatus<'py> {
    Layer { availability: Bound<'py, PyString>, size: Option<i64>, media_type: Option<Bound<'py, PyString>> },
    Failure { code: Option<Bound<'py, PyString>>, reason: Option<Bound<'py, PyString>> },
}

impl OwnedEntry<'_> {
    fn entry(&self) -> Entry<'_> {
        Entry { digest: read_digest(read(&self.digest).as_bytes()), status: self.status.status() }
    }
}

impl OwnedStatus<'_> {
    fn status(&self) -> EntryStatus<'_> {
        match self {
            Self::Layer { availability, size, media_type } => EntryStatus::Layer {
                availability: read(availability),
                size: *size,
                media_type: media_type.as_ref().map(|text| read(text)),
            },
            Self::Failure { code, reason } => EntryStatus::Failure {
                code: code.as_ref().map_or("", |text| read(text)),
                reason: reason.as_ref().map_or("", |text| read(text)),
            },
        }
    }
}

/// Returns a text; a text that UTF-8 cannot hold (a lone surrogate from hostile JSON) counts as empty.
fn read<'a>(text: &'a Bound<'_, PyString>) -> &'a str {
    text.to_str().unwrap_or_default()
}

/// Reads the usable entries. An entry with a value of the wrong type is skipped, and its digest counts as
/// left out.
fn read_answer<'py>(answer: &Bound<'py, PyAny>) -> PyResult<Vec<OwnedEntry<'py>>> {
    let answer = answer.cast::<PyDict>()?;
    let mut entries = Vec::new();
    for item in list(answer, "layers")? {
        let Ok(item) = item.cast_into::<PyDict>() else { continue };
        let (Some(digest), Some(availability)) =
            (text(&item, "layerDigest")?, text(&item, "layerAvailability")?)
        else {
            continue;
        };
        let size = item.get_item("layerSize")?.filter(|size| !size.is_instance_of::<PyBool>());
        let size = size.and_then(|size| size.extract::<i64>().ok()).filter(|size| *size >= 0);
        let status = OwnedStatus::Layer { availability, size, media_type: text(&item, "mediaType")? };
        entries.push(OwnedEntry { digest, status });
    }
    for item in list(answer, "failures")? {
        let Ok(item) = item.cast_into::<PyDict>() else { continue };
        let Some(digest) = text(&item, "layerDigest")? else { continue };
        let status =
            OwnedStatus::Failure { code: text(&item, "failureCode")?, reason: text(&item, "failureReason")? };
        entries.push(OwnedEntry { digest, status });
    }
    Ok(entries)
}

fn list<'py>(answer: &Bound<'py, PyDict>, key: &str) -> PyResult<Bound<'py, PyList>> {
    let found = answer.get_item(key)?.and_then(|value| value.cast_into::<PyList>().ok());
    Ok(found.unwrap_or_else(|| PyList::empty(answer.py())))
}

fn text<'py>(item: &Bound<'py, PyDict>, key: &str) -> PyResult<Option<Bound<'py, PyString>>> {
    Ok(item.get_item(key)?.and_then(|value| value.cast_into::<PyString>().ok()))
}
