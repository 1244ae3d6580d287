//! What no release wrote is refused, whatever it is.

use proptest::prelude::*;

use super::sample::{Sample, all};
use crate::stored::Unreadable;

#[test]
fn a_newer_form_is_refused_by_its_number() {
    for (name, sample) in all() {
        let mut bytes = sample.write();
        let newest = bytes[0];
        for found in [newest + 1, u8::MAX] {
            bytes[0] = found;
            match sample.read(&bytes) {
                Err(Unreadable::Newer {
                    found: told,
                    newest: known,
                    ..
                }) => {
                    assert_eq!((told, known), (found, newest), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_value_that_is_cut_or_goes_on_is_damaged() {
    for (name, sample) in all() {
        let bytes = sample.write();
        for length in 0..bytes.len() {
            let read = sample.read(&bytes[..length]);
            assert!(
                matches!(read, Err(Unreadable::Damaged { .. })),
                "{name} to {length}: {read:?}"
            );
        }
        let longer = [&*bytes, b"x"].concat();
        assert!(
            matches!(sample.read(&longer), Err(Unreadable::Damaged { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_length_beyond_the_value_is_damaged_and_allocates_nothing() {
    // An array, a map, a text and bytes, each of as many parts as a number can say, and an array that has no end.
    let heads: [&[u8]; 5] = [
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x9f],
    ];
    for (name, sample) in all() {
        let bytes = sample.write();
        for head in heads {
            for place in 1..bytes.len() {
                let swollen = [&bytes[..place], head, &bytes[place + 1..]].concat();
                no_panic(name, &sample, &swollen);
            }
        }
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    for (name, sample) in all() {
        let bytes = sample.write();
        for place in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            no_panic(name, &sample, &flipped);
        }
    }
}

/// Reads bytes that may be anything. What is read is written again, as it could be.
fn no_panic(name: &str, sample: &Sample, bytes: &[u8]) {
    if let Ok(read) = sample.read(bytes) {
        assert_eq!(read.read(&read.write()), Ok(read.clone()), "{name}");
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (name, sample) in all() {
            let bytes = [&[sample.write()[0]], &*body].concat();
            no_panic(name, &sample, &bytes);
            no_panic(name, &sample, &body);
        }
    }

    #[test]
    fn a_value_with_random_parts_never_panics(
        place in any::<prop::sample::Index>(),
        drop in 0_usize..20,
        part in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        for (name, sample) in all() {
            let bytes = sample.write();
            let place = place.index(bytes.len());
            let end = (place + drop).min(bytes.len());
            no_panic(name, &sample, &[&bytes[..place], &part, &bytes[end..]].concat());
        }
    }
}
