//! `lockstep parity`: compares the access of two roles.

use std::collections::BTreeMap;

use clap::Args;
use lockstep::kinds::{Name, World};
use lockstep::plan::claims;
use lockstep::plan::parity::{self, Subject};
use lockstep::plan::prove::{AccessContext, Evidence};
use lockstep::report::Paint;
use lockstep::report::parity::Document;
use lockstep::report::plan::Style;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::{self, Session};

/// Options of `parity`.
#[derive(Args, Debug)]
pub struct Options {
    /// A role: its name in the stack file, `role/NAME`, or ENV:ROLE for another environment
    #[arg(value_name = "A")]
    one: String,

    /// The role to compare it with
    #[arg(value_name = "B")]
    other: String,

    /// Profile of the AWS configuration files for B, where its environment is in another account
    #[arg(long, value_name = "NAME")]
    other_profile: Option<String>,

    /// Count what functions use their keys for, which follows their role
    #[arg(long)]
    with_uses: bool,

    /// Compare what will be after `lockstep apply`, not what AWS has now
    #[arg(long)]
    planned: bool,

    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

/// A role in an environment of the stack, with the observed state of that environment.
struct Side {
    session: Session,
    world: World,
    role: String,
}

/// Compares; changes nothing. Exits with 2 if one of the roles may do something that the other may not.
///
/// # Errors
///
/// Missing credentials, no answer, and roles that do not exist.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let one = side(context, &options.one, options.planned).await?;
    let second = match &options.other_profile {
        Some(profile) => context.with_profile(profile),
        None => context.in_environment(context.global.env.clone()),
    };
    let other = side(&second, &options.other, options.planned).await?;
    let (first, second) =
        (subject(&one, options.with_uses).await?, subject(&other, options.with_uses).await?);
    let differences = parity::differences(&first, &second);
    let document = Document::new(
        (&one.session.engine.desired, &first),
        (&other.session.engine.desired, &second),
        differences,
    );
    let style = Style { paint: Paint { colour: context.output.colour }, verbose: context.global.verbose };
    context.output.result(&if options.json { document.json() } else { document.text(style) });
    Ok(if document.is_equal() { Exit::Success } else { Exit::Changes })
}

async fn side(context: &Context, named: &str, planned: bool) -> Result<Side, CliError> {
    // An ARN contains colons too, and no environment has the name `arn`.
    let (env, role) = match named.split_once(':') {
        Some((env, role)) if env != "arn" => (Some(env.to_owned()), role),
        _ => (context.global.env.clone(), named),
    };
    let context = context.in_environment(env);
    let session = session::connect(&context, session::open(&context)?).await?;
    let live = session.observe(&context).await?;
    let world = if planned { session.engine.planned(&live)? } else { live };
    Ok(Side { session, world, role: role.to_owned() })
}

async fn subject(side: &Side, with_uses: bool) -> Result<Subject, CliError> {
    let Side { session, world, role } = side;
    let desired = &session.engine.desired;
    let name = Name::new(role.strip_prefix("roles.").unwrap_or(role));
    let none = Evidence::default();
    if let Some(role) = world.roles.get(&name) {
        let scene = AccessContext { desired, world, evidence: &none };
        return Ok(claims::seen(scene, (name.as_str(), &role.spec.arn), with_uses));
    }
    let declared: Vec<&str> = desired.roles.keys().map(Name::as_str).collect();
    if desired.roles.contains_key(&name) {
        return Err(CliError::failed(format!("roles.{name} does not exist yet in {}", desired.env))
            .hint("run `lockstep apply`, or compare what will be with --planned"));
    }
    let arn = match role.starts_with("role/") {
        true => format!("arn:{}:iam::{}:{role}", desired.place.partition, desired.place.account),
        false => role.clone(),
    };
    let unknown = || {
        CliError::usage(format!("`{role}` is not a role")).hint(format!(
            "the stack has the roles {}; others are written `role/NAME` or as an ARN",
            declared.join(", ")
        ))
    };
    if lockstep::access::Arn::split(&arn).is_none() {
        return Err(unknown());
    }
    let outsiders = lockstep::kinds::aws::outsiders(&session.engine.aws, [arn.clone()].into()).await?;
    let evidence = Evidence { outsiders, grants: BTreeMap::new() };
    let scene = AccessContext { desired, world, evidence: &evidence };
    if !scene.exists(&arn) {
        return Err(CliError::failed(format!("there is no role `{arn}` that could be looked at")));
    }
    Ok(claims::seen(scene, (role, &arn), with_uses))
}
