//! Reads files that are named on the command line; `-` stands for standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::error::CliError;

/// Maximum size in bytes of a text, and of a line.
const MOST: u64 = 8 << 20;

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    Ok(if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) })
}

fn unreadable(path: &Path, error: io::Error) -> CliError {
    CliError::usage(format!("`{}` cannot be read", path.display())).because(error)
}

fn too_large(path: &Path) -> CliError {
    CliError::failed(format!("`{}` is larger than {} MiB", path.display(), MOST >> 20))
}

/// Reads a whole text.
///
/// # Errors
///
/// The file cannot be read, is not text, or is larger than the limit.
pub fn text(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let read = open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text));
    let length = read.map_err(|error| unreadable(path, error))?;
    if length as u64 > MOST { Err(too_large(path)) } else { Ok(text) }
}

/// Reads lines with their numbers, which begin with 1. Empty lines are left out. Only one line is in memory at a time.
///
/// # Errors
///
/// The file cannot be opened. A line that cannot be read is returned as an error in its place.
pub fn lines(path: &Path) -> Result<impl Iterator<Item = Result<(usize, String), CliError>>, CliError> {
    let mut reader = BufReader::new(open(path).map_err(|error| unreadable(path, error))?);
    let mut number = 0;
    let mut next = move || loop {
        number += 1;
        let mut line = String::new();
        match reader.by_ref().take(MOST + 1).read_line(&mut line) {
            Ok(0) => return None,
            Ok(length) if length as u64 > MOST => return Some(Err(too_large(path))),
            Ok(_) if line.trim().is_empty() => {}
            Ok(_) => return Some(Ok((number, line))),
            Err(error) => return Some(Err(unreadable(path, error))),
        }
    };
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        // After an error the rest cannot be read reliably.
        let item = if failed { None } else { next() };
        failed = item.as_ref().is_some_and(Result::is_err);
        item
    }))
}

/// Returns the error of a line that is not a valid JSON object of the expected shape.
pub fn broken(path: &Path, number: usize, error: serde_json::Error) -> CliError {
    let place = format!("{}:{number}:{}", path.display(), error.column());
    CliError::failed(format!("{place}: the line is no JSON object with an `id`"))
        .because(error)
        .hint("write one case or pair as one line of JSON")
}
