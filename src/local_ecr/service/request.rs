//! The request body: parsed without copying, then checked against the service's limits.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};

use super::{MAX_DIGEST_LENGTH, MAX_DIGESTS, Service};

/// `BatchCheckLayerAvailabilityRequest`. Strings without escapes are borrowed from the body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a> {
    #[serde(borrow, default)]
    pub(crate) registry_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    repository_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    layer_digests: Option<Vec<Text<'a>>>,
}

/// A JSON string. Serde borrows a plain `Cow` only as a field of a struct, not inside a list.
#[derive(Clone, Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// An error in the service's words: a code, a message and an HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl ServiceError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            // JSON 1.1 services answer 400 to every mistake of the client.
            status: 400,
            code: Cow::Borrowed(code),
            message: message.into(),
        }
    }

    pub(crate) fn parameter(name: &str, constraint: &str) -> Self {
        // The wording is from reports of users of the service.
        Self::new(
            "InvalidParameterException",
            format!("Invalid parameter at '{name}' failed to satisfy constraint: '{constraint}'"),
        )
    }
}

/// Parses the body of a request of any operation.
pub(crate) fn parse_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ServiceError> {
    let error = |line, column| {
        // Only the position, because serde's message may quote much of the body.
        let text =
            format!("The request body is not the JSON this operation takes (line {line}, column {column})");
        ServiceError::new("SerializationException", text)
    };
    // Serde also accepts a list in place of a struct.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(error(1, 1));
    }
    serde_json::from_slice(body).map_err(|found| error(found.line(), found.column()))
}

impl<'a> Request<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ServiceError> {
        parse_object(body)
    }

    pub(crate) fn repository_name(&self) -> &str {
        self.repository_name.as_ref().map_or("", |name| &name.0)
    }

    pub(crate) fn digests(&self) -> &[Text<'a>] {
        self.layer_digests.as_deref().unwrap_or_default()
    }

    /// Checks everything for which the service refuses a whole call.
    pub(crate) fn check(&self, service: Service) -> Result<(), ServiceError> {
        const NULL: &str = "Member must not be null";
        if let Some(Text(id)) = &self.registry_id
            && let Some(fault) = service.registry_id_fault(id)
        {
            return Err(ServiceError::parameter("registryId", &fault));
        }
        let Some(Text(name)) = &self.repository_name else {
            return Err(ServiceError::parameter("repositoryName", NULL));
        };
        if let Some(fault) = service.repository_name_fault(name) {
            return Err(ServiceError::parameter("repositoryName", &fault));
        }
        let Some(digests) = &self.layer_digests else {
            return Err(ServiceError::parameter("layerDigests", NULL));
        };
        let fault = match digests.len() {
            0 => "Member must have length greater than or equal to 1",
            1..=MAX_DIGESTS => {
                // A text has at most as many characters as bytes, so the characters of short texts are not counted.
                let is_long =
                    |text: &str| text.len() > MAX_DIGEST_LENGTH && text.chars().count() > MAX_DIGEST_LENGTH;
                if !digests.iter().any(|digest| is_long(&digest.0)) {
                    return Ok(());
                }
                "Member must satisfy constraint: [Member must have length less than or equal to 1000]"
            }
            _ => "Member must have length less than or equal to 100",
        };
        Err(ServiceError::parameter("layerDigests", fault))
    }
}

#[cfg(test)]
mod tests {
    use super::{Cow, Request, Service};
    use proptest::prelude::*;

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let request = Request::parse(br#"{"repositoryName":"app","layerDigests":["a","\u0062"]}"#).unwrap();
        assert!(matches!(request.digests()[0].0, Cow::Borrowed("a")));
        assert_eq!(request.digests()[1].0, "b");
    }

    #[test]
    fn bodies_of_another_shape_are_serialization_errors() {
        for body in [
            "",
            "[]",
            "{",
            "{\"layerDigests\":7}",
            "{\"layerDigests\":[null]}",
            "{\"repositoryName\":1}",
            "\u{0}",
        ] {
            assert_eq!(Request::parse(body.as_bytes()).unwrap_err().code, "SerializationException", "{body}");
        }
    }

    #[test]
    fn limits_are_those_of_the_service_model() {
        let with = |count: usize, length: usize| {
            let digests = vec!["x".repeat(length); count];
            let body = serde_json::json!({"repositoryName": "app", "layerDigests": digests}).to_string();
            Request::parse(body.as_bytes()).unwrap().check(Service::Private).map_err(|error| error.code)
        };
        let refused = Err("InvalidParameterException".into());
        assert_eq!(with(0, 1), refused);
        assert_eq!(with(1, 0), Ok(()));
        assert_eq!(with(100, 1000), Ok(()));
        assert_eq!(with(101, 1), refused);
        assert_eq!(with(1, 1001), refused);
    }

    #[test]
    fn missing_members_are_named() {
        let check = |body: &str| {
            Request::parse(body.as_bytes()).unwrap().check(Service::Private).unwrap_err().message
        };
        assert!(check("{}").contains("repositoryName"));
        assert!(check(r#"{"repositoryName":"app"}"#).contains("layerDigests"));
        assert!(check(r#"{"repositoryName":"app","layerDigests":null}"#).contains("layerDigests"));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(request) = Request::parse(&body) {
                let _ = request.check(Service::Public);
            }
        }
    }
}
