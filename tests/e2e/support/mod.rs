//! The helpers of the scenarios.

mod by_hand;
mod child;
mod figure;
mod functions;
mod http;
mod inventory;
mod load;
mod lock;
mod operation;
mod poll;
mod project;
mod proxy;
mod run;
mod strict;
mod trail;
mod trap;

pub use child::{hear, rest, send};
pub use figure::figure;
pub use inventory::Inventory;
pub use load::Load;
pub use lock::{Lock, with_a_long_drain};
pub use poll::until;
pub use project::{EXAMPLE, End, FUNCTION, Project, bare, key_of_texts, room};
pub use proxy::Proxy;
pub use run::Run;
pub use strict::{Rules, Strict, Use};
pub use trail::{Access, Trail};
pub use trap::{Fault, Trap};
