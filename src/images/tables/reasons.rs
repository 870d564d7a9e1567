//! Says in a sentence why an image has its verdict.

use std::borrow::Cow;

use super::super::Graph;
use super::super::tally::Tally;
use super::super::verdict::{Code, ImageVerdict};
use super::images::{children, layers};

/// Returns the sentence; empty if the verdict says it all.
pub(super) fn reason<'a>(graph: &'a Graph, at: u32, tally: &Tally) -> Cow<'a, str> {
    let document = graph.document(at);
    match document.code {
        Code::None => Cow::Borrowed(""),
        Code::Noted => graph.notes.get(document.note).map_or("", |(_, reason)| reason).into(),
        Code::CyclicIndex => "the index contains itself, or an index that contains itself".into(),
        Code::NestedTooDeep => "indexes stand in indexes more than 8 deep".into(),
        Code::MalformedDigest | Code::UnsupportedAlgorithm => unusable(graph, at, tally).into(),
        Code::PullThrough => "children are not listed; a pull-through cache has what was pulled".into(),
        Code::PullThroughUnknown => {
            "children are not listed; it is not known whether this is a pull-through cache".into()
        }
        Code::ListingIncomplete => "children are not listed, and not all of the listing was read".into(),
        Code::PartialChild => "children of a child are not listed".into(),
        _ => counts(graph, at, document.verdict, tally).into(),
    }
}

fn unusable(graph: &Graph, at: u32, tally: &Tally) -> String {
    let Some(fault) = graph.faults.get(&at) else { return String::new() };
    let what = if tally.malformed > 0 {
        "is not a digest"
    } else {
        "is not a sha256, so ECR cannot be asked about it"
    };
    let text =
        if fault.text.is_empty() { "a part without a digest".into() } else { format!("{:?}", fault.text) };
    format!("{text} {what} (byte {} of the manifest)", fault.offset)
}

fn counts(graph: &Graph, at: u32, verdict: Option<ImageVerdict>, tally: &Tally) -> String {
    let (children, layers) = (children(graph, at), layers(graph, at));
    let mut said = Vec::new();
    let mut say = |count: u32, text: String| {
        if count > 0 {
            said.push(text);
        }
    };
    let of = |count: u32, all: u32, one: &str, many: &str, what: &str| {
        let verb = if count == 1 { "is" } else { "are" };
        format!("{count} of {all} {} {verb} {what}", if all == 1 { one } else { many })
    };
    let count = |count: u32, one: &str, many: &str| {
        if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
    };
    say(tally.missing_layers, of(tally.missing_layers, layers, "layer", "layers", "missing"));
    say(tally.missing_config, "the config is missing".into());
    say(tally.with_urls, count(tally.with_urls, "of these has urls", "of these have urls"));
    say(tally.missing_children, of(tally.missing_children, children, "child", "children", "missing"));
    say(
        tally.incomplete_children,
        of(tally.incomplete_children, children, "child", "children", "incomplete"),
    );
    say(tally.archived, count(tally.archived, "part is archived", "parts are archived"));
    let sizes =
        ("part has another size than the manifest says", "parts have other sizes than the manifest says");
    say(tally.wrong_sizes, count(tally.wrong_sizes, sizes.0, sizes.1));
    say(
        tally.contradictions,
        count(
            tally.contradictions,
            "part is denied by one operation and given by another",
            "parts are denied by one operation and given by another",
        ),
    );
    if verdict != Some(ImageVerdict::Incomplete) || tally.undecided() > 0 {
        say(
            tally.undecided_blobs,
            count(tally.undecided_blobs, "part has no answer", "parts have no answer"),
        );
        say(
            tally.undecided_children,
            count(tally.undecided_children, "child is undecided", "children are undecided"),
        );
        say(
            tally.unreadable_children,
            count(tally.unreadable_children, "child is unreadable", "children are unreadable"),
        );
        say(
            tally.found_later,
            count(
                tally.found_later,
                "child came after the listing, or was archived then",
                "children came after the listing, or were archived then",
            ),
        );
        say(tally.unsupported, count(tally.unsupported, "digest is not a sha256", "digests are not sha256"));
    }
    said.join("; ")
}
