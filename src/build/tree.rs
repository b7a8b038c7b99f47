//! Files under a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::BuildError;

/// A file under a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The path of the file.
    pub(super) path: PathBuf,
    /// The name relative to the folder, with `/` between its parts.
    pub(super) name: String,
    /// `true` if the owner may execute the file. All other mode bits differ from machine to machine.
    pub(super) executable: bool,
}

/// Lists the files under a folder, sorted by name. Symbolic links count as what they point to.
///
/// Files and folders for which `skip` returns `true` are left out; it is never called for `folder` itself.
///
/// # Errors
///
/// Fails if something cannot be read, a link leads back to a folder that contains it, or a name is not UTF-8.
pub(super) fn files(folder: &Path, skip: &dyn Fn(&Path, bool) -> bool) -> Result<Vec<File>, BuildError> {
    let mut walk = Walk { skip, found: Vec::new(), around: Vec::new() };
    walk.folder(folder, "")?;
    walk.found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(walk.found)
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(BuildError::read(path))
}

/// Describes one file under the given name.
pub(super) fn file(path: &Path, name: String) -> Result<File, BuildError> {
    let mode = fs::metadata(path).map_err(BuildError::read(path))?.permissions().mode();
    Ok(File { path: path.to_owned(), name, executable: mode & 0o100 != 0 })
}

struct Walk<'a> {
    skip: &'a dyn Fn(&Path, bool) -> bool,
    found: Vec<File>,
    around: Vec<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), BuildError> {
        let real = folder.canonicalize().map_err(BuildError::read(folder))?;
        if self.around.contains(&real) {
            return Err(BuildError::Loop { path: folder.to_owned() });
        }
        self.around.push(real);
        for entry in fs::read_dir(folder).map_err(BuildError::read(folder))? {
            let path = entry.map_err(BuildError::read(folder))?.path();
            self.entry(path, prefix)?;
        }
        self.around.pop();
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, prefix: &str) -> Result<(), BuildError> {
        let is_dir = path.is_dir();
        if (self.skip)(&path, is_dir) {
            return Ok(());
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(BuildError::Name { path });
        };
        let name = format!("{prefix}{name}");
        if is_dir {
            return self.folder(&path, &format!("{name}/"));
        }
        self.found.push(file(&path, name)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(files: &[File]) -> Vec<(&str, bool)> {
        files.iter().map(|file| (file.name.as_str(), file.executable)).collect()
    }

    #[test]
    fn sorts_by_whole_name_and_follows_links() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/deep")).unwrap();
        fs::create_dir_all(at("skipped")).unwrap();
        for name in ["a/deep/x", "a/b", "a-b", "skipped/y"] {
            fs::write(at(name), name).unwrap();
        }
        fs::set_permissions(at("a/b"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink(at("a/b"), at("link")).unwrap();
        let found = files(dir.path(), &|path, is_dir| is_dir && path.ends_with("skipped")).unwrap();
        assert_eq!(names(&found), [("a-b", false), ("a/b", true), ("a/deep/x", false), ("link", true)]);
    }

    #[test]
    fn a_link_in_a_circle_and_a_dead_link_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        symlink(dir.path(), dir.path().join("a/up")).unwrap();
        assert!(matches!(files(dir.path(), &|_, _| false), Err(BuildError::Loop { .. })));
        fs::remove_file(dir.path().join("a/up")).unwrap();
        symlink("nowhere", dir.path().join("a/dead")).unwrap();
        assert!(matches!(files(dir.path(), &|_, _| false), Err(BuildError::Read { .. })));
    }
}
