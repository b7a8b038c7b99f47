//! The explanation of an access decision, for people and programs.

use serde::{Deserialize, Serialize};

use super::paint::{BOLD, CYAN, FAINT, GREEN, Paint, RED, YELLOW, pad};
use super::value::printable;
use super::{FORMAT_VERSION, Place, plan, short};
use crate::stack::desired::Desired;
use crate::why::{Explanation, LayerView, Moment, cited};

/// Label of the line about the key itself.
const STATE: &str = "state of the key";

/// Maximum number of near misses of a layer that are shown unless the style is verbose.
const SHOWN: usize = 4;

/// An explanation with the place that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `1.0`.
    pub format_version: String,
    /// Stack, environment and place.
    #[serde(flatten)]
    pub place: Place,
    /// The explanation.
    #[serde(flatten)]
    pub explanation: Explanation,
}

impl Document {
    /// Creates the document of an explanation.
    pub fn new(desired: &Desired, explanation: Explanation) -> Self {
        Self { format_version: FORMAT_VERSION.to_owned(), place: Place::of(desired), explanation }
    }

    /// Writes it as JSON.
    pub fn json(&self) -> String {
        super::json(self)
    }

    /// Writes it for people: cause and remedy in the first line, then the result of each layer.
    pub fn text(&self, plan::Style { paint, verbose }: plan::Style) -> String {
        let Self { format_version: _, place, explanation } = self;
        let Explanation { decision, cause, remedy, layers, key_state, moment, .. } = explanation;
        let colour = match decision.as_str() {
            "allow" => GREEN,
            "unknown" => YELLOW,
            _ => RED,
        };
        let mut first = paint.of(colour, printable(cause));
        if let Some(remedy) = remedy {
            let what = short::placed(&remedy.what, remedy.line.as_ref());
            first = format!("{first} -> {}", paint.of(BOLD, printable(&what)));
        }
        let mut lines = vec![first, String::new()];
        let names = layers.iter().map(|layer| layer.layer.as_str()).chain([STATE]);
        let width = names.map(|name| name.chars().count()).max().unwrap_or_default();
        for layer in layers {
            lines.extend(of_layer(paint, layer, width, verbose));
        }
        let glyph = if key_state == "enabled" { paint.of(GREEN, "+") } else { paint.of(RED, "x") };
        lines.push(format!("  {glyph} {}   {key_state}", pad(STATE, width)));
        lines.push(String::new());
        let when = match moment {
            Moment::Live => "as AWS has it now",
            Moment::Planned => "as it will be after lockstep apply",
        };
        lines.push(format!("{}, {when}", plan::heading(paint, place)));
        lines.join("\n") + "\n"
    }
}

fn of_layer(paint: Paint, view: &LayerView, width: usize, verbose: bool) -> Vec<String> {
    let LayerView { layer, says, statements, policies, near_misses } = view;
    let glyph = match says.as_str() {
        "allows" => paint.of(GREEN, "+"),
        "denies" | "does not allow" => paint.of(RED, "x"),
        "none" | "none attached" | "does not allow, and need not" => paint.of(FAINT, "-"),
        "leaves it to IAM policies" => paint.of(CYAN, ">"),
        _ => paint.of(YELLOW, "?"),
    };
    let by = match (statements.is_empty(), policies.is_empty()) {
        (false, _) => format!(": {}", statements.iter().map(|one| brief(one)).collect::<Vec<_>>().join("; ")),
        (true, false) => {
            let names: Vec<&str> =
                policies.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
            format!(" ({})", names.join(", "))
        }
        (true, true) => String::new(),
    };
    let mut lines = vec![format!("  {glyph} {}   {}{}", pad(layer, width), printable(says), printable(&by))];
    let shown = if verbose { near_misses.len() } else { SHOWN };
    for (statement, miss) in near_misses.iter().take(shown) {
        let line = format!("{}: {}", printable(&brief(statement)), printable(miss));
        lines.push(format!("    {}   {}", pad("", width), paint.of(FAINT, line)));
    }
    if near_misses.len() > shown {
        let more = near_misses.len() - shown;
        lines.push(format!(
            "    {}   {}",
            pad("", width),
            paint.of(FAINT, format_args!("and {more} more, see --verbose"))
        ));
    }
    lines
}

/// Returns the citation of a statement without the name of its layer.
fn brief(statement: &str) -> String {
    let cited = cited(statement);
    [" of the key policy", " of the permissions boundary", " of the session policies"]
        .iter()
        .find_map(|layer| cited.strip_suffix(layer))
        .map_or(cited.clone(), str::to_owned)
}
