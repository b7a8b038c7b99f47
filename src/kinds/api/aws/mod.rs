//! REST APIs of API Gateway: reads them and changes them.

mod address;
mod method;
mod observe;
mod part;
mod patch;
#[cfg(test)]
mod patch_tests;
mod perform;
mod read;
#[cfg(test)]
mod read_tests;
mod stage;
mod tree;
mod usage;

pub use observe::observe;
pub use perform::perform;
