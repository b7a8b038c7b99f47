//! `lockstep why`: explains why a principal may or may not do something with a key.

use std::collections::BTreeMap;
use std::io::Read;

use clap::Args;
use lockstep::access::Arn;
use lockstep::kinds::{Name, World};
use lockstep::plan::prove::{AccessContext, Evidence};
use lockstep::plan::{self};
use lockstep::report::Paint;
use lockstep::report::plan::Style;
use lockstep::report::why::Document;
use lockstep::stack::desired::Desired;
use lockstep::why::{self, Known, Moment, Question};

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::{self, Session};

/// Maximum length in bytes of the text of an error that is read from a pipe.
const MAX_TEXT: u64 = 1 << 20;

/// Options of `why`.
#[derive(Args, Debug)]
pub struct Options {
    /// Who: a role of the stack, `functions.NAME`, `role/NAME`, `user/NAME` or an ARN
    #[arg(value_name = "PRINCIPAL")]
    principal: Option<String>,

    /// What: an action of KMS, such as kms:Decrypt
    #[arg(value_name = "ACTION")]
    action: Option<String>,

    /// The key: a name of the stack file, an alias, an id or an ARN
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Encryption context of the request
    #[arg(long = "context", value_name = "KEY=VALUE", value_parser = pair)]
    encryption_context: Vec<(String, String)>,

    /// Condition key of the request, such as kms:ViaService=lambda.eu-west-1.amazonaws.com
    #[arg(long = "when", value_name = "KEY=VALUE", value_parser = pair)]
    when: Vec<(String, String)>,

    /// Text of an AccessDenied error, or `-` to read it; principal, action and key are found in it
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,

    /// As AWS has it now; the default
    #[arg(long, conflicts_with = "planned")]
    live: bool,

    /// As it will be after `lockstep apply`
    #[arg(long)]
    planned: bool,

    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Explains the current or the planned access.
///
/// # Errors
///
/// A question without a principal, an action or a key; missing credentials, and no answer.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let denial = match options.error.as_deref() {
        Some("-") => why::denial(&piped()?),
        Some(text) => why::denial(text),
        None => why::Denial::default(),
    };
    let session = session::connect(context, session::open(context)?).await?;
    let desired = &session.engine.desired;
    let mut world = session.observe(context).await?;

    let principal = options.principal.as_deref().or(denial.principal.as_deref());
    let principal = who(desired, &world, principal.ok_or_else(|| lacks("principal"))?)?;
    let action = options.action.as_deref().or(denial.action.as_deref()).ok_or_else(|| lacks("action"))?;
    let action = of_kms(action)?;
    let named = options.key.as_deref().or(denial.resource.as_deref());
    let key = which(&session, &mut world, named, (&principal, &action)).await?;

    let evidence = evidence(&session, &world, &principal, &key).await?;
    let after = plan::plan(desired, &world).and_then(|plan| plan::after(&plan, desired, &world)).ok();
    if options.planned && after.is_none() {
        return Err(CliError::failed("there is no plan, so nothing can be said of the time after it")
            .hint("see `lockstep plan` for what stands in its way, or ask about --live"));
    }
    let moment = if options.planned { Moment::Planned } else { Moment::Live };
    let question = Question {
        principal,
        action,
        key,
        encryption_context: options.encryption_context.into_iter().collect(),
        context: options.when.into_iter().collect(),
    };
    let scene = |world| AccessContext { desired, world, evidence: &evidence };
    let known = Known { live: scene(&world), planned: after.as_ref().map(scene) };
    let explanation = why::explain(&question, moment, known).ok_or_else(|| no_key(&question.key))?;
    let document = Document::new(desired, explanation);
    let style = Style { paint: Paint { colour: context.output.colour }, verbose: context.global.verbose };
    context.output.result(&if options.json { document.json() } else { document.text(style) });
    Ok(Exit::Success)
}

fn piped() -> Result<String, CliError> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MAX_TEXT)
        .read_to_end(&mut text)
        .map_err(|error| CliError::failed("the text of the error cannot be read").because(error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn lacks(what: &str) -> CliError {
    CliError::usage(format!("no {what} is given, and none is found in the text of the error"))
        .hint("write `lockstep why PRINCIPAL ACTION --key KEY`, or pass the whole text with --error")
}

fn no_key(name: &Name) -> CliError {
    CliError::failed(format!("keys.{name} does not exist yet"))
        .hint("run `lockstep apply`, or ask with --planned")
}

/// Returns the ARN of the principal that the text names.
fn who(desired: &Desired, world: &World, text: &str) -> Result<String, CliError> {
    let name = text.strip_prefix("roles.").unwrap_or(text);
    if let Some(role) = desired.roles.get(&Name::new(name)) {
        return Ok(role.arn.clone());
    }
    if let Some(role) = world.roles.get(&Name::new(name)) {
        return Ok(role.spec.arn.clone());
    }
    if let Some(function) = text.strip_prefix("functions.").map(Name::new) {
        let live = world.functions.get(&function).map(|seen| seen.config.role.clone());
        let wanted = desired.functions.get(&function).map(|want| want.spec.config.role.clone());
        return live.or(wanted).ok_or_else(|| unknown_principal(desired, text));
    }
    let place = &desired.place;
    if text.starts_with("role/") || text.starts_with("user/") {
        return Ok(format!("arn:{}:iam::{}:{text}", place.partition, place.account));
    }
    match Arn::split(text) {
        Some(_) => Ok(text.to_owned()),
        None if text.ends_with(".amazonaws.com") => Ok(text.to_owned()),
        None => Err(unknown_principal(desired, text)),
    }
}

fn unknown_principal(desired: &Desired, text: &str) -> CliError {
    let roles: Vec<&str> = desired.roles.keys().map(Name::as_str).collect();
    CliError::usage(format!("`{text}` is not a valid principal")).hint(format!(
        "the stack has the roles {}; others are written `role/NAME`, `user/NAME` or as an ARN",
        roles.join(", ")
    ))
}

fn of_kms(action: &str) -> Result<String, CliError> {
    let (service, name) = action.split_once(':').unwrap_or(("kms", action));
    if !service.eq_ignore_ascii_case("kms") {
        return Err(CliError::usage(format!("`{action}` is not a KMS action")).hint(
            "`why` decides what may be done with keys; look at the policies of the role for other services",
        ));
    }
    let known = lockstep::access::key_actions().find(|known| known.eq_ignore_ascii_case(name));
    match (known, name) {
        (Some(known), _) => Ok(format!("kms:{known}")),
        // One operation that is authorized as two actions; the first one is about the key in question.
        (None, "ReEncrypt") => Ok("kms:ReEncryptFrom".to_owned()),
        (None, _) => Err(CliError::usage(format!("`{action}` is not an action on a key"))
            .hint("write it as in `kms:Decrypt`")),
    }
}

/// Finds the named key; a key outside the stack is added to the world under its ARN.
async fn which(
    session: &Session,
    world: &mut World,
    named: Option<&str>,
    (principal, action): (&str, &str),
) -> Result<Name, CliError> {
    let desired = &session.engine.desired;
    let Some(named) = named else { return the_only(desired, principal, action) };
    let name = Name::new(named.strip_prefix("keys.").unwrap_or(named));
    if desired.keys.contains_key(&name) || world.keys.contains_key(&name) {
        return Ok(name);
    }
    let alias = if named.starts_with("alias/") { named.to_owned() } else { format!("alias/{named}") };
    let is_it = |seen: &lockstep::kinds::key::Seen| {
        seen.arn == named || seen.id == named || seen.spec.aliases.contains(&alias)
    };
    if let Some((name, _)) = world.keys.iter().find(|(_, seen)| is_it(seen)) {
        return Ok(name.clone());
    }
    let seen = lockstep::kinds::aws::key(&session.engine.aws, desired, named).await?;
    let arn = Name::new(seen.arn.as_str());
    world.keys.insert(arn.clone(), seen);
    Ok(arn)
}

/// Returns the key that the functions of the principal use, for a question that names no key.
fn the_only(desired: &Desired, principal: &str, action: &str) -> Result<Name, CliError> {
    let under = desired.functions.values().filter(|want| want.spec.config.role == principal);
    let all = |want: &lockstep::stack::desired::FunctionWant| want.uses.clone();
    let mut candidates: BTreeMap<Name, bool> = BTreeMap::new();
    for want in under {
        candidates.extend(all(want).into_iter().map(|(key, actions)| (key, actions.contains(action))));
    }
    if candidates.values().any(|used| *used) {
        candidates.retain(|_, used| *used);
    }
    if candidates.is_empty() {
        let used = desired.functions.values().flat_map(|want| &want.uses);
        candidates
            .extend(used.filter(|(_, actions)| actions.contains(action)).map(|(key, _)| (key.clone(), true)));
    }
    if candidates.is_empty() {
        candidates.extend(desired.keys.keys().map(|key| (key.clone(), true)));
    }
    let mut names = candidates.into_keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(CliError::usage("the stack has no key").hint("name one by its ARN with --key")),
        (Some(_), Some(_)) => {
            let keys: Vec<&str> = desired.keys.keys().map(Name::as_str).collect();
            Err(CliError::usage("several keys could be meant")
                .hint(format!("name one with --key: {}", keys.join(", "))))
        }
    }
}

/// Reads facts that the stack does not contain: the principal, if it is not part of the stack, and the grants on the
/// key.
async fn evidence(
    session: &Session,
    world: &World,
    principal: &str,
    key: &Name,
) -> Result<Evidence, CliError> {
    let ours = session.engine.desired.role_by_arn(principal).is_some()
        || world.roles.values().any(|role| {
            role.spec.arn == principal
                || principal.contains(&format!(":assumed-role/{}/", role.spec.role_name))
        });
    let is_somebody = Arn::split(principal).is_some_and(|arn| arn.resource != "root");
    let asked = if ours || !is_somebody { Vec::new() } else { vec![principal.to_owned()] };
    let outsiders = lockstep::kinds::aws::outsiders(&session.engine.aws, asked.into_iter().collect()).await?;
    let grants = session.engine.grants(world, Some(key)).await?;
    Ok(Evidence { outsiders, grants })
}
