//! Checks that must hold for any bytes. The fuzz targets call them, and a test calls them with every case of
//! the corpus. Each check compares the fast code with slow code written in another way.

pub mod answer;
pub mod columns;
pub mod decompress;
pub mod journal;
pub mod layout;
pub mod lines;
pub mod manifest;
pub mod parse;
pub mod projection;
