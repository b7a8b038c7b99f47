//! What the scenarios are written in.

mod functions;
mod inventory;
mod poll;
mod project;
mod run;

pub use inventory::Inventory;
pub use poll::until;
pub use project::Project;
pub use run::Run;
