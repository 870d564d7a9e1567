//! Checks that any bytes, as an archive or inside of one, end in a layout or in an error, in bounded memory and
//! whatever the sizes of the reads.

use std::io::{self, Read};
use std::sync::Arc;

use layercheck::Planner;
use layercheck::layout::rows::{Places, plan};
use layercheck::layout::tables::{LayoutTable, Which};
use layercheck::layout::{Layout, Options, Target, pickled, read_stream};
use layercheck::table::records::Records;

/// Files that the bytes become, by the first byte.
const NAMES: [&str; 4] = ["index.json", "manifest.json", "repositories", "blobs/sha256/x"];

/// The first byte chooses: an archive as it is, or one file of an archive.
pub fn check(data: &[u8]) {
    let Some((how, file)) = data.split_first() else {
        return;
    };
    let archive = match NAMES.get(usize::from(how % 8)) {
        Some(name) => packed(name, file),
        None => file.to_vec(),
    };
    let whole = read(&archive[..]);
    let dripping = read(Drops(&archive));
    match (&whole, &dripping) {
        (Ok(one), Ok(other)) => assert_eq!(pickled::write(one), pickled::write(other)),
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("the sizes of reads matter: {whole:?} {dripping:?}"),
    }
    if let Ok(layout) = whole {
        hold(layout);
    }
}

fn hold(layout: Layout) {
    let stored = pickled::write(&layout);
    assert_eq!(pickled::write(&pickled::read(&stored).expect("what was written")), stored);
    let parts = layout.documents.iter().flat_map(|document| &document.parts);
    let unusable = parts.filter(|part| matches!(part.target, Target::Unusable(_))).count();
    assert_eq!(unusable, layout.unusable.len());
    let mut planner = Planner::new(false);
    let planned = plan(&layout, &mut planner).is_ok();
    let rows = planner.finish(100).expect("memory").rows();
    assert!(!planned || rows == Places::of(&layout).len());
    let layout = Arc::new(layout);
    for which in Which::ALL {
        let table = LayoutTable::new(Arc::clone(&layout), which).expect("memory");
        let mut lines = 0;
        table
            .lines(0..table.blocks(), &mut |cells| {
                assert_eq!(cells.len(), table.columns().len());
                lines += 1;
                true
            })
            .expect("memory");
        assert_eq!(lines, table.len());
    }
}

fn read(file: impl Read) -> Result<Layout, String> {
    let mut check = || Ok(());
    let mut options = Options { blobs: None, verify: None, keep_content: true, check: &mut check };
    read_stream(file, &mut options).map_err(|error| error.to_string())
}

/// A tar archive with one file.
fn packed(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    let size = format!("{:011o}", content.len());
    header[124..135].copy_from_slice(size.as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = [&header[..], content].concat();
    archive.resize(archive.len().next_multiple_of(512) + 1_024, 0);
    archive
}

/// A file that gives a few bytes at a time, and a signal in between.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len().min(97);
        self.0.read(&mut into[..room])
    }
}
