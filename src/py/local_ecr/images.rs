//! The images of the local ECR endpoint for Python.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::contents::key_of;
use super::raised;
use crate::local_ecr::{
    CreateOptions, Encryption, ImageRule, ImageStatus, LocalEcr, Operation, Push, TagMutability, key,
};

/// The images of a running endpoint. Every method may be called from any thread at any time.
#[pyclass(frozen, name = "LocalEcrImages", module = "layercheck._core")]
pub(in crate::py) struct PyLocalEcrImages(pub(super) Arc<LocalEcr>);

#[pymethods]
impl PyLocalEcrImages {
    /// Sets tag mutability, its filters and the encryption of a repository, which is made if needed.
    fn set_details(
        &self,
        repository: &str,
        mutability: &str,
        filters: Vec<String>,
        encryption: &str,
    ) -> PyResult<()> {
        let mutability =
            TagMutability::of_word(mutability).ok_or_else(|| unknown("tag_mutability", mutability))?;
        let encryption = Encryption::of_word(encryption).ok_or_else(|| unknown("encryption", encryption))?;
        self.0.set_details(repository, CreateOptions { mutability, filters, encryption }).map_err(raised)
    }

    /// Puts an image; returns its digest.
    #[allow(clippy::too_many_arguments, reason = "keywords, from one caller")]
    fn put_image(
        &self,
        py: Python<'_>,
        repository: &str,
        manifest: String,
        tags: Vec<String>,
        media_type: Option<String>,
        digest: Option<&str>,
        force: bool,
    ) -> PyResult<String> {
        let digest = digest.map(key_of).transpose()?;
        let push = Push { manifest, media_type, digest, tags, force };
        py.detach(|| self.0.put_image(repository, push)).map(|key| key::text(&key)).map_err(raised)
    }

    /// Loses an image or a blob; returns whether the repository had it.
    fn drop(&self, py: Python<'_>, repository: &str, digest: &str, force: bool) -> PyResult<bool> {
        let key = key_of(digest)?;
        py.detach(|| self.0.drop_digest(repository, &key, force)).map_err(raised)
    }

    /// Changes the status of an image; returns whether the repository had it.
    fn set_status(
        &self,
        py: Python<'_>,
        repository: &str,
        digest: &str,
        status: &str,
        force: bool,
    ) -> PyResult<bool> {
        let key = key_of(digest)?;
        let status = ImageStatus::of_word(status).ok_or_else(|| unknown("status", status))?;
        py.detach(|| self.0.set_status(repository, &key, status, force)).map_err(raised)
    }

    /// Deletes an image just before the call of an operation is answered.
    fn delete_during(&self, repository: &str, digest: &str, operation: &str, call: u64) -> PyResult<()> {
        self.0.delete_during(repository, key_of(digest)?, operation_of(operation)?, call).map_err(raised)
    }

    /// Sets the rule that makes images.
    #[allow(clippy::too_many_arguments, reason = "the settings of the rule, from one caller")]
    fn set_rule(
        &self,
        py: Python<'_>,
        repository: &str,
        images: u32,
        layers: u16,
        shared: f64,
        broken: u32,
        indexes: u32,
        seed: u64,
    ) -> PyResult<()> {
        let rule = ImageRule { images, layers, shared, broken, indexes, seed };
        py.detach(|| self.0.set_image_rule(repository, Some(rule))).map_err(raised)
    }

    /// Removes the rule that makes images.
    fn remove_rule(&self, repository: &str) -> PyResult<()> {
        self.0.set_image_rule(repository, None).map_err(raised)
    }

    /// Digests of incomplete images, sorted; `None` if the repository does not exist.
    fn incomplete(&self, py: Python<'_>, repository: &str) -> Option<Vec<String>> {
        let keys = py.detach(|| self.0.incomplete_images(repository))?;
        Some(keys.iter().map(key::text).collect())
    }

    /// Digests of all images in the order of the listings; `None` if the repository does not exist.
    fn digests(&self, py: Python<'_>, repository: &str) -> Option<Vec<String>> {
        let keys = py.detach(|| self.0.images(repository))?;
        Some(keys.iter().map(key::text).collect())
    }

    /// Whether the image is there, and when it was pulled last, in seconds since 1970.
    fn pull_time(&self, py: Python<'_>, repository: &str, digest: &str) -> PyResult<(bool, Option<f64>)> {
        let key = key_of(digest)?;
        let found = py.detach(|| self.0.pull_time(repository, &key));
        Ok((found.is_some(), found.flatten()))
    }

    /// Makes a namespace a pull-through cache.
    fn pull_through(&self, prefix: &str, upstream_url: &str) -> PyResult<()> {
        self.0.pull_through(prefix, upstream_url).map_err(raised)
    }

    /// Excludes a user or a role from pull times.
    fn exclude_pull_time(&self, arn: &str) {
        self.0.exclude_pull_time(arn);
    }

    fn set_account_setting(&self, name: &str, value: &str) -> PyResult<()> {
        self.0.set_account_setting(name, value).map_err(raised)
    }

    #[getter]
    fn caller_arn(&self) -> String {
        self.0.caller_arn()
    }
}

/// The operation with this name.
pub(super) fn operation_of(name: &str) -> PyResult<Operation> {
    Operation::of_name(name).ok_or_else(|| {
        let known: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        let text = format!("unknown operation {name:?}; the operations are {}", known.join(", "));
        PyValueError::new_err(text)
    })
}

fn unknown(name: &str, word: &str) -> PyErr {
    PyValueError::new_err(format!("{name} must be a word of the service, not {word:?}"))
}
