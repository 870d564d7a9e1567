//! Large columns stand in mappings of their own, small ones in the memory of the system's library.

use layercheck::memory;

/// As in the table of a plan: an alignment that the system's library cannot keep when memory grows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct Line([u64; 8]);

const MEGABYTE: usize = 1 << 20;

fn line(number: usize) -> Line {
    Line([number as u64; 8])
}

#[test]
fn a_column_keeps_its_items_however_it_grows_and_shrinks() {
    let mut column = Vec::new();
    for megabytes in [1, 7, 8, 9, 40, 33, 8, 12, 3, 64, 0] {
        let count = megabytes * MEGABYTE / size_of::<Line>();
        column.truncate(count);
        column.shrink_to_fit();
        let more = count - column.len();
        memory::reserve_exact(&mut column, more).unwrap();
        column.extend((column.len()..count).map(line));
        assert_eq!(column.as_ptr().addr() % align_of::<Line>(), 0);
        assert!(column.iter().enumerate().all(|(number, item)| *item == line(number)), "{megabytes} MB");
    }
}

#[test]
fn new_memory_of_zeros_has_nothing_of_an_earlier_column() {
    for megabytes in [1, 8, 33] {
        drop(vec![7_u8; megabytes * MEGABYTE]);
        assert!(vec![0_u8; megabytes * MEGABYTE].iter().all(|byte| *byte == 0), "{megabytes} MB");
    }
}

#[test]
fn a_large_column_stays_as_it_was_if_the_system_refuses_to_let_it_grow() {
    let mut column: Vec<Line> = (0..9 * MEGABYTE / size_of::<Line>()).map(line).collect();
    let count = column.len();
    memory::reserve(&mut column, usize::MAX / 256).unwrap_err();
    assert_eq!(column.len(), count);
    assert!(column.iter().enumerate().all(|(number, item)| *item == line(number)));
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_column_grows_without_a_copy_of_its_items() {
    /// Pages that this thread has touched for the first time.
    fn new_pages() -> i64 {
        // SAFETY: a struct of numbers, which may all be zero, and which getrusage fills.
        unsafe {
            let mut used: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_THREAD, &raw mut used);
            used.ru_minflt
        }
    }
    let mut column = memory::filled(line(3), 64 * MEGABYTE / size_of::<Line>()).unwrap();
    let before = new_pages();
    memory::reserve_exact(&mut column, 64 * MEGABYTE / size_of::<Line>()).unwrap();
    // A copy would touch 64 megabytes: 32 huge pages, or 16,384 small ones.
    assert!(new_pages() - before < 16);
    assert!(column.iter().all(|item| *item == line(3)));
}

#[test]
fn a_look_at_the_next_page_leaves_a_column_as_it_is() {
    for megabytes in [1, 15, 16, 17, 40] {
        let room = megabytes * MEGABYTE / size_of::<Line>();
        let mut column = memory::with_room(room).unwrap();
        while column.len() < room {
            let count = room.min(column.len() + 5_000);
            column.extend((column.len()..count).map(line));
            memory::touch_ahead(&mut column, line(usize::MAX));
            assert_eq!((column.len(), column.capacity()), (count, room));
        }
        assert!(column.iter().enumerate().all(|(number, item)| *item == line(number)), "{megabytes} MB");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_next_page_of_a_large_column_is_there_before_it_is_written_to() {
    /// Whether the page at the start of the next huge page has memory.
    fn is_there(column: &[Line]) -> bool {
        let next = column.as_ptr_range().end.addr().next_multiple_of(2 * MEGABYTE);
        let mut found = 0_u8;
        // SAFETY: the answer for one page is one byte. The address is only looked up.
        let failed = unsafe { libc::mincore(std::ptr::without_provenance_mut(next), 1, &raw mut found) };
        assert_eq!(failed, 0);
        found & 1 == 1
    }
    let mut column = memory::with_room(40 * MEGABYTE / size_of::<Line>()).unwrap();
    column.push(line(0));
    assert!(!is_there(&column));
    memory::touch_ahead(&mut column, line(0));
    assert!(is_there(&column));
}
