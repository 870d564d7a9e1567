//! The `Authorization` header: it must be present, well-formed, and for this service and region.
//!
//! The endpoint does not verify signatures, because it does not have the secret. Of the header, answers
//! repeat only region and service. The endpoint keeps only a hash of the access key id, and only while a
//! fault lets keys expire.

use hyper::header::HeaderValue;

use super::Service;
use super::request::ServiceError;

/// Checks the header. Codes and wording follow the AWS documentation of common errors and of `SigV4`
/// troubleshooting.
pub(crate) fn check(
    header: Option<&str>,
    service: Service,
    region: Option<&str>,
) -> Result<(), ServiceError> {
    let Some(header) = header else {
        return Err(ServiceError::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let Some((asked_region, asked_service)) = scope(header) else {
        return Err(ServiceError::new(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter, 'Signature' parameter and \
             'SignedHeaders' parameter.",
        ));
    };
    let wrong = |text| Err(ServiceError::new("InvalidSignatureException", text));
    if asked_service != service.name() {
        return wrong(format!("Credential should be scoped to correct service: '{}'.", service.name()));
    }
    match region {
        Some(region) if region != asked_region => wrong(format!(
            "Credential should be scoped to a valid region, not '{}'.",
            // Bounded, because the client chooses the length of the header.
            asked_region.chars().take(40).collect::<String>()
        )),
        _ => Ok(()),
    }
}

/// The access key id in a checked header.
pub(crate) fn access_key(header: &HeaderValue) -> Option<&str> {
    header.to_str().ok()?.split_once("Credential=")?.1.split('/').next()
}

/// The region in a checked header.
pub(crate) fn region(header: &HeaderValue) -> Option<&str> {
    scope(header.to_str().ok()?).map(|(region, _)| region)
}

/// Region and service of `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, ...`.
fn scope(header: &str) -> Option<(&str, &str)> {
    let rest = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field =
        |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    field("SignedHeaders")?;
    field("Signature")?;
    // From the right, because an access key id may contain a slash and the other parts cannot.
    let mut parts = field("Credential")?.rsplit('/');
    (parts.next()? == "aws4_request").then_some(())?;
    let service = parts.next()?;
    let region = parts.next()?;
    parts.next().and(parts.next())?;
    Some((region, service))
}

#[cfg(test)]
mod tests {
    use super::{Service, check};

    fn header(region: &str, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=ab"
        )
    }

    fn code(header: Option<&str>) -> Result<(), String> {
        check(header, Service::Private, Some("eu-west-1")).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn a_header_for_this_service_and_region_passes() {
        assert_eq!(code(Some(&header("eu-west-1", "ecr"))), Ok(()));
        assert!(check(Some(&header("mars", "ecr")), Service::Private, None).is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_has_the_code_of_the_service() {
        let rows = [
            (None, "MissingAuthenticationTokenException"),
            (Some(String::new()), "IncompleteSignatureException"),
            (Some("Bearer abc".into()), "IncompleteSignatureException"),
            (Some("AWS4-HMAC-SHA256 Credential=a/b".into()), "IncompleteSignatureException"),
            (Some(header("us-east-1", "ecr")), "InvalidSignatureException"),
            (Some(header("eu-west-1", "ecr-public")), "InvalidSignatureException"),
        ];
        for (header, expected) in rows {
            assert_eq!(code(header.as_deref()), Err(expected.into()), "{header:?}");
        }
    }
}
