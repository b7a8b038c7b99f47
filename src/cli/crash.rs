//! Adds to the message of a panic in lockstep how to report it and how to continue.

use super::output::Output;

/// Installs a panic hook that adds to the message of Rust.
pub fn install(output: Output) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        output.note(&text());
    }));
}

fn text() -> String {
    let (version, system) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    let (processor, issues) = (std::env::consts::ARCH, concat!(env!("CARGO_PKG_REPOSITORY"), "/issues"));
    format!(
        "error: this is a fault of lockstep {version} ({system}, {processor})\n  \
         help: run the same command again: what was done is found again, and nothing is done twice\n  \
         help: please report the lines above at {issues}; with RUST_BACKTRACE=1 they tell more\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::cli::settings::{Environment, When};

    /// Only the test below runs this, in a separate process.
    #[test]
    #[ignore = "changes what the whole process says of panics"]
    #[should_panic(expected = "the sky is falling")]
    fn falls() {
        install(Output::new(When::Never, &Environment::read()));
        panic!("the sky is falling");
    }

    #[test]
    fn a_crash_says_which_version_where_and_what_to_do() {
        let name = "cli::crash::tests::falls";
        let mut run = Command::new(std::env::current_exe().unwrap());
        run.args(["--exact", name, "--ignored", "--nocapture"]).env("RUST_BACKTRACE", "1");
        let output = run.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let version = concat!("lockstep ", env!("CARGO_PKG_VERSION"));
        // The last one is the name of a function, from the backtrace.
        let all = ["the sky is falling", "src/cli/crash.rs", version, "/lockstep/issues", "again", name];
        for what in all {
            assert!(told.contains(what), "{what} in {told}");
        }
    }
}
