//! Zip archives that are identical, byte for byte, whenever the files are identical.

use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::tree::{self, File};
use super::{BuildError, BuildOptions};

/// Files and folders that other tools create, and that differ from machine to machine.
const LITTER: [&str; 3] = ["__pycache__", ".git", ".DS_Store"];

/// The compression level for the local AWS, which is low because packing spends most of its time on compression.
const FAST: i64 = 1;

/// Lists the files of a folder to be packed: every file except `__pycache__`, `.git` and `.DS_Store`.
///
/// A path to a single file yields only that file.
pub(super) fn files(path: &Path) -> Result<Vec<File>, BuildError> {
    if path.is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![tree::file(path, name)?]);
    }
    tree::files(path, &|path, _| LITTER.iter().any(|name| path.ends_with(name)))
}

/// Packs a folder.
pub(super) fn folder(path: &Path, options: &BuildOptions) -> Result<Vec<u8>, BuildError> {
    let files = files(path)?;
    if files.is_empty() {
        return Err(BuildError::Empty { path: path.to_owned() });
    }
    let mut writer = Writer::new(options);
    for file in &files {
        writer.add(&file.name, file.executable, &tree::read(&file.path)?)?;
    }
    writer.finish()
}

/// Packs one program as `bootstrap`, which the `provided` runtimes start.
pub(super) fn bootstrap(program: &[u8], options: &BuildOptions) -> Result<Vec<u8>, BuildError> {
    let mut writer = Writer::new(options);
    writer.add("bootstrap", true, program)?;
    writer.finish()
}

struct Writer {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    options: SimpleFileOptions,
}

impl Writer {
    fn new(options: &BuildOptions) -> Self {
        let level = if options.real_aws { None } else { Some(FAST) };
        Self {
            zip: ZipWriter::new(Cursor::default()),
            options: SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .compression_level(level)
                .last_modified_time(DateTime::DEFAULT)
                .system(System::Unix),
        }
    }

    fn add(&mut self, name: &str, executable: bool, content: &[u8]) -> Result<(), BuildError> {
        let mode = if executable { 0o755 } else { 0o644 };
        self.zip.start_file(name, self.options.unix_permissions(mode))?;
        self.zip.write_all(content).map_err(zip::result::ZipError::from)?;
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, BuildError> {
        Ok(self.zip.finish()?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn release() -> BuildOptions {
        BuildOptions::default()
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let pack = |order: [&str; 3], mode: u32| {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("lib/__pycache__")).unwrap();
            for name in order {
                fs::write(dir.path().join(name), format!("content of {name}")).unwrap();
            }
            fs::write(dir.path().join("lib/__pycache__/x.pyc"), order.concat()).unwrap();
            fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(mode)).unwrap();
            folder(dir.path(), &release()).unwrap()
        };
        let zip = pack(["app.py", "lib/a.py", "run"], 0o700);
        assert_eq!(zip, pack(["run", "lib/a.py", "app.py"], 0o755));
        assert_ne!(zip, pack(["run", "lib/a.py", "app.py"], 0o644));

        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        let entries: Vec<_> = (0..archive.len())
            .map(|index| {
                let entry = archive.by_index(index).unwrap();
                assert_eq!(entry.last_modified(), Some(DateTime::DEFAULT));
                assert_eq!(entry.compression(), CompressionMethod::Deflated);
                assert!(entry.extra_data().as_deref().is_none_or(<[u8]>::is_empty));
                (entry.name().unwrap().into_owned(), entry.unix_mode().unwrap() & 0o777)
            })
            .collect();
        let expected = [("app.py", 0o644), ("lib/a.py", 0o644), ("run", 0o755)];
        assert_eq!(entries, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }

    #[test]
    fn an_empty_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(folder(dir.path(), &release()), Err(BuildError::Empty { .. })));
    }

    #[test]
    fn a_program_becomes_an_executable_bootstrap() {
        let zip = bootstrap(b"\x7fELF", &release()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(archive.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
    }
}
