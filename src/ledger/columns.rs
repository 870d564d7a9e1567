//! Verdict columns of one run: 13 bytes a digest, beside the plan's 32.

use std::collections::HashMap;

use crate::memory::{self, OutOfMemory};
use crate::verdict::Verdict;

/// Most bytes of a code, reason or media type that are kept. A longer text is cut.
pub const MAX_NOTE: usize = 1_000;

/// The text in place of notes beyond the 65,535 different notes that are kept.
pub const NOT_KEPT: &str = "(more different texts than are kept)";

/// What is kept beside a verdict and its size. Texts may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note<'a> {
    /// The media type, if the service gave it.
    pub media_type: Option<&'a str>,
    /// A code of the service or of layercheck.
    pub code: &'a str,
    /// A sentence for people.
    pub reason: &'a str,
}

/// The columns, one cell per unique digest.
#[derive(Debug)]
pub struct Columns {
    pub(super) verdicts: Vec<Verdict>,
    /// Bytes; -1 where the service gave none.
    pub(super) sizes: Vec<i64>,
    pub(super) media_types: Vec<u16>,
    pub(super) details: Vec<u16>,
    pub(super) media_type_names: Notes<String>,
    pub(super) detail_texts: Notes<(String, String)>,
    pub(super) counts: [usize; Verdict::ALL.len()],
}

impl Columns {
    pub(super) fn new(unique: usize) -> Result<Self, OutOfMemory> {
        let mut counts = [0; Verdict::ALL.len()];
        counts[Verdict::NotChecked as usize] = unique;
        Ok(Self {
            verdicts: memory::filled(Verdict::NotChecked, unique)?,
            sizes: memory::filled(-1, unique)?,
            media_types: memory::filled(0, unique)?,
            details: memory::filled(0, unique)?,
            media_type_names: Notes::new(NOT_KEPT.into()),
            detail_texts: Notes::new((NOT_KEPT.into(), NOT_KEPT.into())),
            counts,
        })
    }

    /// Returns a copy.
    pub(super) fn copy(&self) -> Result<Self, OutOfMemory> {
        let texts = self.media_type_names.texts.iter().map(String::len).sum::<usize>();
        let pairs =
            self.detail_texts.texts.iter().map(|(code, reason)| code.len() + reason.len()).sum::<usize>();
        memory::ensure(2 * (texts + self.media_type_names.bytes() + pairs + self.detail_texts.bytes()))?;
        Ok(Self {
            verdicts: memory::copy(&self.verdicts)?,
            sizes: memory::copy(&self.sizes)?,
            media_types: memory::copy(&self.media_types)?,
            details: memory::copy(&self.details)?,
            media_type_names: self.media_type_names.clone(),
            detail_texts: self.detail_texts.clone(),
            counts: self.counts,
        })
    }

    /// Returns the verdict of each digest.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Returns the size of each layer in bytes, or -1 where the service gave none.
    #[must_use]
    pub fn sizes(&self) -> &[i64] {
        &self.sizes
    }

    /// Returns the number of digests for each verdict, by the verdict's code.
    #[must_use]
    pub fn counts(&self) -> &[usize; Verdict::ALL.len()] {
        &self.counts
    }

    /// Returns the media type of digest `at`, if the service gave it.
    #[must_use]
    pub fn media_type(&self, at: usize) -> Option<&str> {
        self.media_type_names.get(self.media_types[at]).map(String::as_str)
    }

    /// Returns every media type that [`Columns::media_type`] can return.
    pub fn media_type_names(&self) -> impl Iterator<Item = &str> {
        let names = &self.media_type_names;
        names.texts.iter().chain(names.full.then_some(&names.last)).map(String::as_str)
    }

    /// Returns the code and the reason kept for digest `at`; either may be empty.
    #[must_use]
    pub fn detail(&self, at: usize) -> (&str, &str) {
        self.detail_texts.get(self.details[at]).map_or(("", ""), |(code, reason)| (code, reason))
    }

    /// Returns the columns of other digests, each of which is at the given position here.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    ///
    /// # Panics
    /// If a position is below zero or beyond the last digest.
    pub fn select(&self, positions: &[i64]) -> Result<Self, OutOfMemory> {
        let mut selected = Self::new(positions.len())?;
        for (to, from) in positions.iter().enumerate() {
            let from = usize::try_from(*from).expect("raw digests are never rejected");
            let (code, reason) = self.detail(from);
            let note = Note { media_type: self.media_type(from), code, reason };
            selected.put(to, self.verdicts[from], self.sizes[from], note);
        }
        Ok(selected)
    }

    /// Returns a key that is equal for digests of which everything but the size is equal.
    pub(crate) fn key(&self, at: usize) -> (Verdict, u16, u16) {
        (self.verdicts[at], self.media_types[at], self.details[at])
    }

    /// Writes the outcome of a digest from an earlier run.
    pub(super) fn put(&mut self, at: usize, verdict: Verdict, size: i64, note: Note<'_>) {
        self.set(at, verdict, note.code, note.reason);
        self.sizes[at] = size;
        self.media_types[at] = note.media_type.map_or(0, |name| self.media_type_number(name));
    }

    pub(super) fn media_type_number(&mut self, name: &str) -> u16 {
        let name = cut(name);
        self.media_type_names.number(|kept| kept == name, || name.to_owned())
    }

    /// Marks a digest without a verdict as unanswered; returns whether it had none.
    pub(super) fn give_up(&mut self, at: usize, code: &str, reason: &str) -> bool {
        let open = self.verdicts[at] == Verdict::NotChecked;
        if open {
            self.set(at, Verdict::Unanswered, code, reason);
        }
        open
    }

    pub(super) fn set(&mut self, at: usize, verdict: Verdict, code: &str, reason: &str) {
        self.counts[self.verdicts[at] as usize] -= 1;
        self.counts[verdict as usize] += 1;
        self.verdicts[at] = verdict;
        // Clear what an earlier answer left, because it must not stand beside a later verdict.
        self.sizes[at] = -1;
        self.media_types[at] = 0;
        self.details[at] = if code.is_empty() && reason.is_empty() {
            0
        } else {
            let (code, reason) = (cut(code), cut(reason));
            let same = |kept: &(String, String)| kept.0 == code && kept.1 == reason;
            self.detail_texts.number(same, || (code.to_owned(), reason.to_owned()))
        };
    }
}

/// Numbered texts; 0 is no text. A hostile service can send a different text with every digest, so the
/// number of texts is bounded, and `last` stands for every text beyond it.
#[derive(Clone, Debug)]
pub(crate) struct Notes<T> {
    pub(super) numbers: HashMap<T, u16>,
    pub(super) texts: Vec<T>,
    last: T,
    /// Whether no more texts are kept.
    pub(super) full: bool,
}

impl<T: Clone + Eq + std::hash::Hash> Notes<T> {
    pub(crate) fn new(last: T) -> Self {
        Self { numbers: HashMap::new(), texts: Vec::new(), last, full: false }
    }

    /// Returns the number of a text. `same` finds it among the first few texts; otherwise `make` makes it.
    pub(crate) fn number(&mut self, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u16 {
        // An honest service has only these few, and a comparison needs neither memory nor a hash.
        const FEW: usize = 4;
        if let Some(at) = self.texts.iter().take(FEW).position(same) {
            return at as u16 + 1;
        }
        let text = make();
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        // Without memory for more texts, a verdict is worth more than its text.
        self.full = self.full
            || self.texts.len() >= usize::from(u16::MAX) - 1
            || memory::reserve(&mut self.texts, 1).is_err()
            || self.numbers.try_reserve(1).is_err();
        if self.full {
            return u16::MAX;
        }
        self.texts.push(text.clone());
        let number = self.texts.len() as u16;
        self.numbers.insert(text, number);
        number
    }

    /// Returns the bytes of a copy, without those of the texts.
    fn bytes(&self) -> usize {
        self.texts.len() * size_of::<T>() + self.numbers.capacity() * size_of::<(T, u16)>()
    }

    pub(crate) fn get(&self, number: u16) -> Option<&T> {
        match number {
            0 => None,
            u16::MAX => Some(&self.last),
            _ => self.texts.get(usize::from(number) - 1),
        }
    }
}

/// Cuts `text` to at most [`MAX_NOTE`] bytes of whole characters.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_NOTE)]
}
