//! The documents of a repository and how they name each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::blobs::Blobs;
use super::digest_index::DigestIndex;
use super::judge::Circumstances;
use super::platforms::PlatformFilter;
use super::tags::{Chain, Tags};
use super::verdict::{Code, ImageVerdict};
use crate::digest::Digest;
use crate::ledger::columns::{Columns, NOT_KEPT, Notes, cut};
use crate::manifest::{Kind, KnownType, MediaType};
use crate::memory::{self, OutOfMemory};
use crate::plan::Plan;

/// Stands for no document.
pub(super) const NONE: u32 = u32::MAX;

/// The images of one repository.
#[derive(Debug)]
pub struct Graph {
    pub(super) filter: PlatformFilter,
    /// Numbers of documents: listed images, children of indexes, and subjects.
    pub(super) index: DigestIndex,
    pub(super) documents: Vec<Document>,
    /// The listed images, in the order of the listing.
    pub(super) listed: Vec<u32>,
    /// Entries and values of the listing that could not be used.
    pub(super) skipped: usize,
    pub(super) tags: Tags,
    pub(super) blobs: Blobs,
    /// References to blobs, document by document.
    pub(super) refs: Vec<u32>,
    /// Children of indexes, document by document.
    pub(super) children: Vec<Child>,
    /// Blobs of indexes that are listed images, index by index; found by the last judgement.
    pub(super) blob_children: HashMap<u32, Vec<Child>>,
    pub(super) faults: HashMap<u32, Fault>,
    /// Media types, artifact types and words of the service.
    pub(super) words: Notes<String>,
    /// Numbers of known media types among the words; 0 for those that did not occur.
    known_types: Vec<u16>,
    /// Codes and reasons.
    pub(super) notes: Notes<(String, String)>,
    /// `os`, `architecture`, `variant`, `os.version`.
    pub(super) platforms: Notes<[String; 4]>,
    /// The place in `listed` from which an image may be unread.
    pub(super) next_unread: usize,
    /// Manifests that were read.
    pub(super) manifests: usize,
    pub(super) circumstances: Circumstances,
}

/// One document.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Milliseconds since 1970; [`NO_TIME`] if unknown.
    pub(super) pushed_ms: i64,
    /// The same.
    pub(super) pulled_ms: i64,
    /// Bytes by the listing, or -1.
    pub(super) size: i64,
    /// Where its references start, and how many there are.
    pub(super) refs: (u32, u32),
    /// Where its children start, and how many there are.
    pub(super) children: (u32, u32),
    pub(super) tags: Chain,
    /// The document that this one is about, or [`NONE`].
    pub(super) subject: u32,
    /// The first index with a tag that leads here, or [`NONE`].
    pub(super) tagged_by: u32,
    /// Listed indexes that name it.
    pub(super) parents: u32,
    pub(super) note: u16,
    pub(super) media_type: u16,
    pub(super) artifact_type: u16,
    pub(super) status: u16,
    pub(super) reading: Reading,
    pub(super) facts: u8,
    pub(super) kind: Kind,
    pub(super) verdict: Option<ImageVerdict>,
    pub(super) code: Code,
}

/// A time that the listing does not give.
pub(super) const NO_TIME: i64 = i64::MIN;

/// How far reading a manifest has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Not asked for.
    Unread,
    /// Asked for, without an answer so far.
    HandedOut,
    /// Its parts are in the graph.
    Read,
    /// It cannot be had or understood.
    Unreadable,
    /// The service gave no usable answer.
    Undecided,
}

/// Facts about a document, as bits.
pub(super) mod fact {
    /// The listing has it.
    pub(in crate::images) const LISTED: u8 = 1;
    /// Its status is ARCHIVED or ACTIVATING.
    pub(in crate::images) const ARCHIVED: u8 = 2;
    /// The service said that it is not there.
    pub(in crate::images) const GONE: u8 = 4;
    /// A second look found it, although it is not listed, or is archived in the listing.
    pub(in crate::images) const FOUND: u8 = 8;
    /// An index, of which some children are blobs by their media types.
    pub(in crate::images) const BLOB_CHILDREN: u8 = 16;
    /// Only one answer said that it is gone, and no second look did.
    pub(in crate::images) const DENIED_ONCE: u8 = 32;
    /// A second look called it archived, too.
    pub(in crate::images) const ARCHIVED_TWICE: u8 = 64;
}

/// What an index says of a child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) document: u32,
    /// Number of the platform; 0 if the index gives none.
    pub(super) platform: u16,
    /// Bits of [`flag`](super::parts::flag).
    pub(super) flags: u8,
    /// Whether the platform is asked about.
    pub(super) is_wanted: bool,
}

/// Parts of a document that cannot be asked about.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) malformed: u32,
    pub(super) unsupported: u32,
    pub(super) offset: u32,
    pub(super) text: String,
}

impl Document {
    const NEW: Self = Self {
        pushed_ms: NO_TIME,
        pulled_ms: NO_TIME,
        size: -1,
        refs: (0, 0),
        children: (0, 0),
        tags: Chain::EMPTY,
        subject: NONE,
        tagged_by: NONE,
        parents: 0,
        note: 0,
        media_type: 0,
        artifact_type: 0,
        status: 0,
        reading: Reading::Unread,
        facts: 0,
        kind: Kind::Unknown,
        verdict: None,
        code: Code::None,
    };

    pub(super) fn is(&self, fact: u8) -> bool {
        self.facts & fact != 0
    }

    /// Returns true if the document is in the repository now, as far as is known, and can be pulled.
    pub(super) fn is_active(&self) -> bool {
        self.facts & (fact::LISTED | fact::ARCHIVED | fact::GONE) == fact::LISTED
    }
}

impl Graph {
    /// Makes a graph without images. Children for platforms that the filter leaves out are not required.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(filter: PlatformFilter) -> Result<Self, OutOfMemory> {
        let not_kept = || NOT_KEPT.to_owned();
        Ok(Self {
            filter,
            index: DigestIndex::new()?,
            documents: Vec::new(),
            listed: Vec::new(),
            skipped: 0,
            tags: Tags::default(),
            blobs: Blobs::new()?,
            refs: Vec::new(),
            children: Vec::new(),
            blob_children: HashMap::new(),
            faults: HashMap::new(),
            words: Notes::new(not_kept()),
            known_types: vec![0; KnownType::ALL.len()],
            notes: Notes::new((not_kept(), not_kept())),
            platforms: Notes::new([not_kept(), not_kept(), not_kept(), not_kept()]),
            next_unread: 0,
            manifests: 0,
            circumstances: Circumstances::default(),
        })
    }

    /// Returns the number of listed images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Returns true if no image is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Returns the number of entries and values of the listing that could not be used.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Returns the number of tags.
    #[must_use]
    pub fn tags(&self) -> usize {
        self.tags.len()
    }

    /// Returns the number of different blobs that the manifests name.
    #[must_use]
    pub fn blobs(&self) -> usize {
        self.blobs.len()
    }

    /// Returns the number of manifests that were read.
    #[must_use]
    pub fn manifests(&self) -> usize {
        self.manifests
    }

    /// Returns the plan of all blobs that the manifests name, with a row for each, in first-seen order. Graph and
    /// plan share the memory of the digests.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    ///
    /// # Panics
    /// If `batch_size` is zero.
    pub fn plan(&mut self, batch_size: usize) -> Result<Arc<Plan>, OutOfMemory> {
        assert!(batch_size > 0, "a batch holds at least one digest");
        self.blobs.plan(batch_size)
    }

    /// Takes the verdicts of a plan of this graph. They replace what earlier verdicts and second looks said.
    ///
    /// Returns false, and changes nothing, if the plan has other digests than the first blobs of this graph.
    pub fn set_verdicts(&mut self, plan: &Arc<Plan>, columns: &Arc<Columns>) -> bool {
        self.blobs.set(plan, columns)
    }

    /// Returns the listed images with this verdict, in the order of the listing.
    pub fn with_verdict(&self, verdict: ImageVerdict) -> impl Iterator<Item = &Digest> {
        let has = move |at: &&u32| self.documents[**at as usize].verdict == Some(verdict);
        self.listed.iter().filter(has).map(|at| self.digest(*at))
    }

    /// Returns the place of a listed image among the listed images, by a search from the start.
    #[must_use]
    pub fn place(&self, digest: &Digest) -> Option<usize> {
        let at = self.index.find(digest)?;
        self.listed.iter().position(|listed| *listed == at)
    }

    pub(super) fn digest(&self, document: u32) -> &Digest {
        &self.index.digests()[document as usize]
    }

    pub(super) fn document(&self, document: u32) -> &Document {
        &self.documents[document as usize]
    }

    /// Returns the number of a listed image.
    pub(super) fn find_listed(&self, digest: &Digest) -> Option<u32> {
        self.index.find(digest).filter(|at| self.document(*at).is(fact::LISTED))
    }

    /// Returns the number of a document, which may be new.
    pub(super) fn number(&mut self, digest: &Digest) -> Result<u32, OutOfMemory> {
        memory::reserve(&mut self.documents, 1)?;
        let at = self.index.of(digest)?;
        if at as usize == self.documents.len() {
            self.documents.push(Document::NEW);
        }
        Ok(at)
    }

    /// Returns the number of a word; 0 for an empty word.
    pub(super) fn word(&mut self, word: &str) -> u16 {
        let word = cut(word);
        if word.is_empty() { 0 } else { self.words.number(|kept| kept == word, || word.to_owned()) }
    }

    pub(super) fn type_number(&mut self, media_type: &MediaType<'_>) -> u16 {
        let Some(known) = media_type.known() else { return self.word(media_type.text()) };
        let place = known as usize;
        if self.known_types[place] == 0 {
            self.known_types[place] = self.word(known.text());
        }
        self.known_types[place]
    }

    /// Returns the word with this number; empty for 0.
    pub(super) fn word_of(&self, number: u16) -> &str {
        self.words.get(number).map_or("", String::as_str)
    }

    pub(super) fn note(&mut self, code: &str, reason: &str) -> u16 {
        let (code, reason) = (cut(code), cut(reason));
        let same = |kept: &(String, String)| kept.0 == code && kept.1 == reason;
        self.notes.number(same, || (code.to_owned(), reason.to_owned()))
    }

    pub(super) fn platform_number(&mut self, platform: &[std::borrow::Cow<'_, str>; 4]) -> u16 {
        let words = [0, 1, 2, 3].map(|at| cut(&platform[at]));
        if words.iter().all(|word| word.is_empty()) {
            return 0;
        }
        let same = |kept: &[String; 4]| kept.iter().zip(words).all(|(kept, word)| kept == word);
        self.platforms.number(same, || words.map(str::to_owned))
    }

    pub(super) fn refs_of(&self, document: &Document) -> &[u32] {
        let (start, count) = document.refs;
        &self.refs[start as usize..][..count as usize]
    }

    pub(super) fn children_of(&self, document: &Document) -> &[Child] {
        let (start, count) = document.children;
        &self.children[start as usize..][..count as usize]
    }
}
