//! Settings from the command line and the environment, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options that every command accepts.
#[derive(Args, Debug, Clone)]
pub struct Global {
    /// Stack file
    #[arg(
        long,
        short,
        global = true,
        env = "LOCKSTEP_FILE",
        default_value = "stack.yaml",
        value_name = "FILE"
    )]
    pub file: PathBuf,

    /// Environment of the stack file; may be left out where there is only one
    #[arg(long, short, global = true, env = "LOCKSTEP_ENV", value_name = "ENV")]
    pub env: Option<String>,

    /// Value of a variable of the stack file (also LOCKSTEP_VAR_NAME)
    #[arg(long = "var", global = true, value_name = "NAME=VALUE", value_parser = pair)]
    pub vars: Vec<(String, String)>,

    /// Region, instead of that of the stack file
    #[arg(long, global = true, env = "LOCKSTEP_REGION", value_name = "REGION")]
    pub region: Option<String>,

    /// Profile of the AWS configuration files
    #[arg(long, global = true, env = "AWS_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,

    /// Use the local AWS on this machine; no account is needed
    #[arg(long, global = true, env = "LOCKSTEP_LOCAL")]
    pub local: bool,

    /// Python that runs the local AWS
    #[arg(long, global = true, env = "LOCKSTEP_PYTHON", value_name = "PATH")]
    pub python: Option<PathBuf>,

    /// Seconds to wait for a key policy change to propagate before a live function switches roles [default: 120; 0
    /// with --local]
    #[arg(long, global = true, env = "LOCKSTEP_SETTLE", value_name = "SECONDS")]
    pub settle: Option<u64>,

    /// Cargo profile for code that is built by cargo
    #[arg(
        long,
        global = true,
        env = "LOCKSTEP_CARGO_PROFILE",
        default_value = "release",
        value_name = "NAME"
    )]
    pub cargo_profile: String,

    /// Go on although what the stack says about access cannot be proved, and why
    #[arg(long, global = true, value_name = "REASON")]
    pub allow_unproved: Option<String>,

    /// When to use colour (NO_COLOR and FORCE_COLOR count too)
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub color: When,

    /// Show policy texts, and each call
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// In a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Variables in which pipelines store the address of their run: GitLab, Buildkite, CircleCI, Travis, Drone, CodeBuild,
/// and Jenkins, which comes last because others use the name of its variable too.
const PIPELINES: [&str; 7] = [
    "CI_JOB_URL",
    "BUILDKITE_BUILD_URL",
    "CIRCLE_BUILD_URL",
    "TRAVIS_BUILD_WEB_URL",
    "DRONE_BUILD_LINK",
    "CODEBUILD_BUILD_ARN",
    "BUILD_URL",
];

/// The environment of the process, read once.
#[derive(Clone, Debug)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the environment. Variables whose name or value is not valid Unicode are ignored, because lockstep uses
    /// none of them.
    pub fn read() -> Self {
        let all = std::env::vars_os();
        Self(
            all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// Returns a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns every variable.
    pub const fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Returns the folder in which lockstep keeps data that all projects share.
    pub fn cache(&self) -> Option<PathBuf> {
        let base = match self.get("XDG_CACHE_HOME") {
            Some(cache) => PathBuf::from(cache),
            None => PathBuf::from(self.get("HOME")?).join(".cache"),
        };
        Some(base.join("lockstep"))
    }

    /// Returns the address of the pipeline run that this process is part of.
    pub fn pipeline(&self) -> Option<String> {
        let [github, repository, run] = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"];
        let [azure, project, build] = ["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID"];
        let [bitbucket, number] = ["BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_BUILD_NUMBER"];
        let get = |name| self.get(name);
        let composed = get(github)
            .zip(get(repository))
            .zip(get(run))
            .map(|((server, repository), run)| format!("{server}/{repository}/actions/runs/{run}"))
            .or_else(|| {
                let ((server, project), build) = get(azure).zip(get(project)).zip(get(build))?;
                Some(format!("{server}{project}/_build/results?buildId={build}"))
            })
            .or_else(|| {
                let (origin, number) = get(bitbucket).zip(get(number))?;
                Some(format!("{origin}/pipelines/results/{number}"))
            });
        composed.or_else(|| PIPELINES.iter().find_map(|name| get(name)).map(str::to_owned))
    }

    /// Returns whether to use colour on a stream; `terminal` says whether it is a terminal.
    pub fn colour(&self, when: When, terminal: bool) -> bool {
        match when {
            When::Always => true,
            When::Never => false,
            When::Auto if self.get("NO_COLOR").is_some() => false,
            When::Auto if self.get("FORCE_COLOR").is_some_and(|force| force != "0") => true,
            When::Auto => terminal && self.get("TERM") != Some("dumb"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_pipeline_is_known_by_its_usual_variables() {
        let github = [
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "a/b"),
            ("GITHUB_RUN_ID", "7"),
        ];
        let pipeline = |pairs: &[_]| environment(pairs).pipeline();
        assert_eq!(pipeline(&github).as_deref(), Some("https://github.com/a/b/actions/runs/7"));
        assert_eq!(pipeline(&github[..2]), None);
        let azure = [
            ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/o/"),
            ("SYSTEM_TEAMPROJECT", "p"),
            ("BUILD_BUILDID", "7"),
        ];
        assert_eq!(pipeline(&azure).as_deref(), Some("https://dev.azure.com/o/p/_build/results?buildId=7"));
        let gitlab = [("CI_JOB_URL", "https://gitlab.com/j/7"), ("BUILD_URL", "")];
        assert_eq!(pipeline(&gitlab).as_deref(), Some("https://gitlab.com/j/7"));
        assert_eq!(pipeline(&[]), None);
    }

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        let (none, no, force) =
            (environment(&[]), environment(&[("NO_COLOR", "1")]), environment(&[("FORCE_COLOR", "1")]));
        assert!(none.colour(When::Auto, true));
        assert!(!none.colour(When::Auto, false));
        assert!(!no.colour(When::Auto, true));
        assert!(force.colour(When::Auto, false));
        assert!(no.colour(When::Always, false));
        assert!(!force.colour(When::Never, true));
    }
}
