use std::io::Write as _;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::build::{BuildOptions, pack};

fn machine(architecture: &str, runtime: &str) -> Machine {
    Machine { architecture: architecture.to_owned(), runtime: runtime.to_owned() }
}

/// Makes an ELF file with one symbol for each version that it requires.
fn program_with(machine: u16, needs: &[(&str, &str, u16)]) -> Vec<u8> {
    let mut strings = b"\0libc.so.6\0".to_vec();
    let mut string = |text: &str| {
        let at = strings.len() as u32;
        strings.extend([text.as_bytes(), b"\0"].concat());
        at.to_le_bytes()
    };
    let mut symbols = vec![0; 24];
    let mut versym = 0_u16.to_le_bytes().to_vec();
    let mut verneed = [1_u16, needs.len() as u16].map(u16::to_le_bytes).concat();
    verneed.extend([1_u32, 16, 0].map(u32::to_le_bytes).concat());
    for (number, (symbol, version, flags)) in needs.iter().enumerate() {
        symbols.extend(string(symbol));
        symbols.extend([0x12, 0, 0, 0].iter().chain(&[0; 16]));
        versym.extend((number as u16 + 2).to_le_bytes());
        verneed.extend(0_u32.to_le_bytes());
        verneed.extend([*flags, number as u16 + 2].map(u16::to_le_bytes).concat());
        verneed.extend(string(version));
        let next = if number + 1 == needs.len() { 0_u32 } else { 16 };
        verneed.extend(next.to_le_bytes());
    }

    // The type, content, linked section and entry size of each section.
    let mut sections = vec![(elf::SHT_NULL, Vec::new(), 0_u32, 0_u64), (elf::SHT_STRTAB, strings, 0, 0)];
    if !needs.is_empty() {
        sections.push((elf::SHT_DYNSYM, symbols, 1, 24));
        sections.push((elf::SHT_GNU_VERSYM, versym, 2, 2));
        sections.push((elf::SHT_GNU_VERNEED, verneed, 1, 0));
    }
    let mut body = Vec::new();
    let mut headers = Vec::new();
    for (kind, content, link, entry) in &sections {
        body.resize(body.len().next_multiple_of(8), 0);
        headers.extend([0, *kind].map(u32::to_le_bytes).concat());
        headers.extend([0, 0, 64 + body.len() as u64, content.len() as u64].map(u64::to_le_bytes).concat());
        headers.extend([*link, 1].map(u32::to_le_bytes).concat());
        headers.extend([8, *entry].map(u64::to_le_bytes).concat());
        body.extend(content);
    }
    body.resize(body.len().next_multiple_of(8), 0);

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([3_u16, machine].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([0, 0, 64 + body.len() as u64].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64, 56, 0, 64, sections.len() as u16, 1].map(u16::to_le_bytes).concat());
    file.extend(body);
    file.extend(headers);
    file
}

fn zip_of(name: &str, mode: u32, content: &[u8], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(mode).compression_method(method);
    zip.start_file(name, options).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

fn deflated(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    zip_of(name, mode, content, CompressionMethod::Deflated)
}

#[test]
fn the_newest_version_beyond_the_limit_is_named_with_its_symbol() {
    let elf_file = program_with(
        elf::EM_X86_64,
        &[
            ("strlen", "GLIBC_2.2.5", 0),
            ("stat", "GLIBC_2.33", 0),
            ("__isoc23_strtol", "GLIBC_2.38", 0),
            ("x", "GLIBC_2.36", 0),
        ],
    );
    let error = program(&elf_file, &machine("x86_64", "provided.al2023")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`bootstrap` needs `__isoc23_strtol` of GLIBC_2.38, and provided.al2023 has glibc 2.34"
    );
    let hint = error.hint().unwrap();
    for way in [
        "cargo lambda build --release",
        "cargo zigbuild --target x86_64-unknown-linux-gnu.2.34",
        "x86_64-unknown-linux-musl",
    ] {
        assert!(hint.contains(way), "{hint}");
    }
}

#[test]
fn each_runtime_has_its_limit() {
    let elf_file = program_with(elf::EM_AARCH64, &[("stat", "GLIBC_2.33", 0), ("y", "GCC_3.0", 0)]);
    assert!(program(&elf_file, &machine("arm64", "provided.al2023")).is_ok());
    assert!(program(&elf_file, &machine("arm64", "provided.al2027")).is_ok());
    let error = program(&elf_file, &machine("arm64", "provided.al2")).unwrap_err();
    assert!(matches!(error, BuildError::Glibc { symbol, limit: (2, 26), .. } if symbol == "stat"));
}

#[test]
fn needs_that_the_loader_overlooks_are_overlooked() {
    let weak = program_with(elf::EM_X86_64, &[("pidfd_spawnp", "GLIBC_2.39", elf::VER_FLG_WEAK)]);
    let machine = machine("x86_64", "provided.al2023");
    assert!(program(&weak, &machine).is_ok());
    assert!(program(&program_with(elf::EM_X86_64, &[]), &machine).is_ok(), "a static program");
}

#[test]
fn packed_relocations_need_a_newer_loader() {
    let elf_file = program_with(elf::EM_X86_64, &[("", "GLIBC_ABI_DT_RELR", 0)]);
    let error = program(&elf_file, &machine("x86_64", "provided.al2023")).unwrap_err();
    assert!(matches!(error, BuildError::Glibc { version, .. } if version == "GLIBC_ABI_DT_RELR"));
}

#[test]
fn the_architecture_must_be_that_of_the_function() {
    let error = program(&program_with(elf::EM_X86_64, &[]), &machine("arm64", "provided.al2023"));
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "`bootstrap` is built for x86_64, the function runs on arm64");
    assert!(error.hint().unwrap().contains("cargo lambda build --release --arm64"));
}

#[test]
fn a_damaged_program_is_an_error_and_no_panic() {
    let machine = machine("x86_64", "provided.al2023");
    let elf_file = program_with(elf::EM_X86_64, &[("stat", "GLIBC_2.33", 0)]);
    for length in 0..elf_file.len() {
        let _ = program(&elf_file[..length], &machine);
    }
    for at in 0..elf_file.len() {
        let mut changed = elf_file.clone();
        changed[at] ^= 0xff;
        let _ = program(&changed, &machine);
    }
    assert!(matches!(program(b"MZ", &machine), Err(BuildError::NotElf { .. })));
}

#[test]
fn an_archive_for_a_provided_runtime_needs_an_executable_bootstrap() {
    let machine = machine("x86_64", "provided.al2023");
    let good = program_with(elf::EM_X86_64, &[]);
    assert!(archive(&pack::bootstrap(&good, &BuildOptions::default()).unwrap(), &machine).is_ok());
    assert!(archive(&deflated("bootstrap", 0o755, b"#!/bin/sh\n"), &machine).is_ok());
    let refused = |zip: &[u8]| archive(zip, &machine).unwrap_err();
    assert!(matches!(refused(&deflated("bin/bootstrap", 0o755, &good)), BuildError::NoBootstrap { .. }));
    assert!(matches!(refused(&deflated("bootstrap", 0o644, &good)), BuildError::NotExecutable));
    assert!(matches!(refused(&deflated("bootstrap", 0o755, b"text")), BuildError::NotElf { .. }));
    assert!(matches!(refused(b"no zip"), BuildError::Zip(_)));
}

#[test]
fn other_runtimes_need_no_bootstrap() {
    assert!(archive(&deflated("app.py", 0o644, b"x = 1"), &machine("x86_64", "python3.13")).is_ok());
}

#[test]
fn sizes_are_limited() {
    let machine = machine("x86_64", "python3.13");
    let large = vec![0; (MOST_ZIPPED + 1) as usize];
    let error = archive(&zip_of("x", 0o644, &large, CompressionMethod::Stored), &machine).unwrap_err();
    assert_eq!(error.to_string(), "the archive has 51 MB, Lambda takes 50 MB");
    assert!(error.hint().is_some());
    assert!(archive(&deflated("x", 0o644, &large), &machine).is_ok());
}
