//! Exit codes, which are part of the contract with scripts and pipelines.

use std::process::ExitCode;

/// The exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything is done, or there is nothing to do.
    Success,
    /// Something failed; the error is on standard error.
    Error,
    /// `plan` found changes, or `policy diff` different access (with `--detailed-exitcode` only), or `drift` or
    /// `parity` found differences.
    Changes,
    /// The command line or a setting is wrong.
    Usage,
    /// A signal stopped the command.
    Interrupted,
}

impl Exit {
    /// Returns the code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
