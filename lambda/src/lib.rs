//! The text-encryption API and its authorizer, as two Lambda functions.
//!
//! Everything that decides is pure and tested here; [`runtime`] and [`keys`] touch AWS, and the binaries
//! only wire the two together. `README.md` beside this crate holds the routes, codes and formats.

pub mod api;
pub mod authorizer;
pub mod context;
pub mod envelope;
mod json;
pub mod jwt;
pub mod keys;
pub mod kms_error;
pub mod policy;
pub mod runtime;
pub mod service;
pub mod settings;
