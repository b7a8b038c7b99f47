//! Statements about access.

use std::collections::BTreeSet;

use super::context::Context;
use super::values::is_word;
use crate::kinds::Name;
use crate::stack::desired::{Assertion, Line};
use crate::stack::model::Assert;

pub(super) fn compile(cx: &Context<'_>, file: &str) -> Vec<Assertion> {
    let mut all = Vec::new();
    for (index, assert) in cx.file.assert.iter().enumerate() {
        all.extend(one(cx, &index.to_string(), assert, file));
    }
    all
}

fn one(cx: &Context<'_>, index: &str, assert: &Assert, file: &str) -> Vec<Assertion> {
    let Assert { role, principal, can, cannot, key, context, when } = assert;
    let at = ["assert", index];
    let declared = cx.declared(&["assert", index, "key"], "keys", key);
    let principal = match (role, principal) {
        (Some(role), None) => {
            cx.declared(&["assert", index, "role"], "roles", role).then(|| cx.role_arn(role))
        }
        (None, Some(text)) => cx.principal(&["assert", index, "principal"], text),
        _ => {
            let problem = cx.about(&at, "bad-value", "an assertion has either a `role` or a `principal`");
            cx.report(
                problem.help("write it as in `{ role: authorizer, cannot: [kms:Decrypt], key: text }`"),
            );
            None
        }
    };
    if can.is_empty() && cannot.is_empty() {
        let problem = cx.about(&at, "bad-value", "an assertion says what the principal `can` or `cannot` do");
        cx.report(problem.help("write it as in `cannot: [kms:Decrypt]`"));
    }
    for name in when.keys() {
        let right = "a condition key has the prefix of its service, as in `kms:ViaService`";
        cx.require(name.contains(':'), &["assert", index, "when", name], right);
    }
    let place = cx.at(&at);
    let line = Line { file: file.to_owned(), line: place.line, column: place.column };
    let mut all = Vec::new();
    for (field, actions, allowed) in [("can", can, true), ("cannot", cannot, false)] {
        for (item, action) in actions.iter().enumerate() {
            let item = item.to_string();
            let name = action.strip_prefix("kms:").unwrap_or_default();
            let right = "an action is written `kms:Decrypt`, without wildcards";
            cx.require(is_word(name, "", 64), &["assert", index, field, &item], right);
        }
        if let (Some(principal), true, false) = (&principal, declared, actions.is_empty()) {
            all.push(Assertion {
                principal: principal.clone(),
                actions: actions.iter().cloned().collect::<BTreeSet<_>>(),
                allowed,
                key: Name::from(key.as_str()),
                context: context.clone(),
                when: when.clone(),
                line: line.clone(),
            });
        }
    }
    all
}
