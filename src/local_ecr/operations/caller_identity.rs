//! `GetCallerIdentity` of STS: the query protocol, which answers in XML.

use super::Context;
use crate::local_ecr::service::request::ServiceError;

/// The body that asks for it: a form with the name of the operation.
pub(crate) const ACTION: &str = "Action=GetCallerIdentity";

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The answer: the ARN that the owner of the server chose, since access keys tell nothing.
pub(super) fn answer(context: &Context<'_>) -> Vec<u8> {
    let arn = escaped(&context.registry.caller_arn);
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult><Arn>{arn}</Arn>\
         <UserId>AROALOCALECR:local</UserId><Account>{}</Account></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        context.account_id, context.request_id
    )
    .into_bytes()
}

/// An error in the form of the query protocol.
pub(crate) fn error(error: &ServiceError, request_id: &str) -> Vec<u8> {
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escaped(&error.code),
        escaped(&error.message)
    )
    .into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
