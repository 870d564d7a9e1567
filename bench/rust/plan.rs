//! Plans a text file or random raw digests, for profilers and for measuring one part alone.
//!
//! `cargo run --release --example bench_plan -- FILE|raw:ROWS [ROUNDS] [THREADS]` prints seconds and
//! nanoseconds per row of each round.

use std::fs::File;
use std::time::Instant;

use layercheck::input::decompress::TextSource;
use layercheck::input::lines::TextLines;
use layercheck::input::{read_block, rows_of};
use layercheck::{Digest, Plan, Planner};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let input = arguments.first().map_or("raw:1000000", String::as_str);
    let rounds = arguments.get(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    let threads = arguments.get(2).and_then(|threads| threads.parse().ok());
    let raw = input.strip_prefix("raw:").and_then(|rows| rows.parse().ok()).map(random_digests);
    for _ in 0..rounds {
        let start = Instant::now();
        let plan = match &raw {
            Some(digests) => {
                let mut planner = Planner::new(false).threads(threads);
                planner.expect(digests.len());
                planner.raw(digests);
                planner.finish(100).unwrap()
            }
            None => read(input, threads)?,
        };
        let seconds = start.elapsed().as_secs_f64();
        let nanoseconds = seconds * 1e9 / plan.rows() as f64;
        println!("{seconds:.3} s, {nanoseconds:.1} ns a row, {} rows, {} unique", plan.rows(), plan.unique());
    }
    Ok(())
}

fn read(path: &str, threads: Option<usize>) -> std::io::Result<Plan> {
    let mut planner = Planner::new(false).threads(threads);
    let file = File::open(path)?;
    planner.expect(rows_of(file.metadata()?.len()));
    let mut source = TextSource::open(file)?;
    let mut lines = TextLines::default();
    while read_block(&mut source, &mut lines, &mut planner)? {}
    Ok(planner.finish(100).unwrap())
}

/// Returns the same digests each time, by xorshift from a fixed seed.
fn random_digests(rows: usize) -> Vec<Digest> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..rows)
        .map(|_| {
            let mut digest = [0; 32];
            digest.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&word()));
            Digest(digest)
        })
        .collect()
}
