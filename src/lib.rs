//! `lockstep` provisions API Gateway with an authorizer, Lambda functions, KMS keys and IAM roles from one
//! stack file, and always moves the key policy together with the role.

pub mod access;
pub mod apply;
pub mod aws;
pub mod build;
pub mod call;
pub mod engine;
pub mod kinds;
pub mod local;
pub mod lock;
pub mod plan;
pub mod report;
pub mod stack;
pub mod why;

#[cfg(test)]
mod architecture_tests;
