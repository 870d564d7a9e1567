//! The table of repositories: how the check of each ended, and counts.

use super::column;
use crate::table::records::{Column, Kind};

/// The columns. The lines come from Python, which knows how a check ended.
pub const COLUMNS: &[Column] = &[
    column("account_id", Kind::Text),
    column("region", Kind::Text),
    column("repository", Kind::Text),
    column("state", Kind::Text),
    column("listed_at", Kind::Time),
    column("images", Kind::Int),
    column("tags", Kind::Int),
    column("complete", Kind::Int),
    column("incomplete", Kind::Int),
    column("unreadable", Kind::Int),
    column("partial", Kind::Int),
    column("archived", Kind::Int),
    column("gone", Kind::Int),
    column("undecided", Kind::Int),
    column("not_checked", Kind::Int),
    column("blobs", Kind::Int),
    column("bytes", Kind::Int),
    column("pull_through", Kind::Bool),
    column("encryption", Kind::Text),
    column("calls", Kind::Int),
    column("duration_ms", Kind::Int),
    column("code", Kind::Text),
    column("reason", Kind::Text),
];
