//! TLS by `rustls`, with the certificates that botocore would trust.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::error::{WireError, WireErrorKind};

/// Verifies that the other side is the intended host. Cheap to clone.
///
/// The host's name is always sent (SNI) and checked; no option turns that off.
#[derive(Clone)]
pub struct Tls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl Tls {
    /// Trusts only the certificates in the PEM file at `bundle`, for `host`.
    ///
    /// As in OpenSSL, certificates in the file that cannot be used are skipped, as long as at least one can
    /// be used.
    ///
    /// # Errors
    /// [`WireErrorKind::Tls`] if the file has no usable certificate, or if a certificate cannot hold the
    /// host's name.
    pub fn trusting(bundle: &Path, host: &str) -> Result<Self, WireError> {
        let bad = |reason: String| WireErrorKind::Tls.because(reason);
        let certificates = CertificateDer::pem_file_iter(bundle)
            .map_err(|error| bad(format!("{}: {error}", bundle.display())))?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.flatten());
        if roots.is_empty() {
            return Err(bad(format!("{}: the file has no usable certificate", bundle.display())));
        }
        // Named here, because another crate in the process may have set another default provider.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| bad("a certificate cannot hold the host's name".to_owned()))?;
        Ok(Self { config: Arc::new(config), name })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}
