//! The kinds of fault: their names, and the part of a call each works on.

/// The part of a call a fault works on; within a stage the first that fires wins, but for delay and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Adds to the time before the answer.
    Delay,
    /// Takes the place of the answer.
    Replacement,
    /// Changes the entries; all that fire work, in order.
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
    Latency "latency" Delay "The answer comes later.",
    Throttle "throttle" Replacement "Refused as throttled, in a form of its own or in the server's.",
    ServerError "server_error" Replacement "`ServerException`, HTTP 500.",
    ServiceUnavailable "service_unavailable" Replacement "HTTP 503 with no body.",
    ErrorPage "error_page" Replacement "An HTML page with an error status, as load balancers send it.",
    AccessDenied "access_denied" Replacement "`AccessDeniedException`.",
    ExpiredToken "expired_token" Replacement "`ExpiredTokenException`.",
    ExpiredKey "expired_key" Replacement "`ExpiredTokenException` for access keys that were used too often or for too long.",
    RepositoryDeleted "repository_deleted" Replacement "`RepositoryNotFoundException`, as if it had been deleted.",
    Error "error" Replacement "An error of the caller's making: code, status, message.",
    Disconnect "disconnect" Replacement "The connection is closed without an answer.",
    Reset "reset" Replacement "The connection is reset (TCP RST) without an answer.",
    Garbage "garbage" Replacement "Bytes that are no HTTP; then the connection is closed.",
    Html "html" Replacement "An HTML page with status 200.",
    Empty "empty" Replacement "Status 200 and no body.",
    WrongTypes "wrong_types" Replacement "JSON of the right names and the wrong types.",
    Poison "poison" Replacement "The whole call is an `InvalidParameterException` if it asks for one of these digests.",
    Shuffle "shuffle" Content "Entries come in another order.",
    Omit "omit" Content "Some digests are left out of the answer.",
    Repeat "repeat" Content "Some entries come twice.",
    Contradict "contradict" Content "Some digests come a second time with another availability.",
    Foreign "foreign" Content "Entries for digests that nobody asked for are added.",
    UpperCase "upper_case" Content "Some digests come back in upper-case hexadecimal.",
    UnknownAvailability "unknown_availability" Content "Some availabilities are a word no model knows.",
    UnknownFailure "unknown_failure" Content "Some digests fail with a code no model knows.",
    Truncate "truncate" Delivery "The JSON ends too early; the HTTP message is whole.",
    Cut "cut" Delivery "The connection is closed in the middle of the body.",
    CutHead "cut_head" Delivery "The connection is closed in the middle of the head.",
    ResetHead "reset_head" Delivery "The connection is reset in the middle of the head.",
    ResetBody "reset_body" Delivery "The connection is reset in the middle of the body.",
    Unfinished "unfinished" Delivery "A chunked body whose last chunk never comes; then the connection is closed.",
    Slow "slow" Delivery "The body drips.",
    SlowHead "slow_head" Delivery "The head drips.",
    Padding "padding" Delivery "A very large member comes before the answer, in valid JSON.",
    Endless "endless" Delivery "A body that ends when the client goes.",
    Twice "twice" Delivery "The whole answer comes twice, and only one was asked for.",
    Informational "informational" Delivery "A 1xx head comes before the answer.",
    Chunked "chunked" Delivery "A good answer in chunked transfer encoding.",
    Http10 "http_1_0" Delivery "A good answer by HTTP/1.0: its body ends where the connection ends.",
    Close "close" Delivery "A good answer with `Connection: close`.",
    IdleClose "idle_close" Delivery "A good answer; then the connection closes without a word, unless it is used first.",
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
