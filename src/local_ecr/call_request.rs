//! The request of a call, of whichever operation.

use super::operations::request::ImagesRequest;
use super::service::Service;
use super::service::operation::Operation;
use super::service::request::{Request, ServiceError};

/// A parsed request. The layer check is apart, because it is asked a million times and copies nothing.
pub(crate) enum CallRequest<'a> {
    Layers(Request<'a>),
    Images(Box<ImagesRequest>),
}

impl<'a> CallRequest<'a> {
    pub(crate) fn parse(operation: Operation, body: &'a [u8]) -> Result<Self, ServiceError> {
        match operation {
            Operation::BatchCheckLayerAvailability => Request::parse(body).map(Self::Layers),
            Operation::GetCallerIdentity => Ok(Self::Images(Box::default())),
            _ => ImagesRequest::parse(body).map(|request| Self::Images(Box::new(request))),
        }
    }

    pub(crate) fn check(&self, service: Service, operation: Operation) -> Result<(), ServiceError> {
        match self {
            Self::Layers(request) => request.check(service),
            Self::Images(request) => request.check(operation),
        }
    }

    pub(crate) fn repository_name(&self) -> &str {
        match self {
            Self::Layers(request) => request.repository_name(),
            Self::Images(request) => request.repository_name(),
        }
    }

    pub(crate) fn registry_id(&self) -> Option<&str> {
        match self {
            Self::Layers(request) => request.registry_id.as_ref().map(|id| &*id.0),
            Self::Images(request) => request.registry_id.as_deref(),
        }
    }

    pub(crate) fn next_token(&self) -> Option<&str> {
        match self {
            Self::Layers(_) => None,
            Self::Images(request) => request.next_token.as_deref(),
        }
    }

    /// Layer digests that the request asks for.
    pub(crate) fn layers(&self) -> usize {
        match self {
            Self::Layers(request) => request.digests().len(),
            Self::Images(_) => 0,
        }
    }

    /// Digests, or tags, that the request names, in order.
    pub(crate) fn named(&self) -> Vec<&str> {
        match self {
            Self::Layers(request) => request.digests().iter().map(|digest| &*digest.0).collect(),
            Self::Images(request) => request.named().collect(),
        }
    }
}
