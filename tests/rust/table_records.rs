//! Tables of any columns as CSV, JSON Lines and Arrow.

use std::borrow::Cow;
use std::ops::Range;

use layercheck::OutOfMemory;
use layercheck::digest::Text;
use layercheck::input::content::Compression;
use layercheck::manifest::sha256;
use layercheck::table::records::text::{Form, write};
use layercheck::table::records::{Cell, Column, Kind, Records, iso};

const COLUMNS: &[Column] = &[
    Column { name: "text", kind: Kind::Text },
    Column { name: "word", kind: Kind::Word(&["yes", "no"]) },
    Column { name: "int", kind: Kind::Int },
    Column { name: "bool", kind: Kind::Bool },
    Column { name: "time", kind: Kind::Time },
    Column { name: "list", kind: Kind::List },
];

/// A table of `lines` times the same two lines, one block for each two.
struct Twice(usize);

fn two() -> [Vec<Cell<'static>>; 2] {
    let list = ["v1", "a b", "=1"].map(Cow::Borrowed).to_vec();
    [
        vec![
            Cell::text("a, \"b\"\u{1b}[2J\n"),
            Cell::Word(1),
            Cell::Int(-7),
            Cell::Bool(true),
            Cell::Time(1_709_251_199_250),
            Cell::List(list),
        ],
        vec![Cell::text(""), Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::List(Vec::new())],
    ]
}

impl Records for Twice {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self) -> usize {
        2 * self.0
    }

    fn blocks(&self) -> usize {
        self.0
    }

    fn lines(
        &self,
        blocks: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory> {
        for _ in blocks {
            let _ = two().iter().all(|line| take(line));
        }
        Ok(())
    }
}

fn written(lines: usize, form: Form, compression: Option<Compression>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&Twice(lines), form, compression, &mut out, || Ok(())).unwrap();
    out
}

#[test]
fn csv_has_a_header_and_one_line_for_each_record() {
    let text = String::from_utf8(written(1, Form::Csv, None)).unwrap();
    let expected = concat!(
        "text,word,int,bool,time,list\n",
        r#""a, ""b""\u001b[2J\n",no,-7,true,2024-02-29T23:59:59.250Z,v1 a\u0020b \u003d1"#,
        "\n,,,,,\n"
    );
    assert_eq!(text, expected);
    assert_eq!(String::from_utf8(written(0, Form::Csv, None)).unwrap(), "text,word,int,bool,time,list\n");
}

#[test]
fn json_lines_have_every_column() {
    let text = String::from_utf8(written(1, Form::JsonLines, None)).unwrap();
    let expected = concat!(
        r#"{"text":"a, \"b\"\u001b[2J\n","word":"no","int":-7,"bool":true,"time":"2024-02-29T23:59:59.250Z","#,
        r#""list":["v1","a b","=1"]}"#,
        "\n",
        r#"{"text":null,"word":null,"int":null,"bool":null,"time":null,"list":[]}"#,
        "\n"
    );
    assert_eq!(text, expected);
    assert!(written(0, Form::JsonLines, None).is_empty());
}

#[test]
fn compressed_files_hold_the_same_text() {
    use std::io::Read;
    let plain = written(30_000, Form::JsonLines, None);
    let packed = written(30_000, Form::JsonLines, Some(Compression::Gzip));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain);
    let packed = written(30_000, Form::JsonLines, Some(Compression::Zstd));
    assert_eq!(zstd::decode_all(&packed[..]).unwrap(), plain);
}

#[test]
fn the_first_error_of_the_check_ends_the_writing() {
    let refuse = || Err(std::io::Error::other("stop"));
    let ended = write(&Twice(9), Form::Csv, None, Vec::new(), refuse);
    assert_eq!(ended.unwrap_err().to_string(), "stop");
}

#[test]
fn times_follow_the_calendar() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
    ];
    for (milliseconds, text) in cases {
        assert_eq!(iso(milliseconds), text);
    }
}

#[test]
fn owned_cells_are_equal_cells() {
    let digest = Cell::Digest(Text::of(&sha256(b"")));
    for cell in two().into_iter().flatten().chain([digest]) {
        assert_eq!(cell.clone().into_owned(), cell);
    }
}

#[cfg(feature = "arrow")]
#[test]
fn arrow_batches_have_the_types_of_the_columns() {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int8Type, Int64Type, TimestampMillisecondType};
    use layercheck::table::records::arrow::{Reader, schema};

    let batches: Vec<_> = Reader::new(Arc::new(Twice(50_000))).map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>(), 100_000);
    assert!(batches.iter().all(|batch| batch.schema() == schema(COLUMNS)));
    let batch = batches.last().unwrap();
    let text = batch.column(0).as_string::<i32>();
    assert_eq!(text.iter().take(2).collect::<Vec<_>>(), [Some("a, \"b\"\u{1b}[2J\n"), None]);
    let words =
        batch.column(1).as_dictionary::<Int8Type>().downcast_dict::<arrow_array::StringArray>().unwrap();
    assert_eq!(words.into_iter().take(2).collect::<Vec<_>>(), [Some("no"), None]);
    let ints = batch.column(2).as_primitive::<Int64Type>();
    assert_eq!(ints.iter().take(2).collect::<Vec<_>>(), [Some(-7), None]);
    let times = batch.column(4).as_primitive::<TimestampMillisecondType>();
    assert_eq!(times.iter().take(2).collect::<Vec<_>>(), [Some(1_709_251_199_250), None]);
    let lists = batch.column(5).as_list::<i32>();
    assert_eq!((lists.value_length(0), lists.value_length(1)), (3, 0));
    assert_eq!(Reader::new(Arc::new(Twice(0))).count(), 0);
}
