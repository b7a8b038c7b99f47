//! `lockstep bootstrap`: creates a working environment from nothing.

use clap::Args;
use lockstep::kinds::{Ids, Name, api};
use lockstep::stack::desired::ProbeTarget;

use crate::cli::Context;
use crate::cli::changes::Run;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::lock::LockOptions;
use crate::cli::session::{self, Session};

/// Options of `bootstrap`.
#[derive(Args, Debug)]
pub struct Options {
    /// Environment of the stack file
    #[arg(value_name = "ENV")]
    environment: Option<String>,

    /// Do not ask; the local AWS is never asked about
    #[arg(long)]
    auto_approve: bool,

    #[command(flatten)]
    lock: LockOptions,
}

/// Checks, builds, plans, asks, applies, probes, and prints what to do next. A second run changes nothing.
///
/// # Errors
///
/// Everything that blocks the plan; nothing is changed before the plan is approved.
pub async fn run(context: &Context, options: Options) -> Result<Exit, CliError> {
    let env = options.environment.clone().or_else(|| context.global.env.clone());
    let context = &context.in_environment(env);
    let session = session::connect(context, session::open(context)?).await?;
    context.output.note(&format!(
        "checked: {} is valid, the caller is {} in {}",
        session.file.path, session.engine.caller, session.engine.desired.place.region
    ));
    let run = Run {
        context,
        session: &session,
        desired: &session.engine.desired,
        verb: "bootstrap",
        lock: &options.lock,
        auto: options.auto_approve || context.global.local,
        saved: None,
        named: Some(&[]),
        removes: false,
    };
    let (exit, before) = run.apply().await?;
    if exit == Exit::Success {
        // The address of an API is composed when it is read.
        let address = |name: &Name| before.ids.get(&format!("apis.{name}.url")).is_some();
        let known = session.engine.desired.apis.keys().all(address);
        let world = if known { before } else { session.observe(context).await? };
        context.output.result(&next(context, &session, &world.ids));
    }
    Ok(exit)
}

/// Describes where the API is, how to call it, and which commands can follow.
fn next(context: &Context, session: &Session, ids: &Ids) -> String {
    let local = if context.global.local { " --local" } else { "" };
    let env = &session.engine.desired.env;
    let several =
        if session.file.stack.environments().len() > 1 { format!(" --env {env}") } else { String::new() };
    let flags = format!("{several}{local}");
    let mut lines = vec![String::new()];
    for (name, spec) in &session.engine.desired.apis {
        let Some(url) = ids.get(&format!("apis.{name}.url")) else { continue };
        lines.push(format!("{} is served at {url}", spec.settings.api_name));
        if let Some((method, path, body)) = example(session, name, spec) {
            lines.push(String::new());
            lines.push("call it:".to_owned());
            lines.push(format!("  lockstep call{flags} {method} {path} --data '{body}'"));
            lines.push("or by curl, with a token that lasts five minutes:".to_owned());
            lines.push(format!(
                "  curl -s -X {method} {url}{path} -H \"Authorization: Bearer $(lockstep token{flags} {method} {path})\" -d '{body}'"
            ));
        }
    }
    lines.push(String::new());
    lines.push("next:".to_owned());
    lines.push(format!("  change `role:` of a function in {}, then lockstep plan{flags}", session.file.path));
    lines.push(format!("  lockstep drift{flags}      what differs from the file"));
    lines.push(format!("  lockstep destroy{flags}    remove it all"));
    lines.join("\n")
}

/// Returns the request of a probe, which is known to work, or otherwise the first route.
fn example(session: &Session, name: &Name, spec: &api::Spec) -> Option<(String, String, String)> {
    let probes = session.engine.desired.functions.values().filter_map(|want| want.probe.as_ref());
    let probed = probes.filter_map(|probe| match &probe.target {
        ProbeTarget::Route { api, method, path } if api == name => {
            Some((method.clone(), path.clone(), probe.body.to_string()))
        }
        _ => None,
    });
    let routes = spec.parts.keys().filter_map(|part| match part {
        api::PartId::Method(path, verb) if verb != "OPTIONS" => {
            Some((verb.clone(), path.clone(), "{}".to_owned()))
        }
        _ => None,
    });
    probed.chain(routes).next()
}
