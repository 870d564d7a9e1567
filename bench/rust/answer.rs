//! Packs requests and reads answers, for profilers and for measuring each part alone.
//!
//! `cargo run --release --example bench_answer -- [LAYERS] [ROUNDS] [PART]` prints the median time of each
//! part for a call of LAYERS digests (100), next to `serde_json` reading the same body into structs. That is
//! its fastest form, and it does less than layercheck needs: it checks no limits and knows one type for each
//! field.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use layercheck::protocol::answer::Answer;
use layercheck::protocol::request::Packer;
use layercheck::{Digest, Ledger, Planner};
use serde::Deserialize;

#[derive(Deserialize)]
struct Peer<'a> {
    #[serde(borrow)]
    layers: Vec<PeerLayer<'a>>,
    #[serde(borrow)]
    failures: Vec<PeerFailure<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PeerLayer<'a> {
    #[serde(borrow)]
    layer_digest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    layer_availability: Option<Cow<'a, str>>,
    layer_size: Option<i64>,
    #[serde(borrow)]
    media_type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PeerFailure<'a> {
    #[serde(borrow)]
    layer_digest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    failure_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    failure_reason: Option<Cow<'a, str>>,
}

fn main() {
    let number = |at: usize| std::env::args().nth(at).and_then(|text| text.parse::<usize>().ok());
    let (layers, rounds) = (number(1).unwrap_or(100), number(2).unwrap_or(2_000));
    let mut planner = Planner::new(false);
    planner.raw(&digests(layers));
    let plan = Arc::new(planner.finish(layers.clamp(1, 100)).unwrap());
    let body = answer(plan.digests());
    println!("{layers} layers, an answer of {} bytes, medians of {rounds}", body.len());

    let packer = Packer::new("team/application", Some("123456789012"));
    let mut request = Vec::new();
    measure("pack the request", rounds, || packer.pack(black_box(plan.digests()), &mut request));
    measure("read the answer", rounds, || {
        assert_eq!(Answer::read(black_box(&body)).map_or(0, |answer| answer.entries().count()), layers);
    });
    let mut ledger = Ledger::new(Arc::clone(&plan)).unwrap();
    let whole = Answer::read(&body).expect("made here");
    measure("merge the answer", rounds, || {
        assert_eq!(ledger.merge(0..layers, whole.entries()).answered, layers);
    });
    measure("read and merge", rounds, || {
        let answer = Answer::read(black_box(&body)).expect("made here");
        assert_eq!(ledger.merge(0..layers, answer.entries()).answered, layers);
    });
    measure("serde_json into structs", rounds, || {
        let peer: Peer<'_> = serde_json::from_slice(black_box(&body)).expect("made here");
        assert_eq!(peer.layers.len() + peer.failures.len(), layers);
        for layer in &peer.layers {
            black_box((&layer.layer_digest, &layer.layer_availability, layer.layer_size, &layer.media_type));
        }
        for failure in &peer.failures {
            black_box((&failure.layer_digest, &failure.failure_code, &failure.failure_reason));
        }
    });
    measure("serde_json into a tree", rounds, || {
        black_box(serde_json::from_slice::<serde_json::Value>(black_box(&body)).expect("made here"));
    });
}

fn measure(what: &str, rounds: usize, mut work: impl FnMut()) {
    if std::env::args().nth(3).is_some_and(|part| !what.contains(&part)) {
        return;
    }
    let mut times: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{:>8.2} µs, fastest {:>6.2}  {what}", times[times.len() / 2], times[0]);
}

fn digests(count: usize) -> Vec<Digest> {
    let scattered = |at: usize| (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut digests = vec![Digest([0; 32]); count];
    for (at, digest) in digests.iter_mut().enumerate() {
        for (part, word) in digest.0.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&scattered(at * 4 + part).to_le_bytes());
        }
    }
    digests
}

/// An answer as the service writes it: no white space, every layer with its size and media type.
fn answer(digests: &[Digest]) -> Vec<u8> {
    let layer = |(at, digest): (usize, &Digest)| {
        format!(
            r#"{{"layerDigest":"{digest}","layerAvailability":"AVAILABLE","layerSize":{},"mediaType":"{}"}}"#,
            at * 123_457 + 1_000,
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
        )
    };
    let layers: Vec<String> = digests.iter().enumerate().map(layer).collect();
    format!(r#"{{"layers":[{}],"failures":[]}}"#, layers.join(",")).into_bytes()
}
