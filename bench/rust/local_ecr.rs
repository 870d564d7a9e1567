//! Measures how many batch calls per second the local endpoint answers on one core.
//!
//! ```sh
//! cargo run --release --features local-ecr --example bench_local_ecr
//! ```
//!
//! The server is a separate process, pinned to core 0. This process makes the load, pinned to
//! another core if there is one: 8 keep-alive connections, 100 digests in every call, of which the
//! repository holds half. The benchmark verifies every answer: each distinct answer once as JSON
//! against the expected words, and each repetition byte for byte against the verified answer. It
//! prints a line per round and writes `bench/results/local_ecr.json`.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use layercheck::local_ecr::{Holding, LocalEcr, Options, key};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: usize = 8;
const BATCHES: usize = 64;
const DIGESTS: usize = 100;
const HELD: usize = 1_000_000;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const AT_LEAST: f64 = 5_000.0;

fn main() -> Outcome<()> {
    if std::env::args().nth(1).as_deref() == Some("serve") { serve() } else { measure() }
}

/// The digest of a number, spread over all bytes like a real digest. The repository holds even numbers.
fn digest(number: usize) -> String {
    let mut key = [0; 32];
    let mut state = number as u64;
    for part in key.as_chunks_mut::<8>().0 {
        state = (state ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
        *part = state.to_be_bytes();
    }
    key[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key::text(&key)
}

fn serve() -> Outcome<()> {
    let server = LocalEcr::start(Options::default())?;
    // A repository of realistic size, so that the CPU cache does not hold all of it.
    let held = (0..HELD).map(|number| (key::parse(&digest(2 * number)), Holding::default()));
    server.put("app", held.filter_map(|(key, holding)| Some((key?, holding))))?;
    println!("{}", server.address());
    // Until the measuring process closes this standard input.
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A request with its only correct answer.
struct Question {
    request: Vec<u8>,
    answer: Vec<u8>,
}

fn measure() -> Outcome<()> {
    let cores = std::thread::available_parallelism()?.get();
    let load_core = usize::from(cores > 1);
    pin(load_core)?;
    let (mut server, address) = start_server()?;
    let result = rounds(&address, server.id());
    drop(server.stdin.take());
    server.wait()?;
    let rounds = result?;

    let best = rounds.iter().map(|round| round.calls_per_s).fold(0.0, f64::max);
    let mut sorted: Vec<f64> = rounds.iter().map(|round| round.calls_per_s).collect();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let report = json!({
        "case": "local_ecr",
        "date": output("date", &["-u", "+%F"])?,
        "machine": machine(),
        "cores": cores,
        "server_core": 0,
        "load_core": load_core,
        "connections": CONNECTIONS,
        "digests_per_call": DIGESTS,
        "digests_held": HELD,
        "at_least_calls_per_s": AT_LEAST,
        "median_calls_per_s": median.round(),
        "best_calls_per_s": best.round(),
        "rounds": rounds.iter().map(Round::json).collect::<Vec<_>>(),
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/results/local_ecr.json");
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    fs::write(&path, format!("{report:#}\n"))?;
    println!("median {median:.0} calls/s, best {best:.0}; at least {AT_LEAST:.0} are required");
    println!("wrote {}", path.display());
    if median < AT_LEAST {
        return Err("the local endpoint is slower than required".into());
    }
    Ok(())
}

fn start_server() -> Outcome<(Child, String)> {
    let mut server = Command::new("taskset")
        .args(["-c", "0"])
        .arg(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut address)?;
    Ok((server, address.trim().to_owned()))
}

struct Round {
    calls: u64,
    calls_per_s: f64,
    server_cpu_s: f64,
    seconds: f64,
}

impl Round {
    fn json(&self) -> Value {
        json!({
            "calls": self.calls,
            "seconds": self.seconds,
            "calls_per_s": self.calls_per_s.round(),
            "server_cpu_s": self.server_cpu_s,
            // The rate of a core that runs nothing else.
            "calls_per_server_cpu_s": (self.calls as f64 / self.server_cpu_s).round(),
        })
    }
}

fn rounds(address: &str, server: u32) -> Outcome<Vec<Round>> {
    let questions = questions(address)?;
    (0..ROUNDS)
        .map(|number| {
            let cpu = cpu_seconds(server)?;
            let started = Instant::now();
            let calls = load(address, &questions)?;
            let seconds = started.elapsed().as_secs_f64();
            let server_cpu_s = cpu_seconds(server)? - cpu;
            let round = Round { calls, calls_per_s: calls as f64 / seconds, server_cpu_s, seconds };
            println!(
                "round {}: {:.0} calls/s, {:.0} digests/s, server busy {:.0} % of its core",
                number + 1,
                round.calls_per_s,
                round.calls_per_s * DIGESTS as f64,
                100.0 * server_cpu_s / seconds,
            );
            Ok(round)
        })
        .collect()
}

/// Asks each question once and checks the answer against the expected words.
fn questions(address: &str) -> Outcome<Vec<Question>> {
    let mut connection = BufReader::with_capacity(1 << 16, TcpStream::connect(address)?);
    (0..BATCHES)
        .map(|batch| {
            let numbers = (0..DIGESTS).map(|index| (batch * DIGESTS + index) * 97);
            let digests: Vec<_> = numbers.clone().map(digest).collect();
            let request = request(&json!({"repositoryName": "app", "layerDigests": digests}).to_string());
            let mut answer = Vec::new();
            exchange(&mut connection, &request, &mut answer)?;
            let read: Value = serde_json::from_slice(&answer)?;
            let layers = read["layers"].as_array().ok_or("no layers")?;
            if layers.len() != DIGESTS {
                return Err("an answer with another number of layers".into());
            }
            for ((layer, digest), number) in layers.iter().zip(&digests).zip(numbers) {
                let held = number % 2 == 0 && number / 2 < HELD;
                let word = if held { "AVAILABLE" } else { "UNAVAILABLE" };
                if layer["layerDigest"] != **digest || layer["layerAvailability"] != word {
                    return Err(format!("a wrong answer: {layer}, expected {digest} {word}").into());
                }
            }
            Ok(Question { request, answer })
        })
        .collect()
}

fn load(address: &str, questions: &[Question]) -> Outcome<u64> {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|worker| {
                let (stop, calls) = (&stop, &calls);
                scope.spawn(move || -> Outcome<()> {
                    let mut connection = BufReader::with_capacity(1 << 16, TcpStream::connect(address)?);
                    connection.get_ref().set_nodelay(true)?;
                    let mut answer = Vec::new();
                    for question in questions.iter().cycle().skip(worker * BATCHES / CONNECTIONS) {
                        if stop.load(Relaxed) {
                            break;
                        }
                        exchange(&mut connection, &question.request, &mut answer)?;
                        if answer != question.answer {
                            return Err("an answer that differs from the verified answer".into());
                        }
                        calls.fetch_add(1, Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        std::thread::sleep(ROUND);
        stop.store(true, Relaxed);
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?)
    })?;
    Ok(calls.load(Relaxed))
}

fn request(body: &str) -> Vec<u8> {
    // The headers that botocore sends, so that the measurement includes their parsing.
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: identity\r\n\
         X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.BatchCheckLayerAvailability\r\n\
         Content-Type: application/x-amz-json-1.1\r\nUser-Agent: layercheck-bench\r\n\
         X-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/ecr/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}\r\n\
         amz-sdk-request: attempt=1\r\nContent-Length: {}\r\n\r\n{body}",
        "0".repeat(64),
        body.len(),
    )
    .into_bytes()
}

fn exchange(connection: &mut BufReader<TcpStream>, request: &[u8], answer: &mut Vec<u8>) -> Outcome<()> {
    connection.get_mut().write_all(request)?;
    let (mut length, mut line) = (None, String::new());
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = Some(value.trim().parse()?);
        }
        if line == "\r\n" {
            break;
        }
    }
    answer.resize(length.ok_or("an answer without a length")?, 0);
    connection.read_exact(answer)?;
    Ok(())
}

fn pin(core: usize) -> Outcome<()> {
    output("taskset", &["-pc", &core.to_string(), &std::process::id().to_string()]).map(|_| ())
}

fn output(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// User and system time of a process so far (`proc(5)`, fields 14 and 15, in hundredths).
fn cpu_seconds(process: u32) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, after_name) = stat.rsplit_once(") ").ok_or("an odd stat line")?;
    let ticks: Vec<f64> = after_name.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
