//! Verifies and reads manifests, for profilers and for measuring each part alone.
//!
//! `cargo run --release --example bench_manifests -- FILE [ROUNDS]` reads documents from FILE, each with its length
//! in front as eight bytes, least first. It prints a line of JSON: part to the nanoseconds that it takes for one
//! document, in the fastest round. `bench/studies/manifests.py` runs it beside Python.

use std::hint::black_box;
use std::time::Instant;

use layercheck::Digest;
use layercheck::manifest::{Manifest, sha256, sha256_all, verify, verify_hashed};

/// Documents that are hashed at once, as many as an answer of the service has at most.
const AT_ONCE: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments.get(2).and_then(|text| text.parse().ok()).unwrap_or(50);
    let file = std::fs::read(&arguments[1]).expect("FILE is the first argument");
    let mut documents: Vec<&[u8]> = Vec::new();
    let mut rest = &file[..];
    while let Some((length, after)) = rest.split_first_chunk() {
        let (document, next) = after.split_at(u64::from_le_bytes(*length) as usize);
        documents.push(document);
        rest = next;
    }
    let digests: Vec<Digest> = documents.iter().map(|document| sha256(document)).collect();
    let read = |document| Manifest::read(black_box(document), None).unwrap().layers.len();
    let parts: [(&str, &dyn Fn()); 5] = [
        ("verify and read, 100 at once", &|| {
            for (documents, digests) in documents.chunks(AT_ONCE).zip(digests.chunks(AT_ONCE)) {
                let hashed = sha256_all(black_box(documents)).unwrap();
                for ((document, digest), hashed) in documents.iter().zip(digests).zip(&hashed) {
                    assert!(black_box(verify_hashed(black_box(document), hashed, digest)));
                    black_box(read(document));
                }
            }
        }),
        ("verify and read", &|| {
            for (document, digest) in documents.iter().zip(&digests) {
                assert!(black_box(verify(black_box(document), digest)));
                black_box(read(document));
            }
        }),
        ("read", &|| documents.iter().for_each(|document| assert!(black_box(read(document)) > 0))),
        ("sha256, 100 at once", &|| {
            for documents in documents.chunks(AT_ONCE) {
                black_box(sha256_all(black_box(documents)).unwrap());
            }
        }),
        ("sha256", &|| {
            for document in &documents {
                black_box(sha256(black_box(document)));
            }
        }),
    ];
    let mut fastest = [f64::INFINITY; 5];
    for _ in 0..rounds {
        for ((_, part), fastest) in parts.iter().zip(&mut fastest) {
            let start = Instant::now();
            part();
            *fastest = fastest.min(start.elapsed().as_nanos() as f64 / documents.len() as f64);
        }
    }
    let figures: Vec<_> =
        parts.iter().zip(fastest).map(|((name, _), time)| format!("\"{name}\": {time:.0}")).collect();
    println!("{{{}}}", figures.join(", "));
}
