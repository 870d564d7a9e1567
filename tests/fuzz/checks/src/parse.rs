//! Compares the parser of rows with a slow reader that works on lower-case copies.

use layercheck::digest::parse::{RejectKind, Spelling, parse, parse_fast, parse_strict};

/// Where and why a row is rejected.
pub type Rejected = (RejectKind, usize);

/// Compares both readers, lenient and strict.
pub fn check(row: &[u8]) {
    let lenient = parse(row).map(|(digest, spelling)| (digest.0, spelling));
    let strict = parse_strict(row).map(|(digest, spelling)| (digest.0, spelling));
    let rejected = |error: layercheck::ParseError| (error.kind, error.offset);
    assert_eq!(lenient.map_err(rejected), read(row), "lenient");
    assert_eq!(strict.map_err(rejected), read_strictly(row), "strict");
    if let Some((digest, spelling)) = parse_fast(row, false) {
        assert_eq!(read(row), Ok((digest.0, spelling)), "fast");
    }
    assert_eq!(parse_fast(row, true).is_some(), read_strictly(row).is_ok(), "fast, strict");
    if let Ok((digest, _)) = lenient {
        let text = layercheck::Digest(digest).to_string();
        assert_eq!(read_strictly(text.as_bytes()), Ok((digest, Spelling::Canonical)), "its own text");
    }
}

/// The slow reader, strict.
///
/// # Errors
/// The kind of rejection and its offset.
pub fn read_strictly(row: &[u8]) -> Result<([u8; 32], Spelling), Rejected> {
    let (digest, spelling) = read(row)?;
    if spelling == Spelling::Canonical {
        return Ok((digest, spelling));
    }
    let fits = |at: usize, byte: u8| match at {
        0..7 => byte == b"sha256:"[at],
        7..71 => b"0123456789abcdef".contains(&byte),
        _ => false,
    };
    let deviation = (0..row.len()).find(|at| !fits(*at, row[*at]));
    Err((RejectKind::NotCanonical, deviation.unwrap_or(row.len())))
}

/// The slow reader, lenient.
///
/// # Errors
/// The kind of rejection and its offset.
pub fn read(row: &[u8]) -> Result<([u8; 32], Spelling), Rejected> {
    const WHITE: &[u8] = b" \t\n\r\x0b\x0c";
    let Some(start) = row.iter().position(|byte| !WHITE.contains(byte)) else {
        return Err((RejectKind::Empty, 0));
    };
    let stop = row.iter().rposition(|byte| !WHITE.contains(byte)).expect("there is one") + 1;
    let text = &row[start..stop];
    // Latin-1: a character for each byte, so that offsets stay.
    let lower: String = text.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let lower: Vec<char> = lower.chars().collect();
    let (at, spelling) = form(&lower).map_err(|(kind, offset)| (kind, start + offset))?;

    let digits = &lower[at..];
    if let Some(bad) = digits.iter().position(|digit| !digit.is_ascii_hexdigit()) {
        return Err((RejectKind::NotHexadecimal, start + at + bad));
    }
    if digits.len() != 64 {
        return Err((RejectKind::WrongLength, start + at + digits.len().min(64)));
    }
    let mut digest = [0; 32];
    for (at, digit) in digits.iter().enumerate() {
        let value = digit.to_digit(16).expect("a hex digit");
        digest[at / 2] = digest[at / 2] * 16 + u8::try_from(value).expect("less than 16");
    }
    let spelling = match spelling {
        Spelling::Canonical if text.iter().any(u8::is_ascii_uppercase) => Spelling::UpperCase,
        Spelling::Canonical if text != row => Spelling::WhiteSpace,
        other => other,
    };
    Ok((digest, spelling))
}

/// Where the hex digits of a trimmed lower-case row begin.
fn form(text: &[char]) -> Result<(usize, Spelling), Rejected> {
    let begins = |at: usize, start: &str| {
        text.len() >= at + start.len() && text[at..].iter().zip(start.chars()).all(|(one, two)| *one == two)
    };
    for (start, spelling) in [("sha256:", Spelling::Canonical), ("sha256__", Spelling::Underscore)] {
        if begins(0, start) {
            return Ok((start.len(), spelling));
        }
    }
    if begins(0, "sha256-") {
        return Err((RejectKind::TagLike, 6));
    }
    let at_sign = (0..text.len()).rev().find(|at| text[*at] == '@').unwrap_or(0);
    if at_sign > 0 && !text[..at_sign].iter().any(|char| *char <= ' ' || *char == '\u{7f}') {
        if begins(at_sign + 1, "sha256:") {
            return Ok((at_sign + 8, Spelling::Reference));
        }
        if other_algorithm(&text[at_sign + 1..], ':') {
            return Err((RejectKind::UnsupportedAlgorithm, at_sign + 1));
        }
    }
    let behind = |folder: &str| {
        let starts = (0..text.len()).filter(|at| *at == 0 || text[*at - 1] == '/');
        starts.filter(|at| begins(*at, folder)).max().map(|at| at + folder.len())
    };
    if let Some(at) = behind("blobs/sha256/") {
        return Ok((at, Spelling::BlobPath));
    }
    if let Some(at) = behind("blobs/").filter(|at| other_algorithm(&text[*at..], '/')) {
        return Err((RejectKind::UnsupportedAlgorithm, at));
    }
    if other_algorithm(text, ':') {
        return Err((RejectKind::UnsupportedAlgorithm, 0));
    }
    Ok((0, Spelling::BareHex))
}

/// `algorithm ::= component (separator component)*`, `component ::= [a-z0-9]+`,
/// `separator ::= [+._-]`, `encoded ::= [a-zA-Z0-9=_-]+` (OCI image specification, descriptors).
fn other_algorithm(text: &[char], between: char) -> bool {
    let mut state = "start";
    let mut algorithm = String::new();
    for char in text {
        state = match (state, char) {
            ("start" | "component" | "separator", 'a'..='z' | '0'..='9') => "component",
            ("component", '+' | '.' | '_' | '-') => "separator",
            ("component", char) if *char == between => "encoded",
            ("encoded" | "end", 'a'..='z' | '0'..='9' | '=' | '_' | '-') => "end",
            _ => return false,
        };
        if !matches!(state, "encoded" | "end") {
            algorithm.push(*char);
        }
    }
    state == "end" && algorithm != "sha256"
}
