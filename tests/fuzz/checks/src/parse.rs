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
    let (at, end, spelling) = form(&lower).map_err(|(kind, offset)| (kind, start + offset))?;

    let digits = &lower[at..end];
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

/// Where the hex digits of a trimmed lower-case row begin and end.
fn form(text: &[char]) -> Result<(usize, usize, Spelling), Rejected> {
    let end = text.len();
    let begins = |at: usize, start: &str| {
        text.len() >= at + start.len() && text[at..].iter().zip(start.chars()).all(|(one, two)| *one == two)
    };
    for (start, spelling) in [("sha256:", Spelling::Canonical), ("sha256__", Spelling::Underscore)] {
        if begins(0, start) {
            return Ok((start.len(), end, spelling));
        }
    }
    if begins(0, "sha256-") {
        return Err((RejectKind::TagLike, 6));
    }
    if let Some(line) = checksum_line(text) {
        return line;
    }
    for scheme in ["docker://sha256:", "docker-pullable://sha256:"] {
        if begins(0, scheme) {
            return Ok((scheme.len(), end, Spelling::ImageId));
        }
    }
    let at_sign = (0..text.len()).rev().find(|at| text[*at] == '@').unwrap_or(0);
    if at_sign > 0 && !text[..at_sign].iter().any(|char| *char <= ' ' || *char == '\u{7f}') {
        if begins(at_sign + 1, "sha256:") {
            return Ok((at_sign + 8, end, Spelling::Reference));
        }
        if other_algorithm(&text[at_sign + 1..], ':') {
            return Err((RejectKind::UnsupportedAlgorithm, at_sign + 1));
        }
    }
    let behind = |folder: &str| {
        let starts = (0..text.len()).filter(|at| *at == 0 || text[*at - 1] == '/');
        starts.filter(|at| begins(*at, folder)).max().map(|at| at + folder.len())
    };
    let ends = |to: usize, file: &str| {
        let at = to.saturating_sub(file.len());
        if begins(at, file) && text[..to].len() >= file.len() { at } else { to }
    };
    if let Some(at) = behind("_layers/sha256/") {
        let link = ends(end, "/link");
        return Ok((at, if link < at { end } else { link }, Spelling::RegistryPath));
    }
    // A query may not hold white space.
    let mark = text.iter().position(|char| *char == '?').filter(|at| word(&text[at + 1..]));
    let path_end = mark.unwrap_or(end);
    if let Some(at) = behind("blobs/sha256/") {
        let path: String = text[at.min(path_end)..path_end].iter().collect();
        if let Some((folder, blob)) = path.split_once('/')
            && folder.len() == 2
            && folder.chars().all(|char| char.is_ascii_hexdigit())
            && blob.starts_with(folder)
        {
            let digits = blob.strip_suffix("/data").unwrap_or(blob).chars().count();
            return Ok((at + 3, at + 3 + digits, Spelling::RegistryPath));
        }
        return Ok((at, end, Spelling::BlobPath));
    }
    if let Some(at) = behind("blobs/") {
        if word(&text[..at]) && at <= path_end {
            if begins(at, "sha256:") && at + 7 <= path_end {
                return Ok((at + 7, path_end, Spelling::BlobUrl));
            }
            if other_algorithm(&text[at..path_end], ':') {
                return Err((RejectKind::UnsupportedAlgorithm, at));
            }
        }
        if other_algorithm(&text[at..], '/') {
            return Err((RejectKind::UnsupportedAlgorithm, at));
        }
    }
    let manifest = behind("manifests/").filter(|at| begins(*at, "sha256:"));
    if let Some(at) = behind("_manifests/").or(manifest) {
        return Err((RejectKind::ManifestPath, at));
    }
    if other_algorithm(text, ':') {
        return Err((RejectKind::UnsupportedAlgorithm, 0));
    }
    Ok((0, end, Spelling::BareHex))
}

/// A line of `sha256sum`, plain or tagged; None for any other row.
fn checksum_line(text: &[char]) -> Option<Result<(usize, usize, Spelling), Rejected>> {
    if text.iter().any(|char| *char < ' ' || *char == '\u{7f}') {
        return None;
    }
    let row: String = text.iter().collect();
    let chars = |part: &str| part.chars().count();
    let line = row.strip_prefix('\\').unwrap_or(&row);
    let start = text.len() - chars(line);
    let hex: String = line.chars().take_while(char::is_ascii_hexdigit).collect();
    let name = line.strip_prefix(&hex)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"));
    let other = |name: &str, hex: &str| {
        name.split(|char: char| !char.is_ascii_hexdigit()).any(|run| run.len() == 64 && run != hex)
    };
    let found = |name: &str, from: usize, hex: &str, spelling| {
        let bare = Ok((0, text.len(), Spelling::BareHex));
        Some(if other(name, hex) { bare } else { Ok((from, from + chars(hex), spelling)) })
    };
    if let Some(name) = name
        && hex.len() >= 32
        && !name.is_empty()
        && !name.starts_with(' ')
        && !name.contains("  ")
    {
        return found(name, start, &hex, Spelling::Checksum);
    }
    let (algorithm, rest) = line.split_once('(')?;
    let (algorithm, close) = match algorithm.strip_suffix(' ') {
        Some(algorithm) => (algorithm, ") = "),
        None => (algorithm, ")= "),
    };
    let letters = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '/';
    if !algorithm.starts_with(|char: char| char.is_ascii_alphanumeric()) || !algorithm.chars().all(letters) {
        return None;
    }
    let (name, hex) = rest.rsplit_once(close).filter(|(name, _)| !name.is_empty())?;
    if ["sha256", "sha2-256"].contains(&algorithm) {
        return found(name, text.len() - chars(hex), hex, Spelling::TaggedChecksum);
    }
    let is_checksum = !hex.is_empty() && hex.chars().all(|char| char.is_ascii_hexdigit());
    is_checksum.then_some(Err((RejectKind::UnsupportedAlgorithm, start)))
}

/// Bytes without white space and control characters, and at least one.
fn word(text: &[char]) -> bool {
    !text.is_empty() && text.iter().all(|char| *char > ' ' && *char != '\u{7f}')
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
