//! The sha256 of documents, one by one or many at once.
//!
//! One document takes one round after the other, each of which needs the one before, so a processor waits most
//! of the time even with instructions for sha256. Documents do not need each other: with AVX-512 a core
//! hashes [`lanes`] of them side by side, two to three times as fast in sum. Without AVX-512, and for few
//! documents, `sha2` hashes one after the other. Measured by `make bench-manifests`. Crates that hash many
//! texts at once were young, with much unsafe code, or slower for documents of different lengths.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod lanes;

use sha2::Digest as _;

use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

/// Returns the sha256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(bytes).into())
}

/// Returns the sha256 of each document.
///
/// # Errors
/// [`OutOfMemory`].
pub fn sha256_all(documents: &[&[u8]]) -> Result<Vec<Digest>, OutOfMemory> {
    let mut digests = memory::filled(Digest([0; 32]), documents.len())?;
    #[cfg(target_arch = "x86_64")]
    if documents.len() >= lanes::ENOUGH
        && let Some(kernel) = avx512::Kernel::of_this_processor()
    {
        lanes::hash(&kernel, documents, &mut digests);
        return Ok(digests);
    }
    for (digest, document) in digests.iter_mut().zip(documents) {
        *digest = sha256(document);
    }
    Ok(digests)
}

/// Returns the name of the kernel that hashes many documents on this processor.
#[must_use]
pub fn sha256_kernel() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if avx512::Kernel::of_this_processor().is_some() {
        return "avx512";
    }
    "sha2"
}
