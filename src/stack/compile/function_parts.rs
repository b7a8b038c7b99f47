//! The parts of functions: sources, aliases, network, probes.

use std::collections::BTreeSet;
use std::path::{Component, Path as FilePath, PathBuf};

use super::context::{Context, Path};
use super::routes::{Route, api_routes};
use super::values::{Range, SECOND, is_word};
use crate::kinds::{Name, function};
use crate::stack::desired::{CodeSource, Probe, ProbeStep, ProbeTarget};
use crate::stack::model::{Alias, Code, Probe as ProbeModel, VersionWord, Vpc};
use crate::stack::suggest;

pub(super) fn source(cx: &Context<'_>, name: &str, code: &Code) -> Option<CodeSource> {
    let Code { cargo, workspace, dir, zip, command, output, inputs } = code;
    let at = ["functions", name, "code"];
    let path = |field: &str, text: &str| relative(cx, &["functions", name, "code", field], text);
    let source = match (cargo, dir, zip, command) {
        (Some(bin), None, None, None) => {
            let right = "a binary has letters, digits, `-` and `_` in its name";
            cx.require(is_word(bin, "-_", 64), &["functions", name, "code", "cargo"], right);
            let workspace = workspace.as_deref().unwrap_or(".");
            CodeSource::Cargo { bin: bin.clone(), workspace: path("workspace", workspace)? }
        }
        (None, Some(dir), None, None) => CodeSource::Directory(path("dir", dir)?),
        (None, None, Some(zip), None) => CodeSource::Zip(path("zip", zip)?),
        (None, None, None, Some(run)) => {
            if run.first().is_none_or(String::is_empty) {
                cx.error(&["functions", name, "code", "command"], "bad-value", "the command is empty");
            }
            let Some((output, inputs)) = output.as_ref().zip(inputs.as_ref()) else {
                let problem = cx.about_key(&at, "missing-key", "a `command` needs `output` and `inputs`");
                cx.report(
                    problem.help("write it as in `{ command: [make, dist], output: dist, inputs: [src] }`"),
                );
                return None;
            };
            let inputs = inputs.iter().filter_map(|input| path("inputs", input)).collect();
            CodeSource::Command { run: run.clone(), output: path("output", output)?, inputs }
        }
        _ => {
            let problem = "code comes from exactly one of `cargo`, `dir`, `zip` and `command`";
            let problem = cx.about_key(&at, "bad-value", problem);
            cx.report(problem.help("write it as in `code: { cargo: text-encryption }`"));
            return None;
        }
    };
    let strays = [
        ("workspace", workspace.is_some() && cargo.is_none(), "cargo"),
        ("output", output.is_some() && command.is_none(), "command"),
        ("inputs", inputs.is_some() && command.is_none(), "command"),
    ];
    for (field, _, of) in strays.into_iter().filter(|(_, stray, _)| *stray) {
        let problem = format!("`{field}` goes with `{of}` only");
        cx.report(cx.about_key(&["functions", name, "code", field], "bad-value", problem));
    }
    Some(source)
}

/// Checks that a path is relative to the folder of the stack file, so that the code is found on every machine.
fn relative(cx: &Context<'_>, at: Path<'_>, text: &str) -> Option<PathBuf> {
    let path = FilePath::new(text);
    let inside = !text.is_empty()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir | Component::ParentDir));
    cx.require(inside, at, "a path is relative to the folder of the stack file").then(|| path.to_owned())
}

pub(super) fn alias(cx: &Context<'_>, name: &str, alias: &str, target: &Alias) -> Option<function::Alias> {
    let at = ["functions", name, "aliases", alias];
    let digits = alias.bytes().all(|byte| byte.is_ascii_digit());
    if digits || !is_word(alias, "-_", 128) {
        let problem = format!("`{alias}` is not a valid alias name");
        let help = "letters, digits, `-` and `_` are taken, 128 in all, and not digits alone";
        cx.report(cx.about_key(&at, "bad-name", problem).help(help));
    }
    let number = |number: u32| {
        cx.require(number > 0, &at, "versions count from 1")
            .then(|| function::Version::Number(number.to_string()))
    };
    let target = match target {
        Alias::Latest(_) => {
            return Some(function::Alias { version: function::Version::Latest, additional: None });
        }
        Alias::Number(version) => {
            return Some(function::Alias { version: number(*version)?, additional: None });
        }
        Alias::Split(target) => target,
    };
    let version = match target.version {
        VersionWord::Latest(_) => function::Version::Latest,
        VersionWord::Number(version) => number(version)?,
    };
    if target.weights.len() > 1 {
        let at = ["functions", name, "aliases", alias, "weights"];
        cx.report(cx.about_key(&at, "too-many", "an alias splits traffic between two versions at most"));
    }
    let additional = target.weights.iter().next().and_then(|(second, weight)| {
        let at = ["functions", name, "aliases", alias, "weights", second];
        let known = second.parse::<u32>().is_ok_and(|number| number > 0 && number.to_string() == *second);
        if !known || version == function::Version::Number(second.clone()) {
            let problem = format!("`{second}` is not a valid second version");
            cx.report(cx.about_key(&at, "bad-value", problem).help("write another version by its number"));
            return None;
        }
        cx.require((0.0..=1.0).contains(weight), &at, "a share is from 0 to 1, such as `0.1`")
            .then(|| (second.clone(), u32::try_from(scaled(*weight, 1_000_000.0)).unwrap_or(u32::MAX)))
    });
    Some(function::Alias { version, additional })
}

/// Multiplies and rounds to an integer, so that specs can be compared exactly.
pub(super) fn scaled(number: f64, factor: f64) -> u64 {
    format!("{:.0}", number * factor).parse().unwrap_or(u64::MAX)
}

pub(super) fn vpc(cx: &Context<'_>, name: &str, vpc: &Vpc) -> function::Vpc {
    let ids = |field: &str, list: &[String], prefix: &str, most: usize| -> BTreeSet<String> {
        let at = ["functions", name, "vpc", field];
        if list.is_empty() || list.len() > most {
            let problem = format!("`{field}` has {} entries; it can have 1 to {most}", list.len());
            cx.report(cx.about_key(&at, "out-of-range", problem));
        }
        for (index, id) in list.iter().enumerate() {
            let index = index.to_string();
            let fits = id.strip_prefix(prefix).is_some_and(|rest| is_word(rest, "", 32));
            let right = format!("an id starts with `{prefix}`");
            cx.require(fits, &["functions", name, "vpc", field, &index], &right);
        }
        list.iter().cloned().collect()
    };
    function::Vpc {
        subnets: ids("subnets", &vpc.subnets, "subnet-", 16),
        security_groups: ids("security_groups", &vpc.security_groups, "sg-", 5),
    }
}

pub(super) fn probe(cx: &Context<'_>, name: &str, probe: &ProbeModel) -> Option<Probe> {
    let at = ["functions", name, "probe"];
    let target = match (&probe.route, probe.invoke) {
        (Some(route), false) => {
            let route_at = ["functions", name, "probe", "route"];
            let Route { verb, path } = Route::read(cx, &route_at, route, false)?;
            let api = api_of(cx, name, probe.api.as_deref(), route)?;
            ProbeTarget::Route { api, method: verb, path }
        }
        (None, true) => ProbeTarget::Invoke,
        _ => {
            let problem = cx.about_key(&at, "bad-value", "a probe has either a `route` or `invoke: true`");
            cx.report(problem.help("write it as in `probe: { route: POST /encrypt }`"));
            return None;
        }
    };
    if target == ProbeTarget::Invoke && !(probe.then.is_empty() && probe.scopes.is_empty()) {
        let problem = "`then` and `scopes` go with a `route` only";
        cx.report(cx.about_key(&at, "bad-value", problem));
    }
    let mut then = Vec::new();
    for (index, step) in probe.then.iter().enumerate() {
        let index = index.to_string();
        let at = ["functions", name, "probe", "then", &index, "route"];
        let Some(Route { verb, path }) = Route::read(cx, &at, &step.route, false) else { continue };
        if let ProbeTarget::Route { api, .. } = &target {
            let known = api_routes(cx, api.as_str());
            cx.one_of(&at, &step.route, &format!("the API `{api}` has no route"), known);
        }
        then.push(ProbeStep {
            method: verb,
            path,
            body: step.body.clone().unwrap_or_default(),
            expect: step.expect.unwrap_or(200),
            expect_body: step.expect_body.clone(),
        });
    }
    let timeout = cx.duration(
        &["functions", name, "probe", "timeout"],
        probe.timeout.as_deref(),
        Range::new(SECOND, 1, 3600),
    );
    Some(Probe {
        target,
        body: probe.body.clone().unwrap_or_default(),
        then,
        expect: probe.expect.unwrap_or(200),
        successes: probe.successes.unwrap_or(3),
        timeout: timeout.unwrap_or(60),
        scopes: probe.scopes.iter().cloned().collect(),
    })
}

/// Returns the API whose route calls a function.
fn api_of(cx: &Context<'_>, function: &str, named: Option<&str>, route: &str) -> Option<Name> {
    let at = ["functions", function, "probe", "route"];
    if let Some(api) = named {
        let named_at = ["functions", function, "probe", "api"];
        if !cx.declared(&named_at, "apis", api) {
            return None;
        }
        let known = api_routes(cx, api);
        return cx
            .one_of(&at, route, &format!("the API `{api}` has no route"), known)
            .then(|| Name::from(api));
    }
    let reaches = |api: &&String| {
        let routes = cx.file.apis.get(*api).map(|api| &api.routes);
        routes.and_then(|routes| routes.get(route)?.function.as_deref()) == Some(function)
    };
    let apis: Vec<&String> = cx.file.apis.keys().filter(reaches).collect();
    match apis.as_slice() {
        [only] => Some(Name::from(only.as_str())),
        [] => {
            let own = |(route, to): (&String, &crate::stack::model::Route)| {
                (to.function.as_deref() == Some(function)).then(|| route.clone())
            };
            let own: Vec<String> =
                cx.file.apis.values().flat_map(|api| api.routes.iter().filter_map(own)).collect();
            let problem = format!("no route `{route}` reaches `{function}`");
            let advice = suggest::advice(route, own.iter().map(String::as_str));
            cx.report(cx.about(&at, "undeclared", problem).maybe_help(advice));
            None
        }
        several => {
            let names = several.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("`, `");
            let problem = cx.about(&at, "bad-value", format!("`{names}` all have the route `{route}`"));
            cx.report(problem.help("name one as in `api: text`"));
            None
        }
    }
}
