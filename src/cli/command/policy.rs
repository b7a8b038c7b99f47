//! `lockstep policy`: compares policy documents by their meaning.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use lockstep::access::{self, PolicyDocument, PolicyKind};
use lockstep::report::Paint;
use lockstep::report::comparison::Comparison;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input;

/// Subcommands of `policy`.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Tell whether two policies mean the same, and if not, what access is gained and lost
    Diff(Options),
}

/// Options of `policy diff`.
#[derive(Args, Debug)]
pub struct Options {
    /// The policy before: a file with JSON, also URL-encoded as IAM returns it, or `-`
    #[arg(value_name = "A", required_unless_present = "batch")]
    before: Option<PathBuf>,

    /// The policy after
    #[arg(value_name = "B", required_unless_present = "batch")]
    after: Option<PathBuf>,

    /// What the policies are attached to; found out from their elements unless given
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<Type>,

    /// Account whose ARNs are shortened
    #[arg(long, value_name = "ID", default_value = "")]
    account: String,

    /// Answer pairs of policies, one JSON object a line, with one line each
    #[arg(long, value_name = "FILE", conflicts_with_all = ["before", "after", "kind"])]
    batch: Option<PathBuf>,

    /// Print the comparison as JSON
    #[arg(long, conflicts_with = "batch")]
    json: bool,

    /// Exit with 2 when access differs
    #[arg(long, conflicts_with = "batch")]
    detailed_exitcode: bool,
}

/// The kind of entity that a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    /// A KMS key
    Key,
    /// A role or user; also a permissions boundary or session policy
    Identity,
    /// An organization: a service control policy
    Scp,
    /// A role: who may assume it
    Trust,
}

impl Type {
    const fn kind(self) -> PolicyKind<'static> {
        // Bare account ids are completed in the same way on both sides, so the partition does not matter.
        match self {
            Self::Key => PolicyKind::Key { partition: "aws" },
            Self::Identity => PolicyKind::Identity,
            Self::Scp => PolicyKind::Scp,
            Self::Trust => PolicyKind::Trust { partition: "aws" },
        }
    }
}

/// Compares two policies, or a batch of pairs.
///
/// # Errors
///
/// Files that cannot be read, and policies that AWS would refuse.
pub fn run(context: &Context, verb: &Verb) -> Result<Exit, CliError> {
    let Verb::Diff(options) = verb;
    if let Some(batch) = &options.batch {
        return answer(context, batch);
    }
    let (Some(before), Some(after)) = (&options.before, &options.after) else {
        return Err(CliError::usage("two policies are compared").hint("write `lockstep policy diff A B`"));
    };
    let (first, second) = (input::text(before)?, input::text(after)?);
    let kind = options.kind.map_or_else(|| guess(&first, &second), |kind| kind.kind());
    let read = |path: &Path, text: &str| {
        PolicyDocument::parse(text, kind).map_err(|error| {
            CliError::failed(format!("{}: {error}", path.display()))
                .hint("AWS would refuse this policy; if it is of another type, say so with --type")
        })
    };
    let comparison = match (read(before, &first), read(after, &second)) {
        (Ok(before), Ok(after)) => Comparison::new(&before, &after, kind),
        // Both errors are reported at once.
        (Err(one), Err(other)) => {
            context.output.note(&one.render(context.output.error_colour));
            return Err(other);
        }
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let paint = Paint { colour: context.output.colour };
    context.output.result(&match options.json {
        true => comparison.json(),
        false => comparison.text(paint, &options.account),
    });
    Ok(match options.detailed_exitcode && comparison.is_different() {
        true => Exit::Changes,
        false => Exit::Success,
    })
}

/// Returns the type of the policies according to their elements: trust policies have `sts:` actions, and identity
/// policies have no principals.
fn guess(one: &str, other: &str) -> PolicyKind<'static> {
    let both = [one, other];
    // Policies as IAM returns them are URL-encoded, but these words stay readable.
    let kind =
        match (both.iter().any(|text| text.contains("Principal")), both.iter().any(|text| is_trust(text))) {
            (false, _) => Type::Identity,
            (true, true) => Type::Trust,
            (true, false) => Type::Key,
        };
    kind.kind()
}

fn is_trust(text: &str) -> bool {
    ["sts:AssumeRole", "sts%3AAssumeRole", "sts:TagSession"].iter().any(|action| text.contains(action))
}

fn answer(context: &Context, path: &Path) -> Result<Exit, CliError> {
    for line in input::lines(path)? {
        let (number, line) = line?;
        let answer = access::answer_line(&line).map_err(|error| input::broken(path, number, error))?;
        context.output.result(&answer);
    }
    Ok(Exit::Success)
}
