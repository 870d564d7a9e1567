//! Signs requests with AWS Signature Version 4, by the crate that the AWS SDK for Rust uses.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use super::error::{WireError, WireErrorKind};

/// The credentials, the scope and the time of one signature, all borrowed.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// Access key id.
    pub access_key: &'a str,
    /// Secret access key.
    pub secret_key: &'a str,
    /// Session token of temporary credentials.
    pub token: Option<&'a str>,
    /// Region of the credential scope.
    pub region: &'a str,
    /// Service name of the credential scope, such as `ecr`.
    pub service: &'a str,
    /// Time of the signature.
    pub time: SystemTime,
}

impl Signer<'_> {
    /// Returns the headers to add to a `POST` to `url` with these headers and this body.
    ///
    /// # Errors
    /// [`WireErrorKind::Request`] if the URL or a header cannot be signed.
    pub fn headers(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Vec<(&'static str, String)>, WireError> {
        let failed =
            |what: String| WireErrorKind::Request.because(format!("the request cannot be signed: {what}"));
        let token = self.token.map(str::to_owned);
        let identity = Credentials::new(self.access_key, self.secret_key, token, None, "boto3").into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(error.to_string()))?
            .into();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body))
            .map_err(|error| failed(error.to_string()))?;
        let signed = sign(request, &parameters).map_err(|error| failed(error.to_string()))?;
        let (headers, _) = signed.into_parts().0.into_parts();
        Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without keys and token, so that no log can show them.
        f.debug_struct("Signer")
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
