//! Log groups, including those of functions.

use std::collections::BTreeMap;

use super::context::{Context, Path};
use super::values::{DAY, RETENTIONS, Range, is_word};
use crate::kinds::{Kind, Name, log_group};
use crate::stack::model::{Function, LogGroup};

pub(super) fn compile(cx: &Context<'_>) -> BTreeMap<Name, log_group::Spec> {
    let mut all: BTreeMap<Name, log_group::Spec> = BTreeMap::new();
    for (name, group) in &cx.file.log_groups {
        all.insert(Name::from(name.as_str()), own(cx, name, group));
    }
    for (name, function) in &cx.file.functions {
        let spec = of_function(cx, name, function);
        if all.insert(Name::from(name.as_str()), spec).is_some() {
            let problem = format!("the log group of the function `{name}` goes by the same name");
            let problem = cx.about_key(&["log_groups", name], "duplicate", problem);
            cx.report(problem.help("give this log group another name"));
        }
    }
    let mut names: BTreeMap<&str, &Name> = BTreeMap::new();
    for (name, spec) in &all {
        if let Some(other) = names.insert(&spec.group_name, name) {
            let problem = format!("`{name}` and `{other}` are the same log group, `{}`", spec.group_name);
            let section =
                if cx.file.log_groups.contains_key(name.as_str()) { "log_groups" } else { "functions" };
            cx.report(cx.about_key(&[section, name.as_str()], "duplicate", problem));
        }
    }
    all
}

fn own(cx: &Context<'_>, name: &str, group: &LogGroup) -> log_group::Spec {
    let LogGroup { name: physical, retention: days, key, tags } = group;
    let at = ["log_groups", name];
    cx.check_name(&at, 512);
    let group_name = physical.clone().unwrap_or_else(|| cx.names.log_group(name));
    if physical.is_some() {
        check_group_name(cx, &["log_groups", name, "name"], &group_name);
    }
    log_group::Spec {
        group_name,
        retention: retention(cx, &["log_groups", name, "retention"], days.as_deref()),
        kms_key: key.as_ref().and_then(|key| cx.symmetric_key(&["log_groups", name, "key"], key)),
        tags: cx.tags(&at, tags, Kind::LogGroup, name),
    }
}

fn of_function(cx: &Context<'_>, name: &str, function: &Function) -> log_group::Spec {
    let log = &function.log;
    let group_name = log.group.clone().unwrap_or_else(|| cx.names.function_log_group(name));
    if log.group.is_some() {
        check_group_name(cx, &["functions", name, "log", "group"], &group_name);
    }
    log_group::Spec {
        group_name,
        retention: retention(cx, &["functions", name, "log", "retention"], log.retention.as_deref()),
        kms_key: log.key.as_ref().and_then(|key| cx.symmetric_key(&["functions", name, "log", "key"], key)),
        tags: cx.tags(&["functions", name], &function.tags, Kind::LogGroup, name),
    }
}

fn check_group_name(cx: &Context<'_>, path: Path<'_>, name: &str) {
    cx.require(
        is_word(name, "_-/.#", 512),
        path,
        "letters, digits and `_-/.#` are taken, 512 characters in all",
    );
}

fn retention(cx: &Context<'_>, path: Path<'_>, text: Option<&str>) -> Option<u32> {
    let Some(text) = text else { return Some(30) };
    if text == "never" {
        return None;
    }
    let days = cx.duration(path, Some(text), Range::new(DAY, 1, 3653))?;
    if !RETENTIONS.contains(&days) {
        let nearest = RETENTIONS.into_iter().min_by_key(|known| known.abs_diff(days)).unwrap_or(30);
        let problem = format!("`{}` is `{text}`, which CloudWatch Logs does not offer", path.join("."));
        let all = RETENTIONS.map(|days| days.to_string()).join(", ");
        cx.report(
            cx.about(path, "bad-duration", problem)
                .help(format!("the nearest is `{nearest}d`"))
                .help(format!("days can be {all}, or `never`")),
        );
    }
    Some(days)
}
