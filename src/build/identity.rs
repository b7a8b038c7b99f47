//! The identity of a binary of a cargo workspace: a hash over everything that it is built from.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::BuildError;
use super::cargo::{Metadata, Package, Rustc};
use super::digest::Digest;
use super::lock::{self, Locked};
use super::tree::{self, File};

/// Files in the root of the workspace that affect how everything in it is built.
const SETTINGS: [&str; 5] =
    ["Cargo.toml", "rust-toolchain", "rust-toolchain.toml", ".cargo/config", ".cargo/config.toml"];

/// The length in bytes of the longest string in the sources that is tried as a path.
const LONGEST_PATH: usize = 256;

/// Adds everything that decides what cargo builds for `bin`: compiler, settings, sources, locked packages.
///
/// `stack_folder` is the folder of the stack file. Files in it that no source names are left out, because
/// otherwise every edit of the stack file would count as a change of code.
pub(super) fn add(
    digest: &mut Digest,
    bin: &str,
    workspace: &Path,
    stack_folder: &Path,
) -> Result<(), BuildError> {
    let metadata = Metadata::of_workspace(workspace)?;
    let start = metadata.package_of_bin(bin)?;
    let root = &metadata.workspace_root;
    digest.text(&Rustc::of(workspace)?.release);

    for name in SETTINGS {
        let path = root.join(name);
        if path.is_file() {
            digest.text(name).bytes(&tree::read(&path)?);
        }
    }

    let lock_file = root.join("Cargo.lock");
    let locked = lock::parse(&String::from_utf8_lossy(&tree::read(&lock_file)?));
    let not_locked = |name: &str| BuildError::NotLocked { lock: lock_file.clone(), package: name.to_owned() };
    let start = locked
        .iter()
        .find(|package| package.is_local(&start.name, &start.version))
        .ok_or_else(|| not_locked(&start.name))?;
    let unused = |package: &Locked, dependency: &str| {
        metadata
            .local(&package.name, &package.version)
            .is_some_and(|local| package.source.is_none() && local.only_tests_need(dependency))
    };
    let closure = lock::closure(&locked, start, &unused);

    for Locked { name, version, source, checksum, .. } in &closure {
        digest.text(name).text(version);
        digest.text(source.as_deref().unwrap_or_default()).text(checksum.as_deref().unwrap_or_default());
    }

    let stack_folder = real(stack_folder)?;
    let locals: Vec<&Locked> = closure.into_iter().filter(|package| package.source.is_none()).collect();
    // Only the metadata of the whole build gives the folders of packages outside the workspace.
    let build = if locals.iter().all(|local| metadata.local(&local.name, &local.version).is_some()) {
        None
    } else {
        Some(Metadata::of_build(workspace)?)
    };
    for Locked { name, version, .. } in locals {
        let package = metadata
            .local(name, version)
            .or_else(|| build.as_ref()?.local(name, version))
            .ok_or_else(|| not_locked(name))?;
        Sources { package, metadata: &metadata, stack_folder: &stack_folder }.add(digest)?;
    }
    Ok(())
}

fn real(path: &Path) -> Result<PathBuf, BuildError> {
    path.canonicalize().map_err(BuildError::read(path))
}

/// The files of one package.
struct Sources<'a> {
    package: &'a Package,
    metadata: &'a Metadata,
    stack_folder: &'a Path,
}

impl Sources<'_> {
    fn add(&self, digest: &mut Digest) -> Result<(), BuildError> {
        let folder = real(self.package.folder())?;
        let (loose, mut files): (Vec<File>, Vec<File>) =
            self.files(&folder)?.into_iter().partition(|file| self.is_loose(&folder, &file.path));
        let sources: Vec<(PathBuf, String)> = files
            .iter()
            .filter(|file| file.name.ends_with(".rs"))
            .map(|file| {
                Ok((file.path.clone(), String::from_utf8_lossy(&tree::read(&file.path)?).into_owned()))
            })
            .collect::<Result<_, BuildError>>()?;

        files.extend(loose.into_iter().filter(|file| {
            let name = file.path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| sources.iter().any(|(_, text)| text.contains(name)))
        }));
        files.sort_by(|a, b| a.name.cmp(&b.name));
        digest.text(&self.package.name).files(&files)?;

        for (name, path) in self.outside(&folder, &sources)? {
            digest.text(&name).files(&self.files(&path)?)?;
        }
        Ok(())
    }

    /// Lists the files of a folder that cargo could read: all except hidden files, build output, tests of the package
    /// and other packages.
    fn files(&self, folder: &Path) -> Result<Vec<File>, BuildError> {
        if folder.is_file() {
            return Ok(vec![tree::file(folder, String::new())?]);
        }
        let tests = self.package.test_folders();
        tree::files(folder, &|path, is_dir| {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            hidden
                || is_dir
                    && (path == self.metadata.target_directory
                        || path.join("CACHEDIR.TAG").is_file()
                        || path.join("Cargo.toml").is_file()
                        || tests.iter().any(|tests| tests == path))
        })
    }

    /// Returns whether a file is part of the code only if a source names it: a file directly in the package's folder
    /// or beside the stack file that is neither Rust nor TOML.
    fn is_loose(&self, folder: &Path, file: &Path) -> bool {
        let known = file.extension().is_some_and(|extension| extension == "rs" || extension == "toml");
        let parent = file.parent();
        !known && (parent == Some(folder) || parent == Some(self.stack_folder))
    }

    /// Finds files and folders outside the package that its sources name, as in `include_str!("../../x.sql")`.
    fn outside(
        &self,
        folder: &Path,
        sources: &[(PathBuf, String)],
    ) -> Result<BTreeSet<(String, PathBuf)>, BuildError> {
        let workspace = real(&self.metadata.workspace_root)?;
        let mut found = BTreeSet::new();
        for (path, text) in sources {
            let named = text.split('"').filter(|part| {
                part.len() <= LONGEST_PATH && part.contains("../") && !part.contains(['\n', '*'])
            });
            for part in named {
                // Paths are relative to the source file in macros, and to the package in build scripts.
                for base in [path.parent(), Some(folder)].into_iter().flatten() {
                    let Ok(target) = fs::canonicalize(base.join(part.trim_start_matches('/'))) else {
                        continue;
                    };
                    let inside = target.starts_with(folder) || folder.starts_with(&target);
                    if let (false, Ok(name)) = (inside, target.strip_prefix(&workspace)) {
                        found.insert((name.to_string_lossy().into_owned(), target));
                    }
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
