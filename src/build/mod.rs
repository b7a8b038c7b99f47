//! Code packaging: the sources that identify a function's code, and the zip archive that is uploaded for it.
//!
//! [`source_hash`] identifies code without building it, so that a plan can detect whether it changed;
//! [`archive`] builds it. Both block: call them from `tokio::task::spawn_blocking`.

mod cargo;
mod check;
mod compile;
mod digest;
mod error;
mod identity;
mod lock;
mod pack;
mod run;
mod tree;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::stack::desired::{CodeSource, FunctionWant};
use digest::Digest;
pub use error::BuildError;
use run::Progress;

/// The settings for building code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// The cargo profile: `release`, or `dev` for quick local runs.
    pub profile: String,
    /// `true` if the code will run in AWS. Otherwise it is built for this machine and not checked.
    pub real_aws: bool,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { profile: "release".to_owned(), real_aws: true }
    }
}

/// Returns a hash, 64 hexadecimal digits, of everything that a function's code is built from, without building it.
///
/// `root` is the folder of the stack file. The hash is the same on every machine with the same files and, for
/// cargo, the same release of rustc.
///
/// # Errors
///
/// Fails if a file cannot be read, or cargo does not know the binary.
pub fn source_hash(want: &FunctionWant, root: &Path, options: &BuildOptions) -> Result<String, BuildError> {
    let mut digest = Digest::new("lockstep source 1");
    match &want.source {
        CodeSource::Cargo { bin, workspace } => {
            digest.text("cargo").text(bin).text(&want.spec.code.architecture).text(&options.profile);
            identity::add(&mut digest, bin, &root.join(workspace), root)?;
        }
        CodeSource::Directory(folder) => {
            digest.text("directory").files(&pack::files(&root.join(folder))?)?;
        }
        CodeSource::Zip(file) => {
            digest.text("zip").bytes(&tree::read(&root.join(file))?);
        }
        CodeSource::Command { run, output, inputs } => {
            digest.text("command").list(run).text(&output.to_string_lossy());
            for input in inputs {
                digest.text(&input.to_string_lossy()).files(&pack::files(&root.join(input))?)?;
            }
        }
    }
    Ok(digest.hex())
}

/// Builds a function's code and packs it into the zip archive that Lambda accepts.
///
/// The same files give the same bytes. The output of cargo or a command is passed to `progress` line by line.
///
/// # Errors
///
/// Fails if the build fails and, for real AWS, if Lambda could not run or accept the result.
pub fn archive(
    want: &FunctionWant,
    root: &Path,
    options: &BuildOptions,
    progress: Progress<'_>,
) -> Result<Vec<u8>, BuildError> {
    let machine = check::Machine::of(&want.spec);
    let zip = match &want.source {
        CodeSource::Cargo { bin, workspace } => {
            let binary = compile::binary(bin, &root.join(workspace), &machine, options, progress)?;
            pack::bootstrap(&binary, options)?
        }
        CodeSource::Directory(folder) => pack::folder(&root.join(folder), options)?,
        CodeSource::Zip(file) => tree::read(&root.join(file))?,
        CodeSource::Command { run, output, .. } => {
            run::shown(run, root, progress)?;
            let output = root.join(output);
            if output.is_dir() { pack::folder(&output, options)? } else { tree::read(&output)? }
        }
    };
    if options.real_aws {
        check::archive(&zip, &machine)?;
    }
    Ok(zip)
}

/// Hashes an archive as AWS does for `CodeSha256`: SHA-256 in base64.
pub fn code_sha256(zip: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

#[cfg(test)]
mod tests;
