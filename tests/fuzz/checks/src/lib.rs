//! What must hold for any bytes. The fuzz targets call these checks, and so does a test with every
//! case of the corpus; each compares the fast code with a slow one written otherwise.

pub mod answer;
pub mod formats;
pub mod journal;
pub mod lines;
pub mod parse;
pub mod source;
