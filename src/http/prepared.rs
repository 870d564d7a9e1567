//! A request that botocore made and signed, made again for another body, time and invocation.
//!
//! boto3 says how a call is made: endpoint, headers, their order, signed headers, scope. [`Prepared::of`]
//! takes such a request apart and signs it once more. Only if that gives the signature of botocore, the core
//! makes further requests like it. What differs from request to request is made as the SDK makes it: the date,
//! the invocation id, the length and the signature.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::error::WireError;
use super::request::Request;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const END_OF_SCOPE: &str = "aws4_request";

/// Headers that are the same for each request of a client, or are made here for each request.
const KNOWN: [&str; 11] = [
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-target",
];

/// How requests like one of botocore's are made.
pub struct Prepared {
    target: String,
    host: String,
    /// In the order in which botocore sends them.
    headers: Vec<(String, Value)>,
    /// Signed headers as the signature needs them: lower-case names, sorted.
    signed: Vec<(String, Value)>,
    signed_names: String,
    access_key: String,
    secret_key: String,
    region: String,
    service: String,
    /// The key of the last day, which four hashes made.
    key: Mutex<Option<(String, Vec<u8>)>>,
}

/// The value of a header.
#[derive(Clone, PartialEq)]
enum Value {
    Same(String),
    Date,
    InvocationId,
    Authorization,
}

/// What differs between two requests. The text of a date is that of `X-Amz-Date`.
struct Moment {
    date: String,
    invocation_id: String,
}

impl Prepared {
    /// Takes a request apart that was signed with this secret key.
    ///
    /// # Errors
    /// Why requests like it cannot be made: a reason in words, which names no value of a header.
    pub fn of(
        target: &str,
        host: &str,
        headers: &[(String, String)],
        body: &[u8],
        secret_key: &str,
    ) -> Result<Self, &'static str> {
        // Other paths are written in two ways, one of them for the signature.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~".contains(&byte);
        if !target.starts_with('/') || target.contains("//") || !target.bytes().all(plain) {
            return Err("the path needs escaping");
        }
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Err("a header stands there twice");
        }
        // Any other may be another one for each request, such as the id of a trace.
        if !names.iter().all(|name| KNOWN.contains(&name.as_str())) {
            return Err("botocore sends a header that is not known here");
        }
        let found = |wanted: &str| {
            headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.as_str())
        };
        let authorization = found("authorization").ok_or("it is not signed")?;
        let date = found("x-amz-date").ok_or("it has no date")?;
        let (credential, signed_names, _) = parts(authorization).ok_or("it is signed in another way")?;
        let mut scope = credential.rsplitn(5, '/');
        let mut next = || scope.next().ok_or("it is signed in another way");
        let (end, service, region, day, access_key) = (next()?, next()?, next()?, next()?, next()?);
        if end != END_OF_SCOPE || day.len() != 8 || !date.starts_with(day) {
            return Err("it is signed in another way");
        }
        let value = |name: &str, value: &str| match name.to_ascii_lowercase().as_str() {
            "authorization" => Value::Authorization,
            "x-amz-date" => Value::Date,
            "amz-sdk-invocation-id" => Value::InvocationId,
            _ => Value::Same(value.to_owned()),
        };
        let signed = signed_names.split(';').map(|name| {
            let sent = if name == "host" { host } else { found(name)? };
            let canonical = sent.split_whitespace().collect::<Vec<_>>().join(" ");
            Some((name.to_owned(), value(name, &canonical)))
        });
        let prepared = Self {
            target: target.to_owned(),
            host: host.to_owned(),
            headers: headers.iter().map(|(name, sent)| (name.clone(), value(name, sent))).collect(),
            signed: signed.collect::<Option<_>>().ok_or("a signed header is not among those sent")?,
            signed_names: signed_names.to_owned(),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            key: Mutex::new(None),
        };
        // A deadline (`ttl`) would be another one for each request.
        let is_first = |value: &str| !value.contains("ttl=") && value.split(';').next() == Some("attempt=1");
        if !found("amz-sdk-request").is_none_or(is_first) {
            return Err("it is not a first attempt");
        }
        let invocation_id = found("amz-sdk-invocation-id").unwrap_or_default();
        if !invocation_id.is_empty() && !is_uuid(invocation_id) {
            return Err("its invocation id has another form");
        }
        let moment = Moment { date: date.to_owned(), invocation_id: invocation_id.to_owned() };
        if prepared.authorization(body, &moment) != authorization {
            return Err("the core signs it in another way");
        }
        Ok(prepared)
    }

    /// Makes a request with this body, for this time. `random` makes the invocation id. Returns the request
    /// and the value of its header `Authorization`.
    ///
    /// # Errors
    /// The kind is `Request`: a header cannot be written.
    pub fn request(
        &self,
        body: &[u8],
        time: SystemTime,
        random: [u8; 16],
    ) -> Result<(Vec<u8>, String), WireError> {
        let moment = Moment { date: date(time), invocation_id: uuid(random) };
        let authorization = self.authorization(body, &moment);
        let mut request = Request::post(&self.target, &self.host);
        for (name, value) in &self.headers {
            let value = match value {
                Value::Authorization => &authorization,
                other => moment.text(other),
            };
            request.header(name, value)?;
        }
        Ok((request.with_body(body), authorization))
    }

    fn authorization(&self, body: &[u8], moment: &Moment) -> String {
        let mut canonical = format!("POST\n{}\n\n", self.target);
        for (name, value) in &self.signed {
            canonical.extend([name, ":", moment.text(value), "\n"]);
        }
        canonical.extend(["\n", &self.signed_names, "\n", &sha256(body)]);
        let (date, day) = (&moment.date, &moment.date[..8]);
        let scope = format!("{day}/{}/{}/{END_OF_SCOPE}", self.region, self.service);
        let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let signature = calculate_signature(self.key(day), text.as_bytes());
        let (access_key, names) = (&self.access_key, &self.signed_names);
        format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    fn key(&self, day: &str) -> Vec<u8> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some((of, key)) if of == day => key.clone(),
            _ => {
                let midnight = midnight(day).unwrap_or(SystemTime::UNIX_EPOCH);
                let key = generate_signing_key(&self.secret_key, midnight, &self.region, &self.service);
                let key = key.as_ref().to_vec();
                *kept = Some((day.to_owned(), key.clone()));
                key
            }
        }
    }
}

impl Moment {
    fn text<'a>(&'a self, value: &'a Value) -> &'a str {
        match value {
            Value::Same(text) => text,
            Value::Date => &self.date,
            Value::InvocationId => &self.invocation_id,
            // Never signed, because it is made last.
            Value::Authorization => "",
        }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without keys and token, so that no log can show them.
        f.debug_struct("Prepared")
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Splits the value of an `Authorization` header into the credential with its scope, the names of the signed
/// headers and the signature.
fn parts(authorization: &str) -> Option<(&str, &str, &str)> {
    let rest = authorization.strip_prefix(ALGORITHM)?.strip_prefix(" Credential=")?;
    let (rest, signature) = rest.rsplit_once(", Signature=")?;
    let (credential, names) = rest.rsplit_once(", SignedHeaders=")?;
    Some((credential, names, signature))
}

/// Returns a time as `X-Amz-Date` has it.
fn date(time: SystemTime) -> String {
    let at = OffsetDateTime::from(time);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z", u8::from(month))
}

fn midnight(day: &str) -> Option<SystemTime> {
    let number = |digits: &str| digits.parse::<u16>().ok();
    let (year, month, day) = (number(day.get(..4)?)?, number(day.get(4..6)?)?, number(day.get(6..)?)?);
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()?;
    Some(date.midnight().assume_utc().into())
}

fn sha256(bytes: &[u8]) -> String {
    faster_hex::hex_string(&Sha256::digest(bytes))
}

/// Returns random bytes as a UUID of version 4.
fn uuid(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let digits = faster_hex::hex_string(&random);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

fn is_uuid(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => hex(byte),
        })
}
