//! Compares every hex kernel that this CPU can run with the scalar kernel, for every byte in every position.
//!
//! `faster-hex` shows its kernels only to builds for fuzzing:
//! `RUSTFLAGS='--cfg fuzzing' cargo test --manifest-path tests/fuzz/Cargo.toml -p checks -- --nocapture`

#[cfg(not(fuzzing))]
compile_error!("the kernels are shown only with RUSTFLAGS='--cfg fuzzing'");

use faster_hex::CheckCase;
use faster_hex::fuzzing::{Backend, backends};
use layercheck::digest::hex::{self, Decoded, TEXT_LEN, scalar};

/// All kernels of the crate, for any CPU.
const KERNELS: [&str; 5] = ["scalar", "sse41", "avx2", "avx512", "neon"];

#[test]
fn kernels_agree() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let kernels: Vec<Backend> = backends().collect();
    for kernel in &kernels {
        every_byte_in_every_position(*kernel);
        for _ in 0..10_000 {
            any_bytes_there_and_back(*kernel, &mut random);
            any_text(*kernel, &mut random);
        }
        println!("hex kernel {}: agrees with the scalar one", kernel.name());
    }
    for name in KERNELS {
        if !kernels.iter().any(|kernel| kernel.name() == name) {
            println!("hex kernel {name}: NOT tested, this CPU cannot run it");
        }
    }
    println!("hex kernel in use: {}", hex::kernel());
    let used = hex::kernel().replace('.', "");
    assert!(kernels.iter().any(|kernel| kernel.name() == used), "{used} is none of those tested");
}

fn every_byte_in_every_position(kernel: Backend) {
    for base in [*b"0", *b"9", *b"a", *b"F"] {
        for at in 0..TEXT_LEN {
            for byte in 0..=u8::MAX {
                let mut text = [base[0]; TEXT_LEN];
                text[at] = byte;
                decode(kernel, &text);
            }
        }
    }
}

fn any_bytes_there_and_back(kernel: Backend, random: &mut Random) {
    let bytes: [u8; 32] = random.bytes();
    let (mut text, mut wanted, mut ours) = ([0; TEXT_LEN], [0; TEXT_LEN], [0; TEXT_LEN]);
    kernel.encode(&bytes, &mut text, false);
    scalar::encode(&bytes, &mut wanted);
    hex::encode(&bytes, &mut ours);
    assert_eq!((text, ours), (wanted, wanted), "{}", kernel.name());
    decode(kernel, &text);
    kernel.encode(&bytes, &mut text, true);
    assert_eq!(text, wanted.map(|digit| digit.to_ascii_uppercase()), "{}", kernel.name());
    decode(kernel, &text);
}

/// Decodes any bytes, and then digits of both cases with one other byte.
fn any_text(kernel: Backend, random: &mut Random) {
    let any: [u8; TEXT_LEN] = random.bytes();
    decode(kernel, &any);
    let mut text = any.map(|byte| b"0123456789abcdefABCDEF"[usize::from(byte) % 22]);
    decode(kernel, &text);
    let [at, byte] = random.bytes();
    text[usize::from(at) % TEXT_LEN] = byte;
    decode(kernel, &text);
}

fn decode(kernel: Backend, text: &[u8; TEXT_LEN]) {
    let (mut bytes, mut owned, mut wanted, mut ours) = ([0; 32], [0; 32], [0; 32], [0; 32]);
    let expected = scalar::decode(text, &mut wanted);
    assert_eq!(hex::decode(text, &mut ours), expected, "{text:?}");
    let good = expected != Decoded::Invalid;
    let name = kernel.name();
    assert_eq!(kernel.decode(text, &mut bytes, CheckCase::None), good, "{name} {text:?}");
    assert_eq!(kernel.decode_owned(text, &mut owned, CheckCase::None), good, "{name}, owned, {text:?}");
    assert_eq!(kernel.check(text, CheckCase::None), good, "{name}, check, {text:?}");
    if good {
        assert_eq!((bytes, owned, ours), (wanted, wanted, wanted), "{name} {text:?}");
    }
}

/// Returns the same bytes each time, by xorshift.
struct Random(u64);

impl Random {
    fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        std::array::from_fn(|_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()[4]
        })
    }
}
