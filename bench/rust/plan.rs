//! Plans a text file or random raw digests, for profilers and for measuring one part alone.
//!
//! `cargo run --release --example bench_plan -- FILE|raw:ROWS[:UNIQUE] [ROUNDS] [THREADS]` prints for each round the
//! seconds, the processor's nanoseconds per row in the program and in the system, and the page faults.

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
    let raw = input.strip_prefix("raw:").map(|counts| {
        let (rows, unique) = counts.split_once(':').unwrap_or((counts, counts));
        random_digests(rows.parse().unwrap(), unique.parse().unwrap())
    });
    for _ in 0..rounds {
        let (start, before) = (Instant::now(), Used::now());
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
        let (after, rows) = (Used::now(), plan.rows());
        let ns = |from: f64, to: f64| (to - from) * 1e9 / rows as f64;
        println!(
            "{seconds:.3} s, a row {:.1} ns, user {:.1} ns, system {:.1} ns; {} faults, peak {} MB; {rows} rows, {} unique",
            ns(0.0, seconds),
            ns(before.user, after.user),
            ns(before.system, after.system),
            after.faults - before.faults,
            after.peak >> 10,
            plan.unique()
        );
    }
    Ok(())
}

/// What the process has used so far.
struct Used {
    /// Seconds of the processor in the program.
    user: f64,
    /// Seconds of the processor in the system.
    system: f64,
    faults: i64,
    /// Most kilobytes in memory.
    peak: i64,
}

impl Used {
    fn now() -> Self {
        // SAFETY: a struct of numbers, which may all be zero, and which getrusage fills.
        let used = unsafe {
            let mut used: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &raw mut used);
            used
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Self {
            user: seconds(used.ru_utime),
            system: seconds(used.ru_stime),
            faults: used.ru_minflt,
            peak: used.ru_maxrss,
        }
    }
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

/// Returns the same digests each time, by xorshift from a fixed seed: of `rows`, up to `unique` are different.
fn random_digests(rows: usize, unique: usize) -> Vec<Digest> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut digests = Vec::<Digest>::with_capacity(rows);
    for row in 0..rows {
        let earlier = word() as usize % rows;
        if earlier >= unique && row > 0 {
            digests.push(digests[earlier % row]);
            continue;
        }
        let mut digest = [0; 32];
        digest.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&word().to_le_bytes()));
        digests.push(Digest(digest));
    }
    digests
}
