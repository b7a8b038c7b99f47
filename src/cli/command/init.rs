//! `lockstep init`: writes a working stack to start from.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use lockstep::stack::{self, Source};

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;

/// Options of `init`.
#[derive(Args, Debug)]
pub struct Options {
    /// Folder to write into; it is made if need be
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    /// Name of the stack; that of the folder unless given
    #[arg(long, value_name = "STACK")]
    name: Option<String>,
}

/// The stack file, in which `STACK` and `REGION` are replaced.
const STACK: (&str, &str) = ("stack.yaml", include_str!("../../../templates/init/stack.yaml"));

/// The other files, which are written unchanged.
const OTHERS: [(&str, &str); 3] = [
    ("app/encrypt/handler.py", include_str!("../../../templates/init/app/encrypt/handler.py")),
    ("app/authorizer/handler.py", include_str!("../../../templates/init/app/authorizer/handler.py")),
    (".gitignore", include_str!("../../../templates/init/gitignore")),
];

/// Region of the stack if neither the command line nor the environment names one.
const REGION: &str = "us-east-1";

/// Maximum length of the name of a stack.
const LONGEST: usize = 32;

/// Writes the files and prints what to do next.
///
/// # Errors
///
/// A file that exists already (nothing is written then), and a name or a region that is not valid for a stack.
pub fn run(context: &Context, options: &Options) -> Result<Exit, CliError> {
    let dir = &options.dir;
    let name = options.name.clone().unwrap_or_else(|| name_of(dir));
    let text = stack_file(&name, region(context))?;
    let files: Vec<(&str, &str)> = [(STACK.0, text.as_str())].into_iter().chain(OTHERS).collect();
    refuse_existing(dir, &files)?;
    for (file, text) in &files {
        let path = dir.join(file);
        write(&path, text).map_err(|error| {
            CliError::failed(format!("`{}` cannot be written", shown(&path))).because(error)
        })?;
    }
    context.output.result(&next(dir, &name, &files));
    Ok(Exit::Success)
}

fn region(context: &Context) -> &str {
    let environment =
        || context.environment.get("AWS_REGION").or_else(|| context.environment.get("AWS_DEFAULT_REGION"));
    context.global.region.as_deref().or_else(environment).unwrap_or(REGION)
}

/// Derives the name of a stack from that of a folder: lower case, with `-` for every character that a name cannot have.
fn name_of(dir: &Path) -> String {
    // `.` and `..` are not names of folders.
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let folder = real.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words: Vec<&str> =
        folder.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    let name: String =
        name.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().take(LONGEST).collect();
    match name.trim_end_matches('-') {
        "" => "app".to_owned(),
        name => name.to_owned(),
    }
}

/// Fills in the stack file, and checks that it can be read.
fn stack_file(name: &str, region: &str) -> Result<String, CliError> {
    let text = STACK.1.replacen("stack: STACK", &format!("stack: {name}"), 1).replacen(
        "region: REGION",
        &format!("region: {region}"),
        1,
    );
    let refused = |problem: String, help: Vec<String>| {
        let error = help.into_iter().fold(CliError::usage(problem), CliError::hint);
        Err(error.hint("name the stack with --name, and its region with --region"))
    };
    match stack::parse(Source { file: STACK.0, text: &text }) {
        Ok(stack) if stack.name() == name => Ok(text),
        Ok(_) => refused(format!("`{name}` is not a valid stack name"), Vec::new()),
        // The first problem causes the others.
        Err(found) => {
            found.iter().next().map_or(Ok(text), |first| refused(first.message.clone(), first.help.clone()))
        }
    }
}

fn refuse_existing(dir: &Path, files: &[(&str, &str)]) -> Result<(), CliError> {
    let paths = files.iter().map(|(file, _)| dir.join(file));
    // A broken symbolic link is an existing file, too.
    let there: Vec<String> = paths
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", shown(&path)))
        .collect();
    let problem = match there.as_slice() {
        [] => return Ok(()),
        [one] => format!("{one} is there already"),
        several => format!("{} are there already", several.join(", ")),
    };
    let hint = "choose a new folder: lockstep init DIR";
    Err(CliError::failed(format!("{problem}; nothing was written")).hint(hint))
}

/// Writes a new file; a file that was created since the check is not overwritten either.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn next(dir: &Path, name: &str, files: &[(&str, &str)]) -> String {
    let mut lines = vec![format!("wrote the stack `{name}`:")];
    lines.extend(files.iter().map(|(file, _)| format!("  {}", shown(&dir.join(file)))));
    lines.extend([String::new(), "next:".to_owned()]);
    if dir != Path::new(".") {
        lines.push(format!("  cd {}", quoted(&dir.display().to_string())));
    }
    lines.push("  lockstep bootstrap --local    run it on this machine; no AWS account is needed".to_owned());
    lines
        .push("  lockstep bootstrap            run it in AWS, with the credentials of this shell".to_owned());
    lines.join("\n")
}

/// Quotes a path for a shell if necessary.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_folder_becomes_that_of_a_stack() {
        for (folder, expected) in [
            ("demo", "demo"),
            ("My Texts", "my-texts"),
            ("/home/me/text_encryption.v2", "text-encryption-v2"),
            ("2026-demo-", "demo"),
            ("--x", "x"),
            ("Überweg", "berweg"),
            ("42", "app"),
            ("/", "app"),
            ("a-folder-with-a-name-that-is-far-too-long", "a-folder-with-a-name-that-is-far"),
            ("a-folder-with-a-name-that-is-xx-too-long", "a-folder-with-a-name-that-is-xx"),
        ] {
            assert_eq!(name_of(Path::new(folder)), expected, "{folder}");
            stack_file(expected, "eu-central-1").unwrap();
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(name_of(&here.join("src/..")), name_of(here));
    }

    #[test]
    fn the_stack_file_is_right_and_has_one_environment() {
        let text = stack_file("demo", "eu-central-1").unwrap();
        let stack = stack::parse(Source { file: "stack.yaml", text: &text }).unwrap();
        assert!(stack.warnings().is_empty());
        assert_eq!((stack.name(), stack.environment(None).unwrap().as_str()), ("demo", "dev"));
        assert_eq!(stack.region_for("dev"), Some("eu-central-1"));
        assert!(text.lines().count() < 80 && text.lines().all(|line| line.len() <= 110));
    }

    #[test]
    fn names_and_regions_that_a_stack_cannot_have_are_refused() {
        for (name, region) in [
            ("a b", "eu-central-1"),
            ("true", "eu-central-1"),
            ("a\nregion: b", "eu-central-1"),
            ("a # b", "eu-central-1"),
            ("", "eu-central-1"),
            ("a", "mars"),
        ] {
            assert_eq!(stack_file(name, region).unwrap_err().exit(), Exit::Usage, "{name}");
        }
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        let text = next(Path::new("my texts"), "my-texts", &[("stack.yaml", "")]);
        assert!(text.contains("  my texts/stack.yaml\n") && text.contains("  cd 'my texts'\n"), "{text}");
        let here = next(Path::new("."), "demo", &[("stack.yaml", "")]);
        assert!(here.contains("  stack.yaml\n") && !here.contains("  cd "), "{here}");
    }

    #[test]
    fn every_file_that_is_there_is_named_and_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("demo");
        let files = [("a/b.py", "new"), ("c", "new"), ("d", "new")];
        refuse_existing(&dir, &files).unwrap();
        write(&dir.join("a/b.py"), "old").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.join("d")).unwrap();
        let text = refuse_existing(&dir, &files).unwrap_err().render(false);
        assert!(text.contains("a/b.py") && text.contains("/d`") && !text.contains("/c`"), "{text}");
        assert_eq!(write(&dir.join("a/b.py"), "new").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(dir.join("a/b.py")).unwrap(), "old");
    }
}
