//! How deep indexes stand in each other, and an order in which children come before their indexes.

use super::graph::{Graph, Reading};
use crate::memory::{self, OutOfMemory};

/// The depth of a document that reaches a cycle.
pub(super) const CYCLIC: u32 = u32::MAX;

/// How deep each document nests, and the documents in an order in which children come before their indexes.
pub(super) struct Depths {
    pub(super) depth: Vec<u32>,
    pub(super) order: Vec<u32>,
}

impl Depths {
    /// Walks over all documents without recursion, because hostile indexes nest as deep as they like.
    pub(super) fn of(graph: &Graph) -> Result<Self, OutOfMemory> {
        const NEW: u32 = u32::MAX - 1;
        const OPEN: u32 = u32::MAX - 2;
        let count = graph.documents.len();
        let mut depths = Self { depth: memory::filled(NEW, count)?, order: memory::with_room(count)? };
        // Each open document: its number, its next child, and the depth so far.
        let mut open: Vec<(u32, usize, u32)> = Vec::new();
        for root in 0..count as u32 {
            if depths.depth[root as usize] != NEW {
                continue;
            }
            memory::push(&mut open, (root, 0, 0))?;
            depths.depth[root as usize] = OPEN;
            while let Some((at, next, deepest)) = open.last_mut() {
                let child = child_of(graph, *at, *next);
                *next += 1;
                let Some(child) = child else {
                    let (at, depth) = (*at, *deepest);
                    open.pop();
                    depths.depth[at as usize] = depth;
                    depths.order.push(at);
                    if let Some((_, _, deepest)) = open.last_mut() {
                        *deepest = (*deepest).max(depth.saturating_add(1));
                    }
                    continue;
                };
                match depths.depth[child as usize] {
                    NEW => {
                        depths.depth[child as usize] = OPEN;
                        memory::push(&mut open, (child, 0, 0))?;
                    }
                    OPEN => *deepest = CYCLIC,
                    known => *deepest = (*deepest).max(known.saturating_add(1)),
                }
            }
        }
        Ok(depths)
    }
}

/// Returns child number `place` of a document that was read and is not gone.
fn child_of(graph: &Graph, at: u32, place: usize) -> Option<u32> {
    let document = graph.document(at);
    if document.reading == Reading::Read && document.is_active() { graph.child_at(at, place) } else { None }
}
