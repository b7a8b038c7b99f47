//! Lambda's requirements for an archive and the program in it.

use std::io::{Cursor, Read as _};

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::SymbolIndex;
use object::read::elf::{FileHeader as _, SectionTable, Sym as _};
use zip::ZipArchive;

use super::BuildError;
use crate::kinds::function;

/// The size in bytes of the largest archive that can be uploaded in a request.
const MOST_ZIPPED: u64 = 50 << 20;
/// The largest total size in bytes of the files of an archive, together with layers.
const MOST_UNZIPPED: u64 = 250 << 20;

/// The architecture and the runtime of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// `x86_64` or `arm64`.
    pub(super) architecture: String,
    /// The runtime, such as `provided.al2023`.
    pub(super) runtime: String,
}

impl Machine {
    /// Returns the architecture and the runtime of a function.
    pub(super) fn of(spec: &function::Spec) -> Self {
        Self { architecture: spec.code.architecture.clone(), runtime: spec.config.runtime.clone() }
    }

    /// Returns the target triple that cargo builds for.
    pub(super) fn triple(&self) -> &'static str {
        if self.architecture == "arm64" { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" }
    }

    /// Returns the newest version of glibc that a program may need: that of Amazon Linux 2 or 2023.
    pub(super) fn glibc(&self) -> Option<(u32, u32)> {
        match self.runtime.as_str() {
            "provided.al2" => Some((2, 26)),
            "provided.al2023" => Some((2, 34)),
            _ => None,
        }
    }

    /// Returns whether the runtime starts `bootstrap` from the archive.
    fn starts_bootstrap(&self) -> bool {
        self.runtime.starts_with("provided")
    }
}

/// Checks a finished archive.
///
/// # Errors
///
/// Fails if the archive is too large, or its `bootstrap` cannot run.
pub(super) fn archive(zip: &[u8], machine: &Machine) -> Result<(), BuildError> {
    let bytes = zip.len() as u64;
    if bytes > MOST_ZIPPED {
        return Err(BuildError::Zipped { bytes });
    }
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    let mut bytes = 0;
    for index in 0..archive.len() {
        bytes += archive.by_index_raw(index)?.size();
    }
    if bytes > MOST_UNZIPPED {
        return Err(BuildError::Unzipped { bytes });
    }
    if !machine.starts_bootstrap() {
        return Ok(());
    }
    let mut entry = match archive.by_name("bootstrap") {
        Err(zip::result::ZipError::FileNotFound) => {
            return Err(BuildError::NoBootstrap { runtime: machine.runtime.clone() });
        }
        entry => entry?,
    };
    if entry.unix_mode().is_some_and(|mode| mode & 0o111 == 0) {
        return Err(BuildError::NotExecutable);
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(zip::result::ZipError::from)?;
    // The interpreter of a script is in the archive or in a layer.
    if content.starts_with(b"#!") { Ok(()) } else { program(&content, machine) }
}

/// Checks that a program can start in Lambda.
///
/// # Errors
///
/// Fails if it is not an ELF program, is built for another architecture, or needs a newer glibc.
pub(super) fn program(content: &[u8], machine: &Machine) -> Result<(), BuildError> {
    let not_elf = |reason: &str| BuildError::NotElf { reason: reason.to_owned() };
    let damaged = |error: object::read::Error| not_elf(&error.to_string());
    if !content.starts_with(&elf::ELFMAG) {
        return Err(not_elf("it does not start as an ELF file does"));
    }
    let header = FileHeader64::<Endianness>::parse(content).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let found = match header.e_machine(endian) {
        elf::EM_X86_64 => "x86_64".to_owned(),
        elf::EM_AARCH64 => "arm64".to_owned(),
        other => format!("ELF machine {other}"),
    };
    if found != machine.architecture {
        return Err(BuildError::Architecture { wanted: machine.architecture.clone(), found });
    }
    let Some(limit) = machine.glibc() else { return Ok(()) };
    let sections = header.sections(endian, content).map_err(damaged)?;
    let Some((version, symbol)) = too_new(&sections, endian, content, limit).map_err(damaged)? else {
        return Ok(());
    };
    Err(BuildError::Glibc {
        symbol,
        version,
        limit,
        runtime: machine.runtime.clone(),
        triple: machine.triple().to_owned(),
    })
}

/// Finds the newest glibc version beyond `limit` that the loader will require, and a symbol that needs it.
///
/// The loader requires every entry of the version needs section, whatever symbols are used, except weak entries.
fn too_new<'data>(
    sections: &SectionTable<'data, FileHeader64<Endianness>>,
    endian: Endianness,
    content: &'data [u8],
    limit: (u32, u32),
) -> object::read::Result<Option<(String, String)>> {
    let Some((mut needs, strings)) = sections
        .gnu_verneed(endian, content)?
        .map(|(needs, link)| (needs, sections.strings(endian, content, link)))
    else {
        return Ok(None);
    };
    let strings = strings?;
    let mut newest: Option<((u32, u32), u16, String)> = None;
    while let Some((_, mut entries)) = needs.next()? {
        while let Some(entry) = entries.next()? {
            let name = String::from_utf8_lossy(entry.name(endian, strings)?).into_owned();
            let weak = entry.vna_flags.get(endian) & elf::VER_FLG_WEAK != 0;
            if let Some(version) = glibc(&name).filter(|version| !weak && *version > limit)
                && newest.as_ref().is_none_or(|(other, ..)| *other < version)
            {
                newest = Some((version, entry.vna_other.get(endian) & elf::VERSYM_VERSION, name));
            }
        }
    }
    let Some((_, index, version)) = newest else { return Ok(None) };

    let symbols = sections.symbols(endian, content, elf::SHT_DYNSYM)?;
    let versions = sections.versions(endian, content)?.unwrap_or_default();
    for (number, symbol) in symbols.iter().enumerate() {
        if versions.version_index(endian, SymbolIndex(number)).index() == index {
            let name = symbol.name(endian, symbols.strings())?;
            return Ok(Some((version, String::from_utf8_lossy(name).into_owned())));
        }
    }
    // The entry has no symbol, such as the one for packed relocations.
    Ok(Some((version.clone(), version)))
}

/// Parses a version such as `GLIBC_2.34`. `GLIBC_ABI_DT_RELR` came with 2.36, and every other `GLIBC_ABI_` mark
/// later.
fn glibc(version: &str) -> Option<(u32, u32)> {
    let number = version.strip_prefix("GLIBC_")?;
    if number.starts_with("ABI_") {
        return Some((2, 36));
    }
    let mut parts = number.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
