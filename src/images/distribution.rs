//! How the images of a repository are distributed: by age, by how many share a blob, by which missing blob they
//! need. These are the numbers of plots.

use super::blobs::State;
use super::graph::{Graph, NO_TIME, NONE};
use super::parts::flag;
use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

/// Blobs that about as many images need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes, each blob once. A blob of unknown size counts as nothing.
    pub bytes: u64,
    /// Their bytes, each blob once for each image that needs it.
    pub bytes_of_images: u64,
}

impl Graph {
    /// Returns the number of listed images by the time of their push, and by that of their last pull. `bounds_ms`
    /// are times in milliseconds since 1970, latest first. An image is in the group of the first bound that it is
    /// not older than; the next group has all older ones, and the last those whose time is not known.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn ages(&self, bounds_ms: &[i64]) -> Result<[Vec<u64>; 2], OutOfMemory> {
        let mut groups = [memory::filled(0, bounds_ms.len() + 2)?, memory::filled(0, bounds_ms.len() + 2)?];
        for document in self.listed.iter().map(|at| self.document(*at)) {
            for (group, time) in groups.iter_mut().zip([document.pushed_ms, document.pulled_ms]) {
                let known = || bounds_ms.iter().position(|bound| time >= *bound).unwrap_or(bounds_ms.len());
                group[if time == NO_TIME { bounds_ms.len() + 1 } else { known() }] += 1;
            }
        }
        Ok(groups)
    }

    /// Returns the blobs by the number of active images that need them: group `k` is that of 2^k to 2^(k+1) - 1
    /// images.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn sharing(&self) -> Result<[Sharing; 32], OutOfMemory> {
        let mut groups = [Sharing::default(); 32];
        for (blob, images) in self.images_by_blob()?.into_iter().enumerate().filter(|(_, images)| *images > 0)
        {
            let group = &mut groups[images.ilog2() as usize];
            let size = u64::try_from(self.blobs.known_size(blob as u32)).unwrap_or(0);
            group.blobs += 1;
            group.bytes = group.bytes.saturating_add(size);
            group.bytes_of_images =
                group.bytes_of_images.saturating_add(size.saturating_mul(u64::from(images)));
        }
        Ok(groups)
    }

    /// Returns how many missing blobs active images need, and the `most` that the most images need: each with the
    /// number of these images, the most needed first.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn missing_blobs(&self, most: usize) -> Result<(usize, Vec<(Digest, u32)>), OutOfMemory> {
        let mut missing = Vec::new();
        for (blob, images) in self.images_by_blob()?.into_iter().enumerate() {
            if images > 0 && self.blobs.state(blob as u32) == State::Missing {
                memory::push(&mut missing, (std::cmp::Reverse(images), blob as u32))?;
            }
        }
        missing.sort_unstable();
        let leading = missing.iter().take(most);
        let shown = leading.map(|(images, blob)| (*self.blobs.digest(*blob), images.0)).collect();
        Ok((missing.len(), shown))
    }

    /// Returns the number of active images that need each blob themselves, not by way of a child.
    fn images_by_blob(&self) -> Result<Vec<u32>, OutOfMemory> {
        let mut images = memory::filled(0, self.blobs.len())?;
        // An image may name a blob twice, with different sizes.
        let mut last = memory::filled(NONE, self.blobs.len())?;
        for at in &self.listed {
            let document = self.document(*at);
            for part in self.refs_of(document).iter().map(|reference| self.blobs.part(*reference)) {
                let blob = part.blob as usize;
                let is_needed = part.flags & (flag::FOREIGN | flag::CHILD) == 0 && document.is_active();
                if is_needed && std::mem::replace(&mut last[blob], *at) != *at {
                    images[blob] += 1;
                }
            }
        }
        Ok(images)
    }
}
