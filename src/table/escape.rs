//! Escapes text from outside in CSV and JSON Lines, so that a terminal and a spreadsheet show it and do
//! nothing else with it. Both use the escapes of JSON, so that a program reads back the exact text.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Characters with which a spreadsheet begins a formula. It takes the wide forms for the narrow ones.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Characters behind which a spreadsheet begins a cell, because it may take another separator than the
/// comma, and drops quotes and spaces.
const CELL_STARTS: [char; 5] = [',', ';', '|', '"', ' '];

/// Returns a cell of a CSV file: the text as in a JSON string, but with plain double quotes.
///
/// A backslash is doubled. What a terminal acts on, line ends included, is an escape, and so is a character
/// that would begin a formula: at the start, or where another separator than the comma would begin a cell.
///
/// # Examples
///
/// ```
/// use layercheck::table::escape::csv_cell;
///
/// assert_eq!(csv_cell("1 + 1 = 2; a-b"), "1 + 1 = 2; a-b");
/// assert_eq!(csv_cell("=1+1"), r"\u003d1+1");
/// assert_eq!(csv_cell("a; @b\n"), r"a; \u0040b\n");
/// assert_eq!(csv_cell(r"C:\x"), r"C:\\x");
/// ```
#[must_use]
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let mut starts_cell = true;
    let mut escaped = String::new();
    // The start of what was not copied yet.
    let mut copied = 0;
    for (at, character) in text.char_indices() {
        let acts = character == '\\' || !is_visible(character);
        if acts || (starts_cell && FORMULA.contains(&character)) {
            escaped.push_str(&text[copied..at]);
            push_escape(&mut escaped, character);
            copied = at + character.len_utf8();
        }
        // A space continues what stands before it.
        starts_cell = !acts && CELL_STARTS.contains(&character) && (starts_cell || character != ' ');
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    escaped.push_str(&text[copied..]);
    Cow::Owned(escaped)
}

/// Writes JSON without spaces, in which every character that a terminal acts on is an escape.
///
/// JSON itself asks for this only below U+0020.
#[derive(Clone, Copy, Debug, Default)]
pub struct VisibleJson;

impl Formatter for VisibleJson {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, character)| !is_visible(*character)) {
            out.write_all(&rest.as_bytes()[..at])?;
            let mut escape = String::new();
            push_escape(&mut escape, hidden);
            out.write_all(escape.as_bytes())?;
            rest = &rest[at + hidden.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

/// Returns whether the character shows itself and does nothing else: no control, format or direction
/// character, no line end, no space but the plain one, and no mark that joins the character before it.
fn is_visible(character: char) -> bool {
    match character {
        ' '..='~' => true,
        // The standard library knows, because its debug form escapes just these.
        _ if !character.is_ascii() => character.escape_debug().nth(1).is_none(),
        _ => false,
    }
}

fn push_escape(out: &mut String, character: char) {
    use std::fmt::Write as _;

    let short = match character {
        '\\' => '\\',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
            return;
        }
    };
    out.extend(['\\', short]);
}
