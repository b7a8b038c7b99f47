//! One file per command.

pub mod access;
pub mod apply;
pub mod bootstrap;
pub mod call;
pub mod destroy;
pub mod drift;
pub mod init;
pub mod local;
pub mod parity;
pub mod plan;
pub mod policy;
pub mod schema;
pub mod token;
pub mod unlock;
pub mod validate;
pub mod why;
