//! Removes the secrets of a client from texts that come from outside.
//!
//! A server or a proxy may repeat the request in its answer, in any encoding that web software writes. A
//! [`KnownSecrets`] holds the credentials in use, those that were in use lately, and the signatures of the
//! calls in flight and of the last calls before them. It finds any [`SHOWN`] letters and digits in a row of them, so that a part of a secret is found
//! too: one that a server cut off, wrapped or put into the cells of a table.
//!
//! ```
//! use layercheck::known_secrets::KnownSecrets;
//!
//! let known = KnownSecrets::default();
//! known.learn("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None);
//! assert_eq!(known.hide("key wJalrXUtnFEMI%2fK7MDENG%2fbPxRfiCYEXAMPLEKEY!", 500), "key ***!");
//! assert_eq!(known.hide("nothing here", 500), "nothing here");
//! ```

mod encodings;
mod fragments;
mod layers;
mod signatures;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fragments::Fragments;
pub use fragments::{MIN_LENGTH, SHOWN};
use layers::Layer;
use signatures::Signatures;

use crate::protocol::entry::{Entry, EntryStatus, is_known_word};

/// Credentials that are kept: those in use, and earlier ones, because an answer may repeat a request that was
/// signed before a renewal.
const GENERATIONS: usize = 4;
/// Short texts without a secret that are kept, so that an answer with the usual media types costs nothing. A
/// text that was seen before a signature was made cannot hold it.
const CLEAN_TEXTS: usize = 8;
const CLEAN_TEXT: usize = 200;
/// Layers of encoding that are undone: a text that was encoded four times is still read.
const LAYERS: usize = 4;
/// Most bytes of a text of an answer that are looked at; the ledger keeps fewer.
const ENTRY_LIMIT: usize = 4_000;
/// The text in place of a secret.
const HIDDEN: &str = "***";

/// The secrets of one client. Thread-safe.
#[derive(Default)]
pub struct KnownSecrets {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    fragments: Fragments,
    /// The credentials in use.
    current: Option<(String, String, Option<String>)>,
    generations: VecDeque<Vec<u32>>,
    signatures: Signatures,
    clean_texts: Vec<String>,
}

impl Inner {
    fn remove(&mut self, ids: Vec<u32>) {
        for id in ids {
            self.fragments.remove(id);
        }
    }
}

/// Makes fragments of a value, in all its forms.
fn add(fragments: &mut Fragments, value: &str) -> Vec<u32> {
    encodings::forms(value.as_bytes()).filter_map(|form| fragments.add(form)).collect()
}

/// New texts of one entry, for those that held a secret: the word or the code, and the media type or the
/// reason.
pub type NewTexts = (usize, [Option<String>; 2]);

impl KnownSecrets {
    /// Notes the credentials of a call.
    pub fn learn(&self, access_key: &str, secret_key: &str, token: Option<&str>) {
        let mut inner = self.lock();
        let known = inner.current.as_ref().is_some_and(|(key, secret, old)| {
            key == access_key && secret == secret_key && old.as_deref() == token
        });
        if known {
            return;
        }
        inner.current = Some((access_key.into(), secret_key.into(), token.map(str::to_owned)));
        inner.clean_texts.clear();
        let values = [Some(access_key), Some(secret_key), token].into_iter().flatten();
        let ids = values.flat_map(|value| add(&mut inner.fragments, value)).collect();
        inner.generations.push_back(ids);
        if inner.generations.len() > GENERATIONS {
            let old = inner.generations.pop_front().unwrap_or_default();
            inner.remove(old);
        }
    }

    /// Notes the signature in the value of an `Authorization` header, before the call is sent. It is kept at
    /// least until this thread makes its next call, or says that this one has ended.
    pub fn learn_authorization(&self, value: &str) {
        let Some((_, signature)) = value.rsplit_once("Signature=") else {
            return;
        };
        let mut inner = self.lock();
        let forgotten = inner.signatures.begin_call(signature);
        inner.remove(forgotten);
    }

    /// Notes that the call of this thread has ended: every text of its answer was looked at.
    pub fn end_call(&self) {
        let mut inner = self.lock();
        let forgotten = inner.signatures.end_call();
        inner.remove(forgotten);
    }

    /// Returns at most `limit` bytes of `text`, with `***` in place of each secret. A text that is cut loses
    /// its last letters and digits too, because they may be the start of a secret.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str, limit: usize) -> Cow<'a, str> {
        let cut = &text[..text.floor_char_boundary(limit)];
        let is_cut = cut.len() < text.len();
        let (found, tail) = self.find(cut);
        let end = if is_cut { tail } else { cut.len() };
        if found.is_empty() {
            return Cow::Borrowed(&cut[..end]);
        }
        let mut shown = String::with_capacity(end);
        let mut at = 0;
        for range in found.into_iter().filter(|range| range.start < end) {
            shown.push_str(&cut[at..range.start]);
            shown.push_str(HIDDEN);
            at = range.end.min(end);
        }
        shown.push_str(&cut[at..end]);
        Cow::Owned(shown)
    }

    /// Returns new texts for the entries of an answer whose texts hold a secret, in the order of the entries.
    pub fn hide_in<'a>(&self, entries: impl Iterator<Item = Entry<'a>>) -> Vec<NewTexts> {
        let mut found = Vec::new();
        // Most entries repeat the texts of the entry before.
        let mut before: [(&str, Option<String>); 2] = [("", None), ("", None)];
        for (at, entry) in entries.enumerate() {
            let texts = match entry.status {
                EntryStatus::Layer { availability, media_type, .. } => {
                    [if is_known_word(availability) { "" } else { availability }, media_type.unwrap_or("")]
                }
                EntryStatus::Failure { code, reason } => [code, reason],
            };
            for (before, text) in before.iter_mut().zip(texts) {
                // Two empty texts are not compared, because that takes 300 ns where `memcmp` uses masks: it
                // reads at the address of an empty text, which is not one.
                if before.0.len() != text.len() || (!text.is_empty() && before.0 != text) {
                    *before = (text, self.changed(text));
                }
            }
            let unchanged = before.iter().all(|(_, new)| new.is_none());
            if !unchanged {
                found.push((at, before.clone().map(|(_, new)| new)));
            }
        }
        found
    }

    fn changed(&self, text: &str) -> Option<String> {
        if text.len() < MIN_LENGTH || self.lock().clean_texts.iter().any(|clean| clean == text) {
            return None;
        }
        match self.hide(text, ENTRY_LIMIT) {
            Cow::Borrowed(same) if same.len() == text.len() => {
                let mut inner = self.lock();
                if text.len() <= CLEAN_TEXT && inner.clean_texts.len() < CLEAN_TEXTS {
                    inner.clean_texts.push(text.to_owned());
                }
                None
            }
            shown => Some(shown.into_owned()),
        }
    }

    /// Returns where secrets stand, in order and apart, and where the last letters begin that may be the
    /// start of a secret.
    fn find(&self, text: &str) -> (Vec<Range<usize>>, usize) {
        let mut inner = self.lock();
        let Inner { fragments, signatures, .. } = &mut *inner;
        signatures.add_new(|signature| add(fragments, signature));
        let mut layer = Layer::of(text);
        let mut found = Vec::new();
        let mut tail = text.len();
        for _ in 0..=LAYERS {
            let (stream, places) = layer.fold();
            let last = places.len().saturating_sub(SHOWN - 1);
            tail = tail.min(places.get(last).map_or(text.len(), |place| layer.span(*place).start));
            let ranges = inner.fragments.find(&stream);
            found.extend(ranges.into_iter().map(|range| {
                let (first, last) = (places[range.start], places[range.end - 1]);
                layer.span(first).start..layer.span(last).end
            }));
            match layer.decoded() {
                Some(next) => layer = next,
                None => break,
            }
        }
        drop(inner);
        found.sort_unstable_by_key(|range: &Range<usize>| range.start);
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match apart.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        (apart, tail)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic can leave a fragment without its entry among the generations, which does no harm.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the entries with the new texts in place of those that held a secret.
pub fn with_new_texts<'a>(
    entries: impl Iterator<Item = Entry<'a>>,
    new: &'a [NewTexts],
) -> impl Iterator<Item = Entry<'a>> {
    let mut new = new.iter().peekable();
    entries.enumerate().map(move |(at, entry)| match new.next_if(|(place, _)| *place == at) {
        Some((_, texts)) => Entry { status: replaced(entry.status, texts), ..entry },
        None => entry,
    })
}

fn replaced<'a>(status: EntryStatus<'a>, [word, note]: &'a [Option<String>; 2]) -> EntryStatus<'a> {
    match status {
        EntryStatus::Layer { availability, size, media_type } => EntryStatus::Layer {
            availability: word.as_deref().unwrap_or(availability),
            size,
            media_type: note.as_deref().or(media_type),
        },
        EntryStatus::Failure { code, reason } => EntryStatus::Failure {
            code: word.as_deref().unwrap_or(code),
            reason: note.as_deref().unwrap_or(reason),
        },
    }
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownSecrets(***)")
    }
}
