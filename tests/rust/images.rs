//! The graph of a repository's images, through its public interface.

use std::sync::{Arc, Mutex};

use layercheck::digest::Text;
use layercheck::images::tables::{GraphTable, Place};
use layercheck::images::{
    Circumstances, Graph, ImageVerdict, ListedImage, PlatformFilter, ReadError, ReadManifest,
};
use layercheck::known_secrets::KnownSecrets;
use layercheck::manifest::{KnownType, sha256};
use layercheck::protocol::entry::{Entry, EntryStatus};
use layercheck::table::records::{Cell, Records};
use layercheck::{Digest, Ledger, Planner, Verdict};

const SURE: Circumstances = Circumstances { listing_complete: true, pull_through: Some(false) };

fn graph() -> Graph {
    Graph::new(PlatformFilter::default()).unwrap()
}

fn list(graph: &mut Graph, digest: &Digest) {
    let text = digest.to_string();
    graph.list(&ListedImage { digest: &text, ..ListedImage::default() }).unwrap();
}

/// Lists and reads an image.
fn add(graph: &mut Graph, document: &str) -> Digest {
    let digest = sha256(document.as_bytes());
    list(graph, &digest);
    let read = ReadManifest::of(&digest, document, None).unwrap();
    assert_eq!(graph.take(&digest, &read).unwrap(), Ok(()));
    digest
}

fn blob(name: &str) -> Digest {
    sha256(name.as_bytes())
}

fn layer(name: &str, size: u32, media_type: &str) -> String {
    format!(r#"{{"mediaType": "{media_type}", "size": {size}, "digest": "{}"}}"#, blob(name))
}

fn image(layers: &[String]) -> String {
    format!(r#"{{"config": {}, "layers": [{}]}}"#, layer("config", 7, ""), layers.join(", "))
}

fn index(children: &[Digest]) -> String {
    let child = |digest: &Digest| {
        format!(
            r#"{{"digest": "{digest}", "size": 1, "platform": {{"os": "linux", "architecture": "arm64"}}}}"#
        )
    };
    format!(r#"{{"manifests": [{}]}}"#, children.iter().map(child).collect::<Vec<_>>().join(", "))
}

/// Gives every blob a verdict: those of these names are denied, and the others are there.
fn answer(graph: &mut Graph, denied: &[&str]) {
    answer_with_size(graph, denied, None);
}

/// The same, with a size for every blob.
fn answer_with_size(graph: &mut Graph, denied: &[&str], size: Option<i64>) {
    let plan = graph.plan(100).unwrap();
    let mut ledger = Ledger::new(Arc::clone(&plan)).unwrap();
    let denied: Vec<_> = denied.iter().map(|name| blob(name)).collect();
    let entries = plan.digests().iter().map(|digest| Entry {
        digest: Some(*digest),
        status: EntryStatus::Layer {
            availability: if denied.contains(digest) { "UNAVAILABLE" } else { "AVAILABLE" },
            size,
            media_type: None,
        },
    });
    ledger.merge(0..plan.unique(), entries.collect::<Vec<_>>().into_iter());
    assert!(graph.set_verdicts(&plan, &ledger.columns().unwrap()));
}

fn count(counts: [usize; 8], verdict: ImageVerdict) -> usize {
    counts[verdict as usize]
}

#[test]
fn a_denied_blob_breaks_every_image_that_needs_it() {
    let mut graph = graph();
    let shared = layer("shared", 5, "application/vnd.oci.image.layer.v1.tar+gzip");
    let other = layer("other", 5, "application/vnd.oci.image.layer.v1.tar+gzip");
    let first = add(&mut graph, &image(std::slice::from_ref(&shared)));
    let second = add(&mut graph, &image(&[other.clone(), shared]));
    add(&mut graph, &image(&[other]));
    let above = add(&mut graph, &index(&[second]));
    answer(&mut graph, &["shared"]);
    let counts = graph.judge(SURE).unwrap();
    assert_eq!((count(counts, ImageVerdict::Incomplete), count(counts, ImageVerdict::Complete)), (3, 1));
    let suspects = graph.suspects().unwrap();
    assert_eq!((suspects.images, suspects.missing), (vec![first, second, above], vec![blob("shared")]));
    assert!(suspects.others.is_empty() && suspects.children.is_empty() && suspects.denied.is_empty());
}

#[test]
fn descriptors_that_disagree_about_a_blob_are_kept_apart() {
    let mut graph = graph();
    let tar = "application/vnd.oci.image.layer.v1.tar";
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let needed = add(&mut graph, &image(&[layer("a", 5, tar)]));
    let not_needed = add(&mut graph, &image(&[layer("a", 5, foreign)]));
    add(&mut graph, &image(&[layer("a", 6, tar), layer("a", 7, tar)]));
    assert_eq!(graph.blobs(), 2);
    answer(&mut graph, &["a"]);
    graph.judge(SURE).unwrap();
    assert_eq!(graph.with_verdict(ImageVerdict::Complete).collect::<Vec<_>>(), [&not_needed]);
    assert!(graph.with_verdict(ImageVerdict::Incomplete).any(|digest| *digest == needed));
    for digest in [needed, not_needed] {
        let bytes = graph.projection(&digest).unwrap().unwrap();
        let mut again = self::graph();
        list(&mut again, &digest);
        assert!(again.restore(&digest, &bytes).unwrap());
        assert_eq!(again.projection(&digest).unwrap().unwrap(), bytes);
    }
}

#[test]
fn a_projection_with_any_wrong_bit_is_refused() {
    let mut graph = graph();
    let below = add(&mut graph, &image(&[layer("a", 5, "x/y"), layer("b", 300, "x/y")]));
    let above = add(&mut graph, &index(&[below]));
    for digest in [below, above] {
        let bytes = graph.projection(&digest).unwrap().unwrap();
        let mut fresh = self::graph();
        list(&mut fresh, &digest);
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!fresh.restore(&digest, &wrong).unwrap(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(!fresh.restore(&digest, &bytes[..end]).unwrap(), "cut at {end}");
        }
        assert_eq!((fresh.manifests(), fresh.blobs()), (0, 0));
        assert!(fresh.restore(&digest, &bytes).unwrap());
    }
    // The bytes of one image are not those of another.
    let bytes = graph.projection(&below).unwrap().unwrap();
    let mut other = self::graph();
    list(&mut other, &above);
    assert!(!other.restore(&above, &bytes).unwrap());
    assert!(!other.restore(&below, &bytes).unwrap(), "it is not listed");
}

#[test]
fn the_codes_of_media_types_in_stored_manifests_do_not_move() {
    // A stored manifest has these numbers. If they change, raise `projection::VERSION`.
    let numbers: Vec<_> = KnownType::ALL.iter().map(|known| (*known as u8, known.text())).collect();
    assert_eq!(numbers.len(), 22);
    assert_eq!(numbers[0], (0, "application/vnd.oci.image.index.v1+json"));
    assert_eq!(numbers[7], (7, "application/vnd.oci.image.config.v1+json"));
    assert_eq!(numbers[11], (11, "application/vnd.oci.image.layer.v1.tar+gzip"));
    assert_eq!(numbers[17], (17, "application/vnd.docker.image.rootfs.diff.tar.gzip"));
    assert_eq!(numbers[21], (21, "application/vnd.in-toto+json"));
}

#[test]
fn a_manifest_is_used_only_for_a_listed_image_with_its_digest() {
    let mut graph = graph();
    let document = image(&[]);
    let digest = sha256(document.as_bytes());
    let read = ReadManifest::of(&digest, &document, None).unwrap();
    assert_eq!(graph.take(&digest, &read).unwrap(), Err(ReadError::NotListed));
    let other = blob("another image");
    list(&mut graph, &other);
    let read = ReadManifest::of(&other, &document, None).unwrap();
    assert_eq!(graph.take(&other, &read).unwrap(), Err(ReadError::DigestMismatch));
    assert_eq!(count(graph.judge(SURE).unwrap(), ImageVerdict::Unreadable), 1);
    assert_eq!(graph.blobs(), 0);
}

#[test]
fn a_plan_shares_its_digests_and_grows_with_later_manifests() {
    let mut graph = graph();
    add(&mut graph, &image(&[layer("a", 1, "")]));
    let first = graph.plan(100).unwrap();
    assert!(Arc::ptr_eq(&first, &graph.plan(100).unwrap()));
    assert_eq!(graph.plan(1).unwrap().digests(), first.digests());
    add(&mut graph, &image(&[layer("b", 1, ""), layer("a", 1, "")]));
    let second = graph.plan(100).unwrap();
    assert_eq!(second.digests(), [blob("config"), blob("a"), blob("b")]);
    assert!(second.digests().starts_with(first.digests()));
    // Verdicts of the first plan are still of use.
    let columns = Ledger::new(Arc::clone(&first)).unwrap().columns().unwrap();
    assert!(graph.set_verdicts(&first, &columns));
}

#[test]
fn a_second_look_without_an_answer_is_never_missing() {
    let mut graph = graph();
    let one = add(&mut graph, &image(&[layer("a", 1, "")]));
    answer(&mut graph, &["a"]);
    let mut planner = Planner::new(false);
    planner.row(blob("a").to_string().as_bytes());
    let plan = Arc::new(planner.finish(100).unwrap());
    for word in ["AVAILABLE", "UNAVAILABLE", "ARCHIVED", "NEW_WORD", ""] {
        let mut ledger = Ledger::new(Arc::clone(&plan)).unwrap();
        if !word.is_empty() {
            let status = EntryStatus::Layer { availability: word, size: None, media_type: None };
            ledger.merge(0..1, [Entry { digest: Some(blob("a")), status }].into_iter());
        }
        graph.look_again(&plan, &ledger.columns().unwrap()).unwrap();
        graph.judge(SURE).unwrap();
        let is_missing = graph.with_verdict(ImageVerdict::Incomplete).any(|digest| *digest == one);
        assert_eq!(is_missing, matches!(word, "UNAVAILABLE" | "ARCHIVED"), "{word:?}");
    }
}

#[test]
fn a_blob_that_was_denied_once_is_unanswered_when_the_run_ends_early() {
    let mut graph = graph();
    add(&mut graph, &image(&[layer("a", 1, ""), layer("b", 1, ""), layer("c", 1, "")]));
    answer(&mut graph, &["a", "b", "c"]);
    let mut planner = Planner::new(false);
    planner.row(blob("a").to_string().as_bytes());
    let plan = Arc::new(planner.finish(100).unwrap());
    let mut ledger = Ledger::new(Arc::clone(&plan)).unwrap();
    let status = EntryStatus::Layer { availability: "UNAVAILABLE", size: None, media_type: None };
    ledger.merge(0..1, [Entry { digest: Some(blob("a")), status }].into_iter());
    graph.look_again(&plan, &ledger.columns().unwrap()).unwrap();
    graph.confirm(&blob("b"), true);
    graph.end_early();
    let table = GraphTable::layers(Arc::new(Mutex::new(graph)), Place::default(), false).unwrap();
    let at = |name: &str| table.columns().iter().position(|column| column.name == name).unwrap();
    let (digest, verdict, code) = (at("digest"), at("verdict"), at("code"));
    let mut lines = Vec::new();
    let take = &mut |cells: &[Cell<'_>]| {
        lines.push(format!("{:?} {:?} {:?}", cells[digest], cells[verdict], cells[code]));
        true
    };
    table.lines(0..table.blocks(), take).unwrap();
    let line = |name: &str, verdict: Verdict, code: &str| {
        let (digest, word) = (Cell::Digest(Text::of(&blob(name))), Cell::Word(verdict as u8));
        format!("{digest:?} {word:?} {:?}", Cell::text(code))
    };
    let expected = [
        line("a", Verdict::Unavailable, ""),
        line("b", Verdict::Unavailable, ""),
        line("c", Verdict::Unanswered, "NoSecondAnswer"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_second_look_brings_the_size_that_counts() {
    let mut graph = graph();
    let (one, other) =
        (add(&mut graph, &image(&[layer("a", 9, "")])), add(&mut graph, &image(&[layer("b", 9, "")])));
    answer(&mut graph, &["a", "b"]);
    let mut planner = Planner::new(false);
    planner.row(blob("a").to_string().as_bytes());
    planner.row(blob("b").to_string().as_bytes());
    let plan = Arc::new(planner.finish(100).unwrap());
    let mut ledger = Ledger::new(Arc::clone(&plan)).unwrap();
    let entry = |name, size| Entry {
        digest: Some(blob(name)),
        status: EntryStatus::Layer { availability: "AVAILABLE", size: Some(size), media_type: None },
    };
    ledger.merge(0..2, [entry("a", 9), entry("b", 8)].into_iter());
    graph.look_again(&plan, &ledger.columns().unwrap()).unwrap();
    graph.judge(SURE).unwrap();
    assert_eq!(graph.with_verdict(ImageVerdict::Complete).collect::<Vec<_>>(), [&one]);
    assert_eq!(graph.with_verdict(ImageVerdict::Incomplete).collect::<Vec<_>>(), [&other]);
}

#[test]
fn secrets_in_the_texts_of_a_manifest_are_hidden() {
    let known = KnownSecrets::default();
    let secret = "a-secret-key-that-is-long-enough";
    known.learn("AKIDEXAMPLE", secret, None);
    let document = image(&[layer("a", 1, &format!("x/{secret}"))]);
    let digest = sha256(document.as_bytes());
    let mut graph = graph();
    list(&mut graph, &digest);
    let mut read = ReadManifest::of(&digest, &document, None).unwrap();
    read.hide(&known);
    assert_eq!(graph.take(&digest, &read).unwrap(), Ok(()));
    let kept = graph.projection(&digest).unwrap().unwrap();
    assert!(kept.windows(5).any(|bytes| bytes == b"x/***"));
    assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
}

#[test]
fn tables_have_a_cell_for_every_column() {
    let mut graph = graph();
    let below = add(&mut graph, &image(&[layer("a", 1, "")]));
    add(&mut graph, &index(&[below, blob("nowhere")]));
    list(&mut graph, &blob("unread"));
    answer(&mut graph, &["a"]);
    graph.judge(SURE).unwrap();
    let graph = Arc::new(Mutex::new(graph));
    let place = Place { repository: "app".into(), ..Place::default() };
    let tables = [
        GraphTable::images(Arc::clone(&graph), place.clone()),
        GraphTable::platforms(Arc::clone(&graph), place.clone()),
        GraphTable::layers(Arc::clone(&graph), place.clone(), false).unwrap(),
        GraphTable::layers(graph, place, true).unwrap(),
    ];
    for (table, lines) in tables.iter().zip([3, 3, 1, 2]) {
        let mut seen = 0;
        let take = &mut |cells: &[Cell<'_>]| {
            assert_eq!(cells.len(), table.columns().len());
            assert_eq!(cells[2], Cell::text("app"));
            seen += 1;
            true
        };
        table.lines(0..table.blocks(), take).unwrap();
        assert_eq!((seen, table.len()), (lines, lines));
    }
}

#[test]
fn platforms_are_compared_as_containerd_does() {
    let platform = |text: &'static str| {
        let mut words = text.split('/').map(std::borrow::Cow::Borrowed);
        layercheck::manifest::Platform {
            os: words.next().unwrap_or_default(),
            architecture: words.next().unwrap_or_default(),
            variant: words.next().unwrap_or_default(),
            ..Default::default()
        }
    };
    let cases = [
        ("linux/amd64", "linux/amd64", true),
        ("linux/x86_64", "linux/amd64", true),
        ("Linux/AMD64", "linux/amd64", true),
        ("linux/amd64", "linux/amd64/v3", true),
        ("linux/amd64", "windows/amd64", false),
        ("linux/arm64", "linux/arm64/v8", true),
        ("linux/arm64/v8", "linux/arm64", true),
        ("linux/aarch64", "linux/arm64/v8", true),
        ("linux/arm/v7", "linux/arm", true),
        ("linux/arm/v6", "linux/arm", false),
        ("linux/arm", "linux/arm/v6", true),
        ("linux/arm/7", "linux/arm/v7", true),
        ("linux/amd64", "", true),
        ("linux/amd64", "linux", true),
    ];
    for (wanted, given, admits) in cases {
        let filter = PlatformFilter::new([wanted]).unwrap();
        assert_eq!(filter.admits(&platform(given)), admits, "{wanted} {given}");
    }
    assert!(PlatformFilter::default().admits(&platform("plan9/mips")));
    assert_eq!(PlatformFilter::new(["linux/amd64", "linux"]).unwrap_err(), "linux");
}

#[test]
fn each_image_counts_once_for_each_blob_that_it_needs() {
    let mut graph = graph();
    let tar = "application/vnd.oci.image.layer.v1.tar";
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let first = add(&mut graph, &image(&[layer("a", 5, tar), layer("a", 6, tar), layer("b", 100, tar)]));
    add(&mut graph, &image(&[layer("a", 5, tar), layer("c", 1, foreign)]));
    add(&mut graph, &image(&[layer("a", 5, tar), layer("d", 1, tar)]));
    add(&mut graph, &index(&[first]));
    answer_with_size(&mut graph, &["a", "b", "c"], Some(10));
    graph.judge(SURE).unwrap();
    let sharing = graph.sharing().unwrap();
    // One image needs b, and one d. Three need a and the config.
    assert_eq!((sharing[0].blobs, sharing[0].bytes, sharing[0].bytes_of_images), (2, 20, 20));
    assert_eq!((sharing[1].blobs, sharing[1].bytes, sharing[1].bytes_of_images), (2, 20, 60));
    assert!(sharing[2..].iter().all(|group| group.blobs == 0));
    assert_eq!(graph.missing_blobs(9).unwrap(), (2, vec![(blob("a"), 3), (blob("b"), 1)]));
    assert_eq!(graph.missing_blobs(1).unwrap(), (2, vec![(blob("a"), 3)]));
}

#[test]
fn every_image_is_in_one_group_of_ages() {
    let mut graph = graph();
    for (name, pushed_ms, pulled_ms) in
        [("a", Some(100), None), ("b", Some(99), Some(100)), ("c", Some(-5), Some(3)), ("d", None, None)]
    {
        let digest = blob(name).to_string();
        let image = ListedImage { digest: &digest, pushed_ms, pulled_ms, ..ListedImage::default() };
        graph.list(&image).unwrap();
    }
    assert_eq!(graph.ages(&[100, 0]).unwrap(), [vec![1, 1, 1, 1], vec![1, 1, 0, 2]]);
    assert_eq!(graph.ages(&[]).unwrap(), [vec![3, 1], vec![2, 2]]);
}
