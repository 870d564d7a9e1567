//! Tells version, profile and features of this build.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::digest::hex;

// A crate cannot ask cargo for the name of its profile, so the Makefile names the demo profile here.
const PROFILE: &str = match option_env!("LAYERCHECK_PROFILE") {
    Some(name) => name,
    None if cfg!(debug_assertions) => "debug",
    None => "release",
};

/// Return version, profile and chosen kernel of this build, all as text.
#[pyfunction]
pub(super) fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("profile", PROFILE)?;
    info.set_item("kernel", hex::kernel())?;
    info.set_item("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))?;
    info.set_item("local_ecr", if cfg!(feature = "local-ecr") { "yes" } else { "no" })?;
    Ok(info)
}
