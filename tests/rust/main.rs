//! The tests of the core, as one program that links once. It has a module for each folder of `src/`.

mod ahead;
mod allocator;
mod comparison;
mod digest;
mod dispatch;
#[cfg(feature = "wire")]
mod http {
    mod exchange;
    mod prepared;
    #[cfg(feature = "local-ecr")]
    mod tls;
}
mod images;
mod input {
    mod columns;
    mod decompress;
    mod lines;
}
mod journal;
mod known_secrets;
mod ledger;
#[cfg(feature = "local-ecr")]
mod local_ecr_faults;
#[cfg(feature = "local-ecr")]
mod local_ecr_images;
#[cfg(feature = "local-ecr")]
mod local_ecr_layout;
#[cfg(feature = "local-ecr")]
mod local_ecr_protocol;
#[cfg(feature = "local-ecr")]
mod local_ecr_wire;
mod manifest {
    mod documents;
    mod oracle;
    mod sha256;
    mod verify;
}
mod memory;
mod plan;
mod protocol {
    mod answer;
    mod request;
}
mod table;
mod table_records;
mod table_text;
