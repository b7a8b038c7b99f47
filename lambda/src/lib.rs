//! The text-encryption API and its authorizer, as two Lambda functions.
//!
//! All decisions are made in pure code that is tested here; [`runtime`] and [`keys`] call AWS, and the binaries
//! only connect the two. `README.md` in this crate's folder documents the routes, codes and formats.

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
