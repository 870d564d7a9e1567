//! The official AWS SDK for Rust, used as its documentation says: one client, a task for each call in
//! flight, 100 digests a call.
//!
//! `aws-sdk-rust-peer '{"endpoint_url": ..., "ca_bundle": ..., "digests": ..., "calls": 100, "in_flight": 32}'`
//! asks for the digests of a file and prints a trial as JSON, in the form of `bench/calls/trial.py`.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::timeout::TimeoutConfig;
use aws_sdk_ecr::config::{Config, Region};
use aws_sdk_ecr::types::LayerAvailability;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const BATCH: usize = 100;
const REPOSITORY: &str = "app";

fn main() -> Outcome<()> {
    let task: Value = serde_json::from_str(&std::env::args().nth(1).ok_or("no task given")?)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&task))
}

async fn measure(task: &Value) -> Outcome<()> {
    let text = |name: &str| task[name].as_str().ok_or_else(|| format!("no {name} in the task"));
    let number = |name: &str| task[name].as_u64().ok_or_else(|| format!("no {name} in the task"));
    let (calls, in_flight) = (number("calls")? as usize, number("in_flight")? as usize);
    let file = fs::read_to_string(text("digests")?)?;
    let digests: Arc<Vec<String>> = Arc::new(file.lines().take(calls * BATCH).map(str::to_owned).collect());
    let client = client(text("endpoint_url")?, task["ca_bundle"].as_str())?;
    // Every contender opens its connections before the clock starts.
    let first: Vec<String> = digests.iter().take(in_flight * BATCH).cloned().collect();
    check(&client, &Arc::new(first), in_flight).await?;

    let before_bytes = forget_peak();
    let cpu = cpu_seconds();
    let began = Instant::now();
    let (known, mut times) = check(&client, &digests, in_flight).await?;
    let codes: Vec<u8> = digests
        .iter()
        .map(|digest| known.get(digest).copied().ok_or("left out"))
        .collect::<Result<_, _>>()?;
    // As for every contender, the clock stops when each text has its verdict.
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds() - cpu;

    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let trial = json!({
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "before_bytes": before_bytes,
        "peak_bytes": status("VmHWM"),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "interpreter_calls": 0.0,
        "there": codes.iter().filter(|&&code| code == 1).count(),
        "verdicts": hex(&Sha256::digest(&codes)),
    });
    println!("{trial}");
    Ok(())
}

fn client(endpoint_url: &str, ca_bundle: Option<&str>) -> Outcome<Client> {
    let mut trust = TrustStore::empty();
    if let Some(path) = ca_bundle {
        trust = trust.with_pem_certificate(fs::read(path)?);
    }
    let context = TlsContext::builder().with_trust_store(trust).build()?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https();
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .endpoint_url(endpoint_url)
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build())
        .http_client(http)
        .build();
    Ok(Client::from_conf(config))
}

/// Asks for all digests; returns the code of each digest and the duration of each call.
async fn check(
    client: &Client,
    digests: &Arc<Vec<String>>,
    in_flight: usize,
) -> Outcome<(HashMap<String, u8>, Vec<Duration>)> {
    let next = Arc::new(AtomicUsize::new(0));
    let known = Arc::new(Mutex::new((HashMap::with_capacity(digests.len()), Vec::new())));
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, digests) = (client.clone(), Arc::clone(digests));
            let (next, known) = (Arc::clone(&next), Arc::clone(&known));
            tokio::spawn(async move {
                loop {
                    let start = next.fetch_add(BATCH, Relaxed);
                    if start >= digests.len() {
                        return Ok::<(), Box<dyn Error + Send + Sync>>(());
                    }
                    let batch = digests[start..digests.len().min(start + BATCH)].to_vec();
                    let began = Instant::now();
                    let answer = client
                        .batch_check_layer_availability()
                        .repository_name(REPOSITORY)
                        .set_layer_digests(Some(batch))
                        .send()
                        .await?;
                    let took = began.elapsed();
                    let mut known = known.lock().map_err(|_| "a task panicked")?;
                    known.1.push(took);
                    for layer in answer.layers.unwrap_or_default() {
                        let code = match layer.layer_availability {
                            Some(LayerAvailability::Available) => 1,
                            Some(LayerAvailability::Unavailable) => 2,
                            _ => 3,
                        };
                        known.0.insert(layer.layer_digest.ok_or("a layer without digest")?, code);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let known = Arc::try_unwrap(known).map_err(|_| "a task is still running")?;
    Ok(known.into_inner()?)
}

fn cpu_seconds() -> f64 {
    // SAFETY: all zeros are a valid `rusage`, and the call fills the one it is given.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Returns the resident bytes and starts a new peak, as in `bench/offline/harness/measure.py`.
fn forget_peak() -> u64 {
    let _ = fs::write("/proc/self/clear_refs", "5");
    status("VmRSS")
}

/// A size from the status of this process; 0 if the system does not tell it.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:")));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
