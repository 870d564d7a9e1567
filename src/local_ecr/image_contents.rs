//! The images of a server's repositories, for its owner: putting, losing, archiving, and the truth.

use std::path::Path;

use super::error::Error;
use super::images::life::{ImageStatus, now};
use super::images::made::{ImageRule, MadeImages};
use super::images::{Place, truth};
use super::oci_layout::read_contents;
use super::operations::push::{self, Push};
use super::server::{LocalEcr, check_name};
use super::service::key::{self, Key};
use super::service::operation::Operation;
use super::service::registry::PullThroughRule;
use super::service::repository::{Encryption, TagMutability};
use super::service::store::{Availability, Holding, Repository};
use super::state::Deletion;

/// The settings of a repository.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// Whether tags may move.
    pub mutability: TagMutability,
    /// Filters of the exclusion, with `*` for any characters.
    pub filters: Vec<String>,
    /// How the repository encrypts.
    pub encryption: Encryption,
}

impl LocalEcr {
    /// Sets what a repository is, which is created if it does not exist.
    ///
    /// # Errors
    /// If the name is not valid.
    pub fn set_details(&self, repository: &str, options: CreateOptions) -> Result<(), Error> {
        check_name(repository)?;
        let mut state = self.shared.state();
        let details = &mut state.store.entry(repository).details;
        details.mutability = options.mutability;
        details.filters = options.filters;
        details.encryption = options.encryption;
        Ok(())
    }

    /// Puts an image into a repository, which is created if it does not exist; returns the image's digest.
    ///
    /// # Errors
    /// If the name is not valid, or the service would refuse the push and it is not forced.
    pub fn put_image(&self, repository: &str, push: Push) -> Result<Key, Error> {
        check_name(repository)?;
        let account_id = &self.shared.settings.account_id;
        let mut state = self.shared.state();
        push::put(state.store.entry(repository), push, repository, account_id, now())
            .map_err(|refused| Error::Refused(refused.code, refused.message))
    }

    /// Puts the configs, layers and manifests of an image layout or an archive into a repository, which is created
    /// if it does not exist; returns the number of different blobs. A layout may lack platforms and layers.
    ///
    /// # Errors
    /// If the name is not valid, or the layout cannot be read.
    pub fn put_oci_layout(&self, repository: &str, path: &Path, existing_only: bool) -> Result<usize, Error> {
        check_name(repository)?;
        let (blobs, images) = read_contents(path, existing_only)?;
        let count = blobs.len();
        let holdings = blobs.into_iter().map(|blob| {
            let media_type = (!blob.media_type.is_empty()).then(|| blob.media_type.into());
            (blob.key, Holding { size: blob.size, media_type, ..Holding::default() })
        });
        self.put(repository, holdings)?;
        for push in images {
            self.put_image(repository, push)?;
        }
        Ok(count)
    }

    /// Loses an image, or a blob if no image has the digest; returns whether the repository had it.
    ///
    /// # Errors
    /// If another image needs it and the loss is not forced.
    pub fn drop_digest(&self, repository: &str, key: &Key, force: bool) -> Result<bool, Error> {
        let mut state = self.shared.state();
        let Some(repository) = state.store.get_mut(repository) else {
            return Ok(false);
        };
        let place = repository.images.find(key);
        let held = repository.find(key).is_some_and(|found| found.availability != Availability::Unavailable);
        if place.is_none() && !held {
            return Ok(false);
        }
        if !force {
            refuse_if_needed(repository, key)?;
        }
        match place {
            Some(place) => repository.images.remove(place),
            // Also against a rule, so the entry stays.
            None => repository.holding_mut(*key).availability = Availability::Unavailable,
        }
        Ok(true)
    }

    /// Changes the status of an image; returns whether the repository had it. Blobs that only images which are
    /// not active need become `ARCHIVED`, and the others `AVAILABLE`, unless they are missing.
    ///
    /// # Errors
    /// If an active index needs the image and the change is not forced.
    pub fn set_status(
        &self,
        repository: &str,
        key: &Key,
        status: ImageStatus,
        force: bool,
    ) -> Result<bool, Error> {
        let mut state = self.shared.state();
        let Some(repository) = state.store.get_mut(repository) else {
            return Ok(false);
        };
        let Some(place) = repository.images.find(key) else {
            return Ok(false);
        };
        if !force && status != ImageStatus::Active {
            refuse_if_needed(repository, key)?;
        }
        repository.images.change_life(place, |life| life.set(status, now()));
        for blob in repository.images.parts(place).into_owned().blobs {
            let active = repository.images.has_active_user(&blob.key);
            let held =
                repository.find(&blob.key).map(|found| (found.availability, found.size, found.media_type));
            let wanted = if active { Availability::Available } else { Availability::Archived };
            let Some((held, size, media_type)) = held else { continue };
            if held != Availability::Unavailable && held != wanted {
                let media_type = media_type.into();
                let holding = repository.holding_mut(blob.key);
                holding.availability = wanted;
                holding.size = Some(size);
                holding.media_type = Some(media_type);
            }
        }
        Ok(true)
    }

    /// Deletes an image just before the call of an operation is answered. Calls count from now, from 1.
    ///
    /// # Errors
    /// If the call is 0.
    pub fn delete_during(
        &self,
        repository: &str,
        key: Key,
        operation: Operation,
        call: u64,
    ) -> Result<(), Error> {
        if call == 0 {
            return Err(Error::invalid("calls count from 1, not from 0"));
        }
        let mut state = self.shared.state();
        let call = call + *state.operation_calls.of(operation);
        state.deletions.push(Deletion { repository: repository.to_owned(), key, operation, call });
        Ok(())
    }

    /// Sets or removes the rule that makes images, in a repository that is created if it does not exist.
    ///
    /// # Errors
    /// If the name or the rule is not valid.
    pub fn set_image_rule(&self, repository: &str, rule: Option<ImageRule>) -> Result<(), Error> {
        check_name(repository)?;
        rule.as_ref().map_or(Ok(()), ImageRule::check)?;
        // Made before the state is locked, because choosing many broken images takes a while.
        let made = rule.map(MadeImages::new);
        self.shared.state().store.entry(repository).images.set_made(made);
        Ok(())
    }

    /// Digests of the active images that are incomplete, without any fault, sorted; `None` if the repository does
    /// not exist.
    #[must_use]
    pub fn incomplete_images(&self, repository: &str) -> Option<Vec<Key>> {
        let state = self.shared.state();
        let pull_through = state.registry.is_pull_through(repository);
        Some(truth::incomplete(state.store.get(repository)?, pull_through))
    }

    /// Digests of all images in the order of the listings; `None` if the repository does not exist.
    #[must_use]
    pub fn images(&self, repository: &str) -> Option<Vec<Key>> {
        let state = self.shared.state();
        let images = &state.store.get(repository)?.images;
        Some(images.from(None).map(|place| images.digest(place)).collect())
    }

    /// When an image was pulled last, in seconds since 1970; `None` if there is no such image.
    #[must_use]
    pub fn pull_time(&self, repository: &str, key: &Key) -> Option<Option<f64>> {
        let state = self.shared.state();
        let images = &state.store.get(repository)?.images;
        Some(images.life(images.find(key)?).pulled_at)
    }

    /// Makes a namespace a pull-through cache.
    ///
    /// # Errors
    /// If the prefix is not a repository name; `ROOT` is one too.
    pub fn pull_through(&self, prefix: &str, upstream_url: &str) -> Result<(), Error> {
        if prefix != "ROOT" {
            check_name(prefix)?;
        }
        let rule = PullThroughRule { upstream_url: upstream_url.to_owned(), created_at: now() };
        self.shared.state().registry.pull_through.insert(prefix.to_owned(), rule);
        Ok(())
    }

    /// Excludes a user or a role from pull times.
    pub fn exclude_pull_time(&self, arn: &str) {
        self.shared.state().registry.exclusions.insert(arn.to_owned());
    }

    /// Sets an account setting.
    ///
    /// # Errors
    /// If the service has no setting of this name.
    pub fn set_account_setting(&self, name: &str, value: &str) -> Result<(), Error> {
        if self.shared.state().registry.set_account_setting(name, value.to_owned()) {
            Ok(())
        } else {
            Err(Error::invalid(format!("{name:?} is not an account setting of ECR, such as BLOB_MOUNTING")))
        }
    }

    /// Who makes every call, as `GetCallerIdentity` answers.
    #[must_use]
    pub fn caller_arn(&self) -> String {
        self.shared.state().registry.caller_arn.clone()
    }

    /// How often an image was asked for that a pull-through cache does not hold: the service would import it.
    #[must_use]
    pub fn imports(&self) -> u64 {
        self.shared.state().registry.imports
    }
}

fn refuse_if_needed(repository: &Repository, key: &Key) -> Result<(), Error> {
    let Some(user) = repository.images.user_of(key) else {
        return Ok(());
    };
    let (code, what) = match repository.images.find(key) {
        Some(Place::Stored(_) | Place::Made(_)) => ("ImageReferencedByManifestList", "index"),
        None => ("LayerReferencedByImage", "image"),
    };
    let text =
        format!("{} is needed by the {what} {}; force=True makes it so", key::text(key), key::text(&user));
    Err(Error::Refused(code.into(), text))
}
