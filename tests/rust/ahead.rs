//! A thread that would wait provides the memory of another thread's column. Where mappings start at the border of
//! a huge page and the system can provide pages before their use: Linux 6.7 or newer.

use layercheck::memory;
use layercheck::plan::ahead::Ahead;

const MEGABYTE: usize = 1 << 20;

/// Tells of each megabyte of a column's memory whether it has a page.
#[cfg(target_os = "linux")]
fn provided(column: &Vec<u8>) -> Vec<bool> {
    const PAGE: usize = 4 << 10;
    let mut pages = vec![0_u8; column.capacity() / PAGE];
    // SAFETY: the memory is a mapping of its own, and there is a byte for each page.
    let told =
        unsafe { libc::mincore(column.as_ptr().cast_mut().cast(), column.capacity(), pages.as_mut_ptr()) };
    assert_eq!(told, 0);
    pages.chunks(MEGABYTE / PAGE).map(|pages| pages.iter().any(|page| page & 1 == 1)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_next_megabytes_of_a_column_are_provided_and_not_more() {
    let mut column: Vec<u8> = memory::with_room(32 * MEGABYTE).unwrap();
    column.extend_from_slice(b"a row");
    let mut ahead = Ahead::default();
    let helper = ahead.helper();
    assert!(!helper.provide(), "nothing was offered");
    ahead.offer(&column, 8 * MEGABYTE);
    assert!(helper.provide() && helper.provide() && !helper.provide());
    // The owner is about to use the next megabytes itself.
    assert_eq!(provided(&column)[2..], [vec![false; 2], vec![true; 4], vec![false; 24]].concat());
    // This goes on as the column grows, up to its end, and changes no item.
    while column.len() < 32 * MEGABYTE {
        column.resize(column.len() + MEGABYTE - column.len() % MEGABYTE, 7);
        ahead.offer(&column, 8 * MEGABYTE);
        while helper.provide() {}
    }
    assert!(provided(&column).iter().all(|megabyte| *megabyte));
    assert_eq!((&column[..5], column[5..].iter().all(|byte| *byte == 7)), (&b"a row"[..], true));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_for_which_no_items_will_come_is_not_provided() {
    let column: Vec<u8> = memory::with_room(32 * MEGABYTE).unwrap();
    let mut ahead = Ahead::default();
    let helper = ahead.helper();
    for more in [0, MEGABYTE, 4 * MEGABYTE - 1] {
        ahead.offer(&column, more);
        assert!(!helper.provide(), "{more}");
    }
    assert!(provided(&column).iter().all(|megabyte| !megabyte));
}

#[test]
fn memory_that_may_move_is_not_provided() {
    let mut column: Vec<u8> = memory::with_room(32 * MEGABYTE).unwrap();
    let mut ahead = Ahead::default();
    let helper = ahead.helper();
    ahead.offer(&column, usize::MAX);
    ahead.withdraw();
    assert!(!helper.provide());
    ahead.offer(&column, usize::MAX);
    ahead.reserve(&mut column, 64 * MEGABYTE).unwrap();
    // The place may belong to another column now.
    let others: Vec<Vec<u8>> = (0..4).map(|_| memory::with_room(32 * MEGABYTE).unwrap()).collect();
    assert!(!helper.provide(), "the column has moved");
    drop(others);
    ahead.offer(&column, usize::MAX);
    drop(ahead);
    assert!(!helper.provide());
}

#[test]
fn a_small_column_needs_no_help() {
    /// Stands at the start of a page, also in the memory of the system's library.
    #[repr(align(4096))]
    struct Page(#[expect(dead_code)] [u8; 4096]);
    let column: Vec<Page> = memory::with_room(15 * MEGABYTE / size_of::<Page>()).unwrap();
    let mut ahead = Ahead::default();
    ahead.offer(&column, usize::MAX);
    assert!(!ahead.helper().provide());
}
