//! Faults and throttles from Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::images::operation_of;
use crate::local_ecr::{Fault, FaultKind, FaultSpec, Throttle, ThrottleForm};

/// Rate, burst, error code, HTTP status.
pub(super) type ThrottleArgs = (f64, f64, Option<String>, u16);

/// `layercheck.testing.Fault`, attribute by attribute.
#[derive(FromPyObject)]
pub(super) struct FaultArgs {
    kind: String,
    probability: f64,
    first_call: u64,
    last_call: Option<u64>,
    share: f64,
    ms: f64,
    jitter_ms: f64,
    code: Option<String>,
    status: Option<u16>,
    message: String,
    word: String,
    digests: Vec<String>,
    bytes: u64,
    bytes_per_ms: u32,
    uses: u64,
    operations: Vec<String>,
}

pub(super) fn throttle_of((rate, burst, code, status): ThrottleArgs) -> Throttle {
    Throttle { rate, burst, form: ThrottleForm { code, status } }
}

/// The form of a throttling fault; `None` for the form of the server.
fn form_of(code: Option<String>, status: Option<u16>) -> Option<ThrottleForm> {
    if code.is_none() && status.is_none() {
        return None;
    }
    let default = ThrottleForm::default();
    let code = code.map_or(default.code, |code| (!code.is_empty()).then_some(code));
    Some(ThrottleForm { code, status: status.unwrap_or(default.status) })
}

pub(super) fn faults_of(faults: Vec<FaultArgs>) -> PyResult<Vec<Fault>> {
    faults.into_iter().map(fault_of).collect()
}

fn fault_of(args: FaultArgs) -> PyResult<Fault> {
    let kind = FaultKind::ALL.iter().find(|kind| kind.name() == args.kind).ok_or_else(|| {
        let known: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        let text = format!("unknown kind of fault {:?}; the kinds are {}", args.kind, known.join(", "));
        PyValueError::new_err(text)
    })?;
    let operations = args.operations.iter().map(|name| operation_of(name)).collect::<PyResult<_>>()?;
    let FaultArgs { share, word, .. } = args;
    // The default words are outside every service model.
    let word_or = |default: &str| if word.is_empty() { default.to_owned() } else { word.clone() };
    let spec = match kind {
        FaultKind::Latency => FaultSpec::Latency { ms: args.ms, jitter_ms: args.jitter_ms },
        FaultKind::Throttle => FaultSpec::Throttle { form: form_of(args.code, args.status) },
        FaultKind::ServerError => FaultSpec::ServerError,
        FaultKind::ServiceUnavailable => FaultSpec::ServiceUnavailable,
        FaultKind::ErrorPage => FaultSpec::ErrorPage { status: args.status.unwrap_or(502) },
        FaultKind::AccessDenied => FaultSpec::AccessDenied,
        FaultKind::ExpiredToken => FaultSpec::ExpiredToken,
        FaultKind::ExpiredKey => FaultSpec::ExpiredKey { uses: args.uses, ms: args.ms },
        FaultKind::RepositoryDeleted => FaultSpec::RepositoryDeleted,
        FaultKind::Error => FaultSpec::Error {
            code: args.code.unwrap_or_else(|| "InternalFailure".into()),
            status: args.status.unwrap_or(400),
            message: args.message,
        },
        FaultKind::Disconnect => FaultSpec::Disconnect,
        FaultKind::Reset => FaultSpec::Reset,
        FaultKind::Garbage => FaultSpec::Garbage,
        FaultKind::Empty => FaultSpec::Empty,
        FaultKind::Html => FaultSpec::Html,
        FaultKind::WrongTypes => FaultSpec::WrongTypes,
        FaultKind::TokenExpired => FaultSpec::TokenExpired,
        FaultKind::Poison => FaultSpec::Poison { digests: args.digests.into_iter().collect() },
        FaultKind::Shuffle => FaultSpec::Shuffle,
        FaultKind::Omit => FaultSpec::Omit { share },
        FaultKind::Repeat => FaultSpec::Repeat { share },
        FaultKind::Contradict => FaultSpec::Contradict { share },
        FaultKind::Foreign => FaultSpec::Foreign { share },
        FaultKind::UpperCase => FaultSpec::UpperCase { share },
        FaultKind::UnknownAvailability => {
            FaultSpec::UnknownAvailability { share, word: word_or("QUARANTINED") }
        }
        FaultKind::UnknownFailure => FaultSpec::UnknownFailure { share, word: word_or("LayerQuarantined") },
        FaultKind::PageRepeat => FaultSpec::PageRepeat { share },
        FaultKind::PageNull => FaultSpec::PageNull { share },
        FaultKind::TokenLoop => FaultSpec::TokenLoop,
        FaultKind::TokenEndless => FaultSpec::TokenEndless,
        FaultKind::TagRepeat => FaultSpec::TagRepeat,
        FaultKind::ImageDeleted => FaultSpec::ImageDeleted { share },
        FaultKind::FailureCode => {
            FaultSpec::FailureCode { share, code: args.code.unwrap_or_else(|| "KmsError".into()) }
        }
        FaultKind::FailureWithoutDigest => FaultSpec::FailureWithoutDigest,
        FaultKind::WrongManifest => FaultSpec::WrongManifest { share },
        FaultKind::Converted => FaultSpec::Converted { share },
        FaultKind::BigAnswer => FaultSpec::BigAnswer { bytes: args.bytes },
        FaultKind::Truncate => FaultSpec::Truncate,
        FaultKind::Cut => FaultSpec::Cut,
        FaultKind::CutHead => FaultSpec::CutHead,
        FaultKind::ResetHead => FaultSpec::ResetHead,
        FaultKind::ResetBody => FaultSpec::ResetBody,
        FaultKind::Unfinished => FaultSpec::Unfinished,
        FaultKind::SlowHead => FaultSpec::SlowHead { bytes_per_ms: args.bytes_per_ms },
        FaultKind::Slow => FaultSpec::Slow { bytes_per_ms: args.bytes_per_ms },
        FaultKind::Padding => FaultSpec::Padding { bytes: args.bytes },
        FaultKind::Endless => FaultSpec::Endless,
        FaultKind::Twice => FaultSpec::Twice { ms: args.ms },
        FaultKind::Informational => FaultSpec::Informational { status: args.status.unwrap_or(103) },
        FaultKind::Chunked => FaultSpec::Chunked,
        FaultKind::Http10 => FaultSpec::Http10,
        FaultKind::Close => FaultSpec::Close,
        FaultKind::IdleClose => FaultSpec::IdleClose { ms: args.ms },
    };
    Ok(Fault {
        spec,
        probability: args.probability,
        first: args.first_call,
        last: args.last_call,
        operations,
    })
}
