//! The access of each principal to each key, for people, programs and browsers.

mod html;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::paint::{BOLD, FAINT, GREEN, Paint, RED, YELLOW, pad};
use super::value::printable;
use super::{FORMAT_VERSION, Place, plan, short};
use crate::stack::desired::Desired;
use crate::why::matrix::{Cell, KeyAccess, Row, Verdict};
use crate::why::{Moment, cited};

/// Maximum width of a principal's name that others are aligned with.
const WIDEST: usize = 40;

/// The matrix of principals and actions for each key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `1.0`.
    pub format_version: String,
    /// Stack, environment and place.
    #[serde(flatten)]
    pub place: Place,
    /// The state of AWS that the matrix is about.
    pub moment: Moment,
    /// The keys.
    pub keys: Vec<KeyAccess>,
}

impl Document {
    /// Creates the document of a matrix.
    pub fn new(desired: &Desired, moment: Moment, keys: Vec<KeyAccess>) -> Self {
        Self { format_version: FORMAT_VERSION.to_owned(), place: Place::of(desired), moment, keys }
    }

    /// Writes it as JSON.
    pub fn json(&self) -> String {
        super::json(self)
    }

    /// Writes it as a self-contained page.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Writes it for people: one block for each key, one line for each principal and reason. Long lists of actions are
    /// cut unless the style is verbose.
    pub fn text(&self, plan::Style { paint, verbose }: plan::Style) -> String {
        let mut lines = vec![format!("{}, {}", plan::heading(paint, &self.place), moment(self.moment))];
        for key in &self.keys {
            let KeyAccess { key: name, arn: _, aliases, state, rows } = key;
            let also: Vec<&str> = aliases.iter().map(String::as_str).chain([state.as_str()]).collect();
            lines.push(String::new());
            lines.push(format!("{}   {}", paint.of(BOLD, format_args!("keys.{name}")), also.join(", ")));
            let names = rows.iter().map(|row| row.shown.chars().count());
            let width = names.filter(|length| *length <= WIDEST).max().unwrap_or_default();
            for row in rows {
                lines.extend(of_row(row, (paint, verbose), width));
            }
        }
        lines.join("\n") + "\n"
    }
}

const fn moment(moment: Moment) -> &'static str {
    match moment {
        Moment::Live => "as AWS has it now",
        Moment::Planned => "as it will be after lockstep apply",
    }
}

fn of_row(row: &Row, (paint, verbose): (Paint, bool), width: usize) -> Vec<String> {
    let Row { principal: _, shown, note, cells } = row;
    let mut first = format!("  {}", pad(&printable(shown), width));
    let mut lines = Vec::new();
    if cells.is_empty() {
        let nothing = if note.is_empty() { "nothing".to_owned() } else { format!("nothing: it {note}") };
        return vec![format!("{first}   {}", paint.of(FAINT, nothing))];
    }
    for (index, cell) in cells.iter().enumerate() {
        let Cell { verdict, actions, statements: _, depends } = cell;
        let note = if index == 0 && !note.is_empty() { format!(" ({note})") } else { String::new() };
        let actions = short::listed(actions, verbose);
        let colour = colour(*verdict);
        let word = word(*verdict);
        lines.push(format!(
            "{first}   {}{}{note}",
            paint.of(colour, format_args!("{word}{actions}")),
            paint.of(FAINT, by(cell))
        ));
        first = format!("  {}", pad("", width));
        let joint = if *verdict == Verdict::Unknown { "because" } else { "when" };
        lines.extend(depends.iter().map(|one| {
            format!("{first}     {}", paint.of(FAINT, format_args!("{joint} {}", printable(one))))
        }));
    }
    lines
}

const fn colour(verdict: Verdict) -> anstyle::Style {
    match verdict {
        Verdict::Allow => GREEN,
        Verdict::Conditional => YELLOW,
        Verdict::Unknown => RED,
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "",
        Verdict::Conditional => "on conditions: ",
        Verdict::Unknown => "not known: ",
    }
}

/// Returns the citations of the statements that decide.
fn by(cell: &Cell) -> String {
    let cited: BTreeSet<String> = cell.statements.iter().map(|one| printable(&cited(one))).collect();
    match cited.is_empty() {
        true => String::new(),
        false => format!("   by {}", cited.into_iter().collect::<Vec<_>>().join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Name;
    use crate::plan::small_worlds::fixtures::empty;

    fn document() -> Document {
        let cell = |verdict, actions: &[&str], depends: &str| Cell {
            verdict,
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            statements: BTreeSet::from(["key_policy:UseByEncrypt".to_owned()]),
            depends: Some(depends.to_owned()).filter(|text| !text.is_empty()).into_iter().collect(),
        };
        let row = |shown: &str, note: &str, cells| Row {
            principal: format!("arn:aws:iam::111122223333:role/{shown}"),
            shown: shown.to_owned(),
            note: note.to_owned(),
            cells,
        };
        let key = KeyAccess {
            key: Name::from("text"),
            arn: "arn:aws:kms:eu-west-1:111122223333:key/1".to_owned(),
            aliases: BTreeSet::from(["alias/text".to_owned()]),
            state: "enabled".to_owned(),
            rows: vec![
                row("encrypt", "", vec![cell(Verdict::Allow, &["Decrypt", "Encrypt"], "")]),
                row(
                    "<b>\u{1b}[31m",
                    "",
                    vec![cell(Verdict::Conditional, &["Sign"], "kms:ViaService StringEquals \"x\"")],
                ),
                row("AROAGONE", "was deleted; nobody can use what names it", vec![]),
            ],
        };
        Document::new(&empty(), Moment::Live, vec![key])
    }

    #[test]
    fn each_principal_has_a_line_with_what_decides() {
        insta::assert_snapshot!(document().text(plan::Style::default()), @r#"
        s/e · eu-west-1 · account 111122223333, as AWS has it now

        keys.text   alias/text, enabled
          encrypt    Encrypt, Decrypt   by UseByEncrypt of the key policy
          <b>�[31m   on conditions: Sign   by UseByEncrypt of the key policy
                       when kms:ViaService StringEquals "x"
          AROAGONE   nothing: it was deleted; nobody can use what names it
        "#);
    }

    #[test]
    fn a_page_shows_every_cell_and_no_markup_of_others() {
        let page = document().html();
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
        assert!(page.contains("kms:ViaService StringEquals &quot;x&quot;"), "{page}");
        // One column for each action that any principal may perform, with a cell for each principal.
        assert_eq!(page.matches("<th scope=\"col\">").count(), 4, "{page}");
        assert_eq!(page.matches("<td").count(), 9, "{page}");
        assert!(!page.contains("http"), "{page}");
    }

    #[test]
    fn json_can_be_read_again() {
        let document = document();
        assert_eq!(serde_json::from_str::<Document>(&document.json()).unwrap(), document);
    }
}
