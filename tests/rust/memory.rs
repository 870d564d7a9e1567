//! Memory that the system refuses is an error, and not the end of the process.

use layercheck::memory;

/// More than any system gives to one column, and less than a column may have.
const TOO_MUCH: usize = isize::MAX as usize - 8;

#[test]
fn a_column_stays_as_it_was_if_the_system_refuses_to_let_it_grow() {
    let mut column = vec![7_u8];
    let refused = memory::reserve(&mut column, TOO_MUCH - 1).unwrap_err();
    assert_eq!(refused.bytes, TOO_MUCH);
    assert_eq!(
        refused.to_string(),
        format!("the system refused {TOO_MUCH} bytes of memory; split the input, or give the process more")
    );
    assert_eq!(column, [7]);
    memory::push(&mut column, 8).unwrap();
    memory::extend(&mut column, &[9, 10]).unwrap();
    assert_eq!(column, [7, 8, 9, 10]);
}

#[test]
fn every_way_to_make_a_column_can_be_refused() {
    assert!(memory::with_room::<u8>(TOO_MUCH).is_err());
    assert!(memory::filled(0_u64, TOO_MUCH).is_err());
    assert!(memory::ensure(TOO_MUCH).is_err());
    assert_eq!(memory::filled(3, 2), Ok(vec![3, 3]));
    assert_eq!(memory::copy(&[1, 2]), Ok(vec![1, 2]));
    assert_eq!(memory::ensure(1 << 20), Ok(()));
}
