//! TLS with a private certificate authority that lives as long as the server.
//!
//! The authority's key signs one certificate and is then dropped. A client trusts the server only by
//! the authority's certificate, because no system's certificate store contains it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::local_ecr::error::Error;

/// The certificate that the server presents. Clients should accept only the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// For 127.0.0.1 and localhost.
    #[default]
    Valid,
    /// For a host of another name.
    WrongHost,
    /// Expired years ago.
    Expired,
}

impl Certificate {
    fn names(self) -> Vec<String> {
        match self {
            Self::WrongHost => vec!["elsewhere.invalid".into()],
            Self::Valid | Self::Expired => vec!["127.0.0.1".into(), "localhost".into()],
        }
    }
}

/// The server's side of TLS, and what its clients need to trust it.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority's certificate.
    pub(crate) ca_pem: String,
}

impl Tls {
    /// Creates an authority, and a certificate that it signs.
    pub(crate) fn new(certificate: Certificate) -> Result<Self, Error> {
        let failed = |error: rcgen::Error| Error::Tls(error.to_string());
        let authority = CertifiedIssuer::self_signed(authority(), KeyPair::generate().map_err(failed)?)
            .map_err(failed)?;
        let key = KeyPair::generate().map_err(failed)?;
        let leaf = leaf(certificate).map_err(failed)?.signed_by(&key, &authority).map_err(failed)?;
        // The provider is explicit, so that the default of the process does not matter.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key)
            })
            .map_err(|error| Error::Tls(error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem: authority.pem() })
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "layercheck local endpoint, for tests only");
    params
}

fn leaf(certificate: Certificate) -> Result<CertificateParams, rcgen::Error> {
    let names = certificate.names();
    let mut params = CertificateParams::new(names.clone())?;
    params.distinguished_name.push(DnType::CommonName, &*names[0]);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Strict verifiers require it, for instance Python's from 3.13 on.
    params.use_authority_key_identifier_extension = true;
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    Ok(params)
}
