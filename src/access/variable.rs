//! Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.

use super::context::{Context, Lookup};
use super::pattern::{Token, literal, wild};

/// A policy value with its variables replaced.
pub(super) enum Expanded {
    Pattern(Vec<Token>),
    /// A variable has no value in this request, so nothing can be compared with the text.
    Unresolved,
    /// A variable stands for a key that is not known.
    Unknown,
}

/// The function that parses the text around the variables.
pub(super) type Reader = fn(&str) -> Vec<Token>;

/// Replaces the variables of a value; their values are never read as wildcards.
///
/// Source: IAM user guide, policy variables.
pub(super) fn expand(text: &str, context: &Context, read: Reader) -> Expanded {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        // A `${` without a closing brace is plain text.
        let Some((variable, remainder)) = after.split_once('}') else { break };
        tokens.extend(read(before));
        match variable {
            "*" | "?" | "$" => tokens.extend(literal(variable)),
            _ => match value(variable, context) {
                Expanded::Pattern(value) => tokens.extend(value),
                other => return other,
            },
        }
        rest = remainder;
    }
    tokens.extend(read(rest));
    Expanded::Pattern(tokens)
}

/// Replaces the variables in the last part of an ARN. Variables before the fifth colon are not replaced, so
/// such an ARN matches nothing.
pub(super) fn expand_resource(text: &str, context: &Context) -> Expanded {
    match text.match_indices(':').nth(4).map(|(at, _)| text.split_at(at + 1)) {
        Some((head, tail)) => match expand(tail, context, wild) {
            Expanded::Pattern(tail) => Expanded::Pattern([wild(head), tail].concat()),
            other => other,
        },
        None => Expanded::Pattern(wild(text)),
    }
}

fn value(variable: &str, context: &Context) -> Expanded {
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => {
            (key, default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')))
        }
        None => (variable, None),
    };
    match (context.lookup(key.trim()), default) {
        // A key with several values has no single value that could be inserted.
        (Lookup::Values([only]), _) => Expanded::Pattern(literal(only)),
        (Lookup::Unknown, _) => Expanded::Unknown,
        (_, Some(default)) => Expanded::Pattern(literal(default)),
        (_, None) => Expanded::Unresolved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let mut context = Context::default();
        context.set("aws:username", "a*b");
        context.add("aws:PrincipalOrgPaths", ["x", "y"]);
        match expand(text, &context, literal) {
            Expanded::Pattern(tokens) => Some(
                tokens
                    .iter()
                    .map(|token| match token {
                        Token::Char(char) => *char,
                        Token::One | Token::Any => '~',
                    })
                    .collect(),
            ),
            Expanded::Unresolved | Expanded::Unknown => None,
        }
    }

    #[test]
    fn variables_become_their_values() {
        for (text, expected) in [
            ("u/${AWS:UserName}/x", Some("u/a*b/x")),
            ("${*}${?}${$}{x}", Some("*?${x}")),
            ("${aws:PrincipalTag/team, 'none'}", Some("none")),
            ("${aws:username, 'none'}", Some("a*b")),
            ("${aws:PrincipalTag/team,''}.", Some(".")),
            ("${aws:PrincipalTag/team}", None),
            ("${aws:PrincipalOrgPaths}", None),
            ("open ${aws:username", Some("open ${aws:username")),
        ] {
            assert_eq!(expanded(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn values_of_variables_are_no_wildcards() {
        let mut context = Context::default();
        context.set("aws:username", "*");
        let Expanded::Pattern(tokens) = expand("${aws:username}*", &context, wild) else { panic!() };
        assert_eq!(tokens, [Token::Char('*'), Token::Any]);
    }
}
