//! The kinds of fault: their names, and the stage of a call that each affects.

/// The stage of a call that a fault affects. If several faults of one stage fire, the first wins; all
/// faults of delay and of content apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Delays the answer.
    Delay,
    /// Replaces the answer.
    Replacement,
    /// Changes the entries of the answer. All that fire apply, in order.
    Content,
    /// Changes how the bytes are sent.
    Delivery,
}

macro_rules! kinds {
    ($($variant:ident $name:literal $stage:ident $doc:literal,)*) => {
        /// The kinds of fault, each with a name and a counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $(#[doc = $doc] $variant,)*
        }

        impl FaultKind {
            /// Every kind, in the order of the documentation and of the counters.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in Python, in counters and in the log.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub(crate) fn stage(self) -> Stage {
                match self { $(Self::$variant => Stage::$stage,)* }
            }
        }
    };
}

kinds! {
    Latency "latency" Delay "Delays the answer.",
    Throttle "throttle" Replacement "A throttling error, in the given form or the server's.",
    ServerError "server_error" Replacement "`ServerException`, HTTP 500.",
    ServiceUnavailable "service_unavailable" Replacement "HTTP 503 without a body.",
    ErrorPage "error_page" Replacement "An HTML page with an error status, as load balancers send it.",
    AccessDenied "access_denied" Replacement "`AccessDeniedException`.",
    ExpiredToken "expired_token" Replacement "`ExpiredTokenException`.",
    ExpiredKey "expired_key" Replacement "`ExpiredTokenException` for access keys after a number of calls or a time.",
    RepositoryDeleted "repository_deleted" Replacement "`RepositoryNotFoundException`, as for a deleted repository.",
    Error "error" Replacement "An error with the given code, status and message.",
    Disconnect "disconnect" Replacement "Closes the connection without an answer.",
    Reset "reset" Replacement "Resets the connection (TCP RST) without an answer.",
    Garbage "garbage" Replacement "Bytes that are not HTTP; then the connection closes.",
    Html "html" Replacement "An HTML page with status 200.",
    Empty "empty" Replacement "Status 200 and no body.",
    WrongTypes "wrong_types" Replacement "JSON with the right names and the wrong types.",
    TokenExpired "token_expired" Replacement "`InvalidParameterException` for calls with a page token, as for an expired one.",
    Poison "poison" Replacement "`InvalidParameterException` for calls that ask for one of these digests.",
    Shuffle "shuffle" Content "Puts the entries in another order.",
    Omit "omit" Content "Leaves some entries out.",
    Repeat "repeat" Content "Sends some entries twice.",
    Contradict "contradict" Content "Adds entries with the opposite availability.",
    Foreign "foreign" Content "Adds entries for digests outside the request.",
    UpperCase "upper_case" Content "Writes some digests in upper-case hexadecimal.",
    UnknownAvailability "unknown_availability" Content "Some availabilities are a word outside every service model.",
    UnknownFailure "unknown_failure" Content "Some digests fail with a code outside every service model.",
    PageRepeat "page_repeat" Content "The next page of a listing starts with some entries of this page again.",
    PageNull "page_null" Content "Puts null entries into a page of a listing.",
    TokenLoop "token_loop" Content "The token for the next page of a listing leads to this page again.",
    TokenEndless "token_endless" Content "Each page names a next page by a new token; behind the last comes the first.",
    TagRepeat "tag_repeat" Content "Sends an image once for each of its tags.",
    ImageDeleted "image_deleted" Content "Deletes some of the images that the call names, before it is answered.",
    FailureCode "failure_code" Content "Some images fail with the given code.",
    FailureWithoutDigest "failure_without_digest" Content "Failures do not say of which digest they are.",
    WrongManifest "wrong_manifest" Content "Some manifests are those of other images.",
    Converted "converted" Content "Some manifests come in another format, as if the service had converted them.",
    BigAnswer "big_answer" Content "Adds a large member to each image of the answer.",
    Truncate "truncate" Delivery "Ends the JSON early; the HTTP message is complete.",
    Cut "cut" Delivery "Closes the connection in the middle of the body.",
    CutHead "cut_head" Delivery "Closes the connection in the middle of the head.",
    ResetHead "reset_head" Delivery "Resets the connection in the middle of the head.",
    ResetBody "reset_body" Delivery "Resets the connection in the middle of the body.",
    Unfinished "unfinished" Delivery "Sends a chunked body without its last chunk; then the connection closes.",
    Slow "slow" Delivery "Sends the body slowly.",
    SlowHead "slow_head" Delivery "Sends the head slowly.",
    Padding "padding" Delivery "Puts a large member of valid JSON before the answer.",
    Endless "endless" Delivery "A body that ends only when the client closes.",
    Twice "twice" Delivery "Sends the whole answer, then a second copy.",
    Informational "informational" Delivery "Sends a 1xx head before a correct answer.",
    Chunked "chunked" Delivery "A correct answer in chunked transfer encoding.",
    Http10 "http_1_0" Delivery "A correct answer in HTTP/1.0, which ends with the connection.",
    Close "close" Delivery "A correct answer with `Connection: close`.",
    IdleClose "idle_close" Delivery "A correct answer; an idle connection then closes without notice.",
}

#[cfg(test)]
mod tests {
    use super::FaultKind;

    #[test]
    fn names_are_different() {
        let names: std::collections::HashSet<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), FaultKind::ALL.len());
    }
}
