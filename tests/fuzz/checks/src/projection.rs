//! Checks that a stored manifest is taken as it would be written, or not at all.
//!
//! The check corrects the checksum, because it keeps out accidents, and an attacker can write it too.

use layercheck::Digest;
use layercheck::images::projection::VERSION;
use layercheck::images::{Circumstances, Graph, ListedImage, PlatformFilter};

const KIND: u8 = b'm';
const DIGEST: Digest = Digest([0x5a; 32]);

/// Reads the bytes as the body of a stored manifest.
pub fn check(bytes: &[u8]) {
    assert!(!graph().restore(&DIGEST, bytes).unwrap(), "taken without a checksum");
    let mut taken = graph();
    if !taken.restore(&DIGEST, &sealed(bytes)).unwrap() {
        assert_eq!((taken.manifests(), taken.blobs()), (0, 0));
        return;
    }
    let written = taken.projection(&DIGEST).unwrap().expect("it was taken");
    let mut again = graph();
    assert!(again.restore(&DIGEST, &written).unwrap(), "not taken as it was written");
    assert_eq!(again.projection(&DIGEST).unwrap().as_deref(), Some(&written[..]));
    for graph in [&mut taken, &mut again] {
        let counts =
            graph.judge(Circumstances { listing_complete: true, pull_through: Some(false) }).unwrap();
        assert_eq!(counts.iter().sum::<usize>(), 1);
    }
    assert_eq!(taken.counts(), again.counts());
    assert_eq!(taken.suspects().unwrap(), again.suspects().unwrap());
    assert_eq!(taken.plan(100).unwrap().digests(), again.plan(100).unwrap().digests());
}

fn graph() -> Graph {
    let mut graph = Graph::new(PlatformFilter::new(["linux/amd64"]).unwrap()).unwrap();
    let digest = DIGEST.to_string();
    graph.list(&ListedImage { digest: &digest, ..ListedImage::default() }).unwrap();
    graph
}

fn sealed(body: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(&[KIND, VERSION]);
    sum.update(body);
    sum.update(&DIGEST.0);
    [&[KIND, VERSION], &sum.sum().to_le_bytes()[..], body].concat()
}
