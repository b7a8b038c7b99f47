//! What the scenarios are written in.

mod functions;
mod inventory;
mod load;
mod poll;
mod project;
mod proxy;
mod run;

pub use inventory::Inventory;
pub use load::Load;
pub use poll::until;
pub use project::{EXAMPLE, End, FUNCTION, Project, bare, room};
pub use proxy::{Proxy, Trap};
pub use run::Run;
