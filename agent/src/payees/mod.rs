//! Everyone Kilosat buys from: how to ask for an invoice, and fetch what was paid for.
//!
//! All of them are strangers. They are reached only through [`crate::http::StrictClient`], their JSON is read
//! only through [`crate::json`], and their words are shown only through [`crate::text::cleaned`].

pub mod l402;
pub mod lnurl;
