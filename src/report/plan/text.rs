//! Writes a plan for a terminal.

use std::collections::BTreeSet;

use super::{Aim, Document, GateDocument, PhaseDocument, ProbeDocument, ResourceDocument, Unproved};
use crate::kinds::{Action, Change};
use crate::plan::{AccessChange, Blocked};
use crate::report::paint::{BOLD, CYAN, FAINT, GREEN, Paint, RED, pad};
use crate::report::short::Names;
use crate::report::{AccessLine, Place, Problem, policy, short, value};

/// Maximum length of a line about access before each principal gets a line of its own.
const ACCESS_LINE: usize = 100;

/// Maximum width of a value that others are aligned with.
const COLUMN: usize = 40;

/// The style of a written plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are used.
    pub paint: Paint,
    /// Whether policies are shown in full.
    pub verbose: bool,
}

/// Writes a plan; the text ends with a line break.
pub fn text(document: &Document, style: Style) -> String {
    let Document { format_version: _, place, problems, phases, access, unproved, summary, names: _ } =
        document;
    let paint = style.paint;
    let mut lines = vec![heading(paint, place), String::new()];
    if !problems.is_empty() {
        lines.push(paint.of(RED.bold(), "problems now"));
        for problem in problems {
            let Problem { function, what, consequence, remedy, .. } = problem;
            let bang = paint.of(RED, "!");
            lines.push(format!("  {bang} functions.{function} {what}: {consequence}"));
            lines.push(format!("    {remedy}"));
        }
        lines.push(String::new());
    }
    if let Some(Unproved { reason, findings }) = unproved {
        let allowed = format!("not proved, and allowed all the same: {}", value::printable(reason));
        lines.push(paint.of(RED.bold(), allowed));
        for Blocked { resource, problem, remedy: _, line } in findings {
            let problem = format!("{resource}: {}", value::printable(problem));
            lines.push(format!("  {} {}", paint.of(RED, "!"), short::placed(&problem, line.as_ref())));
        }
        lines.push(String::new());
    }
    if phases.is_empty() {
        lines.push("No changes. AWS has what the stack file says.".to_owned());
        return finished(&lines);
    }
    let width = width(phases);
    for (index, phase) in phases.iter().enumerate() {
        let writer = Writer { document, index, width, style };
        writer.phase(&mut lines, phase);
    }
    lines.push(String::new());
    if !access.is_empty() {
        lines.push(paint.of(BOLD, "access after apply"));
        lines.extend(table(access.iter().map(|line| access_row(paint, line)).collect()));
        lines.push(String::new());
    }
    lines.push(paint.of(BOLD, summary));
    finished(&lines)
}

/// Writes the place of a stack.
pub fn heading(paint: Paint, Place { stack, env, region, account }: &Place) -> String {
    paint.of(BOLD, format_args!("{stack}/{env} · {region} · account {account}"))
}

fn finished(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns the width of the column of resources: the length of the longest address in all phases.
fn width(phases: &[PhaseDocument]) -> usize {
    let addresses = phases.iter().flat_map(|phase| &phase.resources).map(|resource| resource.resource.len());
    addresses.chain(["probe".len()]).max().unwrap_or_default()
}

struct Writer<'a> {
    document: &'a Document,
    index: usize,
    width: usize,
    style: Style,
}

impl Writer<'_> {
    fn phase(&self, lines: &mut Vec<String>, phase: &PhaseDocument) {
        let PhaseDocument { purpose, gate, resources, proof } = phase;
        let title = format!("phase {}  {}{}", self.index + 1, word(*purpose), after(gate.as_ref()));
        lines.push(self.style.paint.of(BOLD, title));
        // A gate is shown at the end of the phase before it: that is when its probes are sent.
        if self.index == 0 {
            self.probes(lines, gate.as_ref());
        }
        for resource in resources {
            self.resource(lines, resource);
        }
        self.probes(lines, proof.as_ref());
        let next = self.document.phases.get(self.index + 1);
        self.probes(lines, next.and_then(|next| next.gate.as_ref()));
    }

    fn resource(&self, lines: &mut Vec<String>, resource: &ResourceDocument) {
        let details = self.details(resource);
        let glyph = self.style.paint.glyph(resource.action);
        self.block(lines, &glyph, &resource.resource, details);
    }

    fn block(&self, lines: &mut Vec<String>, glyph: &str, name: &str, details: Vec<String>) {
        let mut details = details.into_iter();
        let first = details.next().unwrap_or_default();
        lines.push(format!("  {glyph} {}   {first}", pad(name, self.width)));
        lines.extend(details.map(|detail| format!("    {}   {detail}", pad("", self.width))));
    }

    fn probes(&self, lines: &mut Vec<String>, gate: Option<&GateDocument>) {
        for probe in gate.into_iter().flat_map(|gate| &gate.probes) {
            let ProbeDocument { function: _, requests, successes, timeout_seconds: _ } = probe;
            let until = match successes {
                0 | 1 => "until it succeeds".to_owned(),
                times => format!("until {times} in a row succeed"),
            };
            let glyph = self.style.paint.of(CYAN, "?");
            self.block(lines, &glyph, "probe", vec![format!("{}, {until}", requests.join(" then "))]);
        }
    }

    fn details(&self, resource: &ResourceDocument) -> Vec<String> {
        let ResourceDocument { resource: _, action, access, changes, calls } = resource;
        let mut details = self.access(resource, access);
        let verbose = self.style.verbose;
        let changes: Vec<&Change> =
            changes.iter().filter(|change| verbose || is_worth_a_line(change, *action, access)).collect();
        for (change, field) in changes.iter().zip(fields(&self.document.names, &changes, *action)) {
            if !policy::is_policy(change) || value::trusted(change).is_some() {
                details.push(field);
            } else if verbose {
                details.push(change.field.clone());
                details.extend(policy::diff(self.style.paint, change));
            } else {
                let hint = self.style.paint.of(FAINT, "(use --verbose for the text)");
                details.push(format!("{}  {hint}", field.trim_end()));
            }
        }
        if details.is_empty() {
            details.extend(silent(calls));
        }
        details
    }

    /// Writes first who gains and loses access, then who keeps it only for now.
    fn access(&self, resource: &ResourceDocument, access: &[AccessChange]) -> Vec<String> {
        let gained: BTreeSet<&String> = access.iter().flat_map(|change| &change.gains).collect();
        let (others, roles): (Vec<_>, Vec<_>) =
            access.iter().partition(|change| change.principal.starts_with("arn"));
        let mut parts = Vec::new();
        for AccessChange { principal, gains, loses, keeps: _ } in roles.into_iter().chain(others) {
            let listed = |actions| short::listed(actions, self.style.verbose);
            let principal = short::principal(principal, &self.document.place.account);
            if !gains.is_empty() {
                parts.push(format!("{principal} {} {}", self.style.paint.of(GREEN, "gains"), listed(gains)));
            }
            if !loses.is_empty() {
                parts.push(format!("{principal} {} {}", self.style.paint.of(RED, "loses"), listed(loses)));
            }
        }
        for AccessChange { principal, gains, loses, keeps } in access {
            if !gains.is_empty() || !loses.is_empty() || !self.loses_later(resource, principal) {
                continue;
            }
            let same = keeps.iter().collect::<BTreeSet<_>>() == gained;
            let kept = if same { "them".to_owned() } else { short::listed(keeps, self.style.verbose) };
            parts.push(format!("{principal} keeps {kept}"));
        }
        let together = parts.join("; ");
        if together.chars().count() <= ACCESS_LINE && !parts.is_empty() { vec![together] } else { parts }
    }

    fn loses_later(&self, resource: &ResourceDocument, principal: &str) -> bool {
        let later = self.document.phases.iter().skip(self.index + 1).flat_map(|phase| &phase.resources);
        later
            .filter(|other| other.resource == resource.resource)
            .flat_map(|other| &other.access)
            .any(|change| change.principal == principal && !change.loses.is_empty())
    }
}

const fn word(aim: Aim) -> &'static str {
    match aim {
        Aim::Create => "create",
        Aim::Change => "change",
        Aim::Widen => "widen",
        Aim::Return => "return",
        Aim::Narrow => "narrow",
        Aim::Remove => "remove",
    }
}

fn after(gate: Option<&GateDocument>) -> String {
    let Some(GateDocument { probes, drain_seconds }) = gate else { return String::new() };
    let probed = match probes.len() {
        0 => None,
        1 => Some("the probe".to_owned()),
        _ => Some("the probes".to_owned()),
    };
    let drained = (*drain_seconds > 0).then(|| format!("a drain of {drain_seconds} s"));
    let parts: Vec<String> = probed.into_iter().chain(drained).collect();
    if parts.is_empty() { String::new() } else { format!(", after {}", parts.join(" and ")) }
}

/// Returns whether a change contains anything that the lines about access, or related changes, leave out.
fn is_worth_a_line(change: &Change, action: Action, access: &[AccessChange]) -> bool {
    if change.field == "policy" && !access.is_empty() {
        return policy::differs_beyond_access(change);
    }
    // The routes of a new API already show its paths.
    !(action == Action::Create && change.field.starts_with("resources "))
}

/// Writes one line for each change, with the values in columns; for a policy, only the name of the field.
fn fields(names: &Names, changes: &[&Change], action: Action) -> Vec<String> {
    let rows: Vec<[String; 3]> = changes.iter().map(|change| row(names, change)).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.filter(|width| *width <= COLUMN).max().unwrap_or_default()
    };
    let (field_width, before_width) = (width(0), width(1));
    let lines = rows.iter().zip(changes).map(|([field, before, after], change)| {
        let field = pad(field, field_width);
        let one_sided = action == Action::Create || action == Action::Delete;
        match (&change.before, &change.after) {
            _ if after.is_empty() && before.is_empty() => field,
            (_, None) if one_sided => format!("{field}  {before}"),
            (None, _) if one_sided => format!("{field}  {after}"),
            _ => format!("{field}  {} -> {after}", pad(before, before_width)),
        }
    });
    lines.collect()
}

fn row(names: &Names, change: &Change) -> [String; 3] {
    let field = value::label(&change.field);
    if let Some((before, after)) = value::trusted(change) {
        return [field, before, after];
    }
    if policy::is_policy(change) {
        return [field, String::new(), String::new()];
    }
    let [before, after] = value::lines(names, change);
    [field, before, after]
}

/// Describes the steps of a resource for which no field of the stack file changes.
fn silent(calls: &[String]) -> Option<String> {
    let does = calls.iter().map(|call| match call.as_str() {
        "Delete" => "is deleted",
        "Publish" => "a version is published",
        "PutPolicy" => "re-apply its policy",
        "AwaitPolicy" => "wait until it is in effect",
        "Mark" => "its tags record which code and role are in place",
        "DeleteDeployment" => "an old deployment is deleted",
        "DeleteAlias" => "its aliases are deleted",
        "RemoveApiKey" => "its API keys are deleted",
        "Detach" | "DeleteInline" => "is deleted with its policies",
        other => other,
    });
    let does: BTreeSet<&str> = does.collect();
    let short = !does.is_empty() && does != BTreeSet::from(["is deleted"]);
    short.then(|| does.into_iter().filter(|what| *what != "is deleted").collect::<Vec<_>>().join(", "))
}

fn access_row(paint: Paint, line: &AccessLine) -> Vec<String> {
    let AccessLine { function, role, key, actions, decision, statements } = line;
    let decision = match decision.as_str() {
        "allow" => paint.of(GREEN, "allow"),
        denied => paint.of(RED, denied.replace('_', " ")),
    };
    let statements: Vec<String> = statements.iter().map(|statement| cited(statement)).collect();
    let by = if statements.is_empty() { String::new() } else { format!(" ({})", statements.join("; ")) };
    vec![
        format!("functions.{function} as {role}"),
        format!("keys.{key}"),
        short::actions(actions).join(" "),
        format!("{decision}{by}"),
    ]
}

/// Formats `key_policy:UseByEncrypt` as `key policy, UseByEncrypt`.
fn cited(statement: &str) -> String {
    match statement.split_once(':') {
        Some((layer, sid)) => format!("{}, {sid}", layer.replace('_', " ")),
        None => statement.to_owned(),
    }
}

/// Formats rows as columns; the last column is not padded, because it may contain colours.
fn table(rows: Vec<Vec<String>>) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.saturating_sub(1))
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let filled = rows.iter().map(|row| {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| pad(cell, widths.get(column).copied().unwrap_or_default()))
            .collect();
        format!("  {}", cells.join("   "))
    });
    filled.collect()
}
