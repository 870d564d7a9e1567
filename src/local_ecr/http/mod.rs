//! How requests arrive and answers leave: connections, TLS, bodies.

mod body;
pub(crate) mod connection;
mod in_flight;
mod raw_response;
mod socket;
pub(crate) mod tls;
