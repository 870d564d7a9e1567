//! What was found out about the parts of one image, and the verdict that follows.

use super::judge::Circumstances;
use super::verdict::{Code, ImageVerdict};

/// What was found out about the parts of one image. Each blob and each child counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) missing_layers: u32,
    pub(super) missing_config: u32,
    pub(super) missing_children: u32,
    pub(super) incomplete_children: u32,
    pub(super) archived: u32,
    pub(super) wrong_sizes: u32,
    pub(super) contradictions: u32,
    pub(super) undecided_blobs: u32,
    pub(super) undecided_children: u32,
    pub(super) unreadable_children: u32,
    pub(super) found_later: u32,
    pub(super) not_checked: u32,
    pub(super) partial_children: u32,
    pub(super) unlisted_children: u32,
    pub(super) malformed: u32,
    pub(super) unsupported: u32,
    /// Missing blobs that have `urls`.
    pub(super) with_urls: u32,
    /// Missing blobs that a second witness denied too.
    pub(super) confirmed: u32,
    /// Layers that are not to be distributed and are not available.
    pub(super) external: u32,
    /// Attestations and artifacts of the index that are incomplete or missing.
    pub(super) extras_incomplete: u32,
}

/// What a child is to its index, for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildState {
    /// It has a verdict of its own.
    Judged(ImageVerdict),
    /// Denied, or not in a complete listing.
    Missing,
    /// Not listed, where that may be.
    Unlisted,
    /// Found by a second look, and not listed before, or archived.
    FoundLater,
    /// Not listed, not needed, and nobody asked for it.
    NotAsked,
}

impl ChildState {
    /// Returns true if it is known that a pull of the child fails.
    pub(super) fn is_broken(self) -> bool {
        let broken = [ImageVerdict::Incomplete, ImageVerdict::Archived];
        self == Self::Missing || broken.iter().any(|verdict| self == Self::Judged(*verdict))
    }
}

impl Tally {
    /// Returns the number of parts that are known to be missing or incomplete.
    pub(super) fn missing(&self) -> u32 {
        self.missing_layers + self.missing_config + self.missing_children + self.incomplete_children
    }

    /// Returns the number of parts without an answer.
    pub(super) fn undecided(&self) -> u32 {
        self.contradictions
            + self.undecided_blobs
            + self.undecided_children
            + self.unreadable_children
            + self.found_later
            + self.unsupported
    }

    /// Returns the verdict: unreadable before incomplete, undecided, not checked, partial and complete.
    pub(super) fn verdict(&self, circumstances: Circumstances) -> (ImageVerdict, Code) {
        let rules = [
            (self.malformed, ImageVerdict::Unreadable, Code::MalformedDigest),
            (self.missing_layers, ImageVerdict::Incomplete, Code::MissingLayer),
            (self.missing_config, ImageVerdict::Incomplete, Code::MissingConfig),
            (self.missing_children, ImageVerdict::Incomplete, Code::MissingChild),
            (self.incomplete_children, ImageVerdict::Incomplete, Code::IncompleteChild),
            (self.archived, ImageVerdict::Incomplete, Code::ArchivedParts),
            (self.wrong_sizes, ImageVerdict::Incomplete, Code::SizeMismatch),
            (self.contradictions, ImageVerdict::Undecided, Code::Contradiction),
            (self.unsupported, ImageVerdict::Undecided, Code::UnsupportedAlgorithm),
            (self.undecided_blobs, ImageVerdict::Undecided, Code::UndecidedParts),
            (self.undecided_children, ImageVerdict::Undecided, Code::UndecidedChild),
            (self.unreadable_children, ImageVerdict::Undecided, Code::UnreadableChild),
            (self.found_later, ImageVerdict::Undecided, Code::ChildFoundLater),
            (self.not_checked, ImageVerdict::NotChecked, Code::None),
            (self.unlisted_children, ImageVerdict::Partial, circumstances.not_listed()),
            (self.partial_children, ImageVerdict::Partial, Code::PartialChild),
        ];
        let first = rules.iter().find(|(count, _, _)| *count > 0);
        first.map_or((ImageVerdict::Complete, Code::None), |(_, verdict, code)| (*verdict, *code))
    }
}

impl Tally {
    /// Counts a child of which nobody can tell whether it is required.
    pub(super) fn count_doubtful(&mut self, state: ChildState) {
        if state.is_broken() {
            self.undecided_children += 1;
        } else {
            self.count_child(state);
        }
    }

    /// Counts a required child.
    pub(super) fn count_child(&mut self, state: ChildState) {
        let count = match state {
            ChildState::Judged(ImageVerdict::Complete) => return,
            ChildState::Judged(ImageVerdict::Incomplete) => &mut self.incomplete_children,
            ChildState::Judged(ImageVerdict::Unreadable) => &mut self.unreadable_children,
            ChildState::Judged(ImageVerdict::Undecided) => &mut self.undecided_children,
            ChildState::Judged(ImageVerdict::Partial) => &mut self.partial_children,
            ChildState::Judged(ImageVerdict::Archived) => &mut self.archived,
            ChildState::Judged(ImageVerdict::NotChecked) | ChildState::NotAsked => &mut self.not_checked,
            // A document that is gone is one of the two states below.
            ChildState::Missing | ChildState::Judged(ImageVerdict::Gone) => &mut self.missing_children,
            ChildState::Unlisted => &mut self.unlisted_children,
            ChildState::FoundLater => &mut self.found_later,
        };
        *count += 1;
    }
}
