//! Lists who may do what with a key, and by which statement.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::shown;
use crate::access::{
    Arn, Caller, Clause, Context, Decision, KeyFacts, Outcome, PolicyDocument, Principal, Readable, Request,
    Statement, decide, key_actions, shown_conditions,
};
use crate::kinds::{Name, key};
use crate::plan::prove::AccessContext;

/// All principals that may do something with one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAccess {
    /// The key by its name in the stack.
    pub key: Name,
    /// Its ARN; empty for a key that does not exist yet.
    pub arn: String,
    /// Its aliases.
    pub aliases: BTreeSet<String>,
    /// Its state, which is independent of authorization.
    pub state: String,
    /// The principals, those of the stack first.
    pub rows: Vec<Row>,
}

/// The actions of one principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// ARN, account id, service, unique id of a deleted principal, or `*`.
    pub principal: String,
    /// The principal in the form that people read.
    pub shown: String,
    /// A remark about the principal, such as that it does not exist.
    pub note: String,
    /// Actions by what decides about them; empty if the principal may do nothing.
    pub cells: Vec<Cell>,
}

/// Actions that have the same outcome for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// Whether the principal may perform the actions.
    pub verdict: Verdict,
    /// Actions without `kms:`.
    pub actions: BTreeSet<String>,
    /// The statements that decide, as `layer:[policy/]Sid`.
    pub statements: BTreeSet<String>,
    /// The conditions that the outcome depends on, or the reasons why it is unknown.
    pub depends: BTreeSet<String>,
}

/// Whether a principal may perform an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The principal may.
    Allow,
    /// The principal may, under conditions that a request must meet.
    Conditional,
    /// Unknown, because something could not be read.
    Unknown,
}

/// Returns who may do what with every key of a world, or with one of them.
pub fn matrix(scene: AccessContext<'_>, only: Option<&Name>) -> Vec<KeyAccess> {
    let keys = scene.world.keys.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
    keys.map(|(name, seen)| of_key(scene, name, seen)).collect()
}

/// Lists the principals outside the stack that a matrix asks about, by ARN.
pub fn outsiders(scene: AccessContext<'_>, only: Option<&Name>) -> BTreeSet<String> {
    let keys = scene.world.keys.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
    let named = keys.flat_map(|(name, seen)| named(scene, name, seen));
    let arns = named.filter_map(|principal| match principal {
        Principal::Arn(arn) => Some(arn),
        _ => None,
    });
    arns.filter(|arn| {
        scene.desired.role_by_arn(arn).is_none()
            && !scene.world.roles.values().any(|role| role.spec.arn == *arn)
    })
    .collect()
}

fn of_key(scene: AccessContext<'_>, name: &Name, seen: &key::Seen) -> KeyAccess {
    let facts = scene.key(name, seen);
    let mut rows: Vec<Row> =
        scene.world.roles.values().map(|role| of_caller(scene, &role.spec.arn, &facts)).collect();
    let ours: BTreeSet<&str> = scene.world.roles.values().map(|role| role.spec.arn.as_str()).collect();
    for principal in named(scene, name, seen) {
        rows.extend(match &principal {
            Principal::Arn(arn) if ours.contains(arn.as_str()) => None,
            Principal::Arn(arn) => Some(of_caller(scene, arn, &facts)),
            Principal::Account { partition, account } => {
                Some(of_account(scene, (partition, account), &facts))
            }
            Principal::Service(service) => Some(of_caller(scene, service, &facts)),
            Principal::UniqueId(id) => Some(gone(id)),
            Principal::Everyone => Some(anybody(&seen.spec.policy)),
            Principal::Federated(_) | Principal::CanonicalUser(_) => None,
        });
    }
    KeyAccess {
        key: name.clone(),
        arn: seen.arn.clone(),
        aliases: seen.spec.aliases.iter().cloned().collect(),
        state: super::state(&seen.state),
        rows,
    }
}

/// Lists the principals that the policy of a key and its grants name.
fn named(scene: AccessContext<'_>, name: &Name, seen: &key::Seen) -> BTreeSet<Principal> {
    let policy = seen.spec.policy.statements().iter().filter_map(|statement| match &statement.principals {
        Clause::Is(principals) => Some(principals),
        Clause::IsNot(_) | Clause::Absent => None,
    });
    let mut all: BTreeSet<Principal> = policy.flatten().cloned().collect();
    if let Some(Readable::Known(grants)) = scene.evidence.grants.get(name) {
        let partition = scene.desired.place.partition.as_str();
        let principals = grants.iter().filter_map(|grant| grant.grantee_principal.as_deref());
        all.extend(principals.map(|text| Principal::aws(text, partition)));
        let services = grants.iter().filter_map(|grant| grant.grantee_service_principal.clone());
        all.extend(services.map(Principal::Service));
    }
    all
}

fn of_caller(scene: AccessContext<'_>, arn: &str, facts: &KeyFacts) -> Row {
    let caller = scene.caller(arn);
    let is_known = Arn::split(arn).is_none() || scene.exists(arn);
    let gone = matches!(scene.evidence.outsiders.get(arn), Some(crate::kinds::Outsider::Gone));
    let note = match (gone, is_known) {
        (true, _) => "does not exist",
        (false, true) => "",
        (false, false) => "could not be looked at",
    };
    let cells = if gone { Vec::new() } else { cells(&caller, facts) };
    Row { principal: arn.to_owned(), shown: shown(scene.desired, arn), note: note.to_owned(), cells }
}

fn of_account(scene: AccessContext<'_>, (partition, account): (&str, &str), facts: &KeyFacts) -> Row {
    let arn = format!("arn:{partition}:iam::{account}:root");
    let caller = scene.caller(&arn);
    let note = match account == scene.desired.place.account {
        true => "its root user, and whom IAM policies allow it",
        false => "whom IAM policies of that account allow it",
    };
    Row {
        principal: account.to_owned(),
        shown: format!("account {account}"),
        note: note.to_owned(),
        cells: cells(&caller, facts),
    }
}

/// Returns the row of a deleted principal: nobody can be that principal again.
fn gone(id: &str) -> Row {
    Row {
        principal: id.to_owned(),
        shown: id.to_owned(),
        note: "was deleted; nobody can use what names it".to_owned(),
        cells: Vec::new(),
    }
}

/// Returns the row of `*`: the actions that a policy allows everyone. In the account of the key no other policy is
/// needed.
fn anybody(policy: &PolicyDocument) -> Row {
    let names_all = |statement: &&Statement| matches!(&statement.principals, Clause::Is(all) if all.contains(&Principal::Everyone));
    let allows =
        policy.statements().iter().enumerate().filter(|(_, statement)| {
            statement.effect == crate::access::Effect::Allow && names_all(statement)
        });
    let cells = allows.map(|(index, statement)| {
        let actions = match &statement.actions {
            Clause::Is(actions) => actions.iter().map(|action| bare(action.as_str())).collect(),
            Clause::IsNot(actions) => {
                actions.iter().map(|action| format!("all but {}", bare(action.as_str()))).collect()
            }
            Clause::Absent => BTreeSet::new(),
        };
        let sid = statement.sid.clone().unwrap_or_else(|| format!("#{index}"));
        let depends: BTreeSet<String> = shown_conditions(&statement.conditions).collect();
        let verdict = if depends.is_empty() { Verdict::Allow } else { Verdict::Conditional };
        Cell { verdict, actions, statements: BTreeSet::from([format!("key_policy:{sid}")]), depends }
    });
    Row {
        principal: "*".to_owned(),
        shown: "anybody (*)".to_owned(),
        note: String::new(),
        cells: cells.collect(),
    }
}

fn bare(action: &str) -> String {
    action.strip_prefix("kms:").unwrap_or(action).to_owned()
}

/// Decides every action on a key: first as a direct call; if that is denied, as a request whose context is unknown.
fn cells(caller: &Caller, facts: &KeyFacts) -> Vec<Cell> {
    let open = open_keys(caller, facts);
    let mut alike: BTreeMap<(Verdict, BTreeSet<String>, BTreeSet<String>), BTreeSet<String>> =
        BTreeMap::new();
    for action in key_actions() {
        let mut request = Request::new(format!("kms:{action}"), caller, facts);
        let direct = decide(caller, &request, facts);
        let Decision { outcome, statements, unknowns, .. } = match direct.outcome {
            Outcome::Allow | Outcome::ExplicitDeny | Outcome::Unknown => direct,
            Outcome::ImplicitDeny => {
                loosen(&mut request.context, &open);
                decide(caller, &request, facts)
            }
        };
        let verdict = match outcome {
            Outcome::Allow => Verdict::Allow,
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => continue,
            // If the condition of a statement is open, the statement is cited; any other reason means that something
            // could not be read.
            Outcome::Unknown if unknowns.iter().all(|one| is_statement(one)) => Verdict::Conditional,
            Outcome::Unknown => Verdict::Unknown,
        };
        let depends = match verdict {
            Verdict::Conditional => conditions_of(&unknowns, caller, facts),
            _ => unknowns,
        };
        alike.entry((verdict, statements, depends)).or_default().insert(action.to_owned());
    }
    let cells = alike.into_iter().map(|((verdict, statements, depends), actions)| Cell {
        verdict,
        actions,
        statements,
        depends,
    });
    cells.collect()
}

/// Distinguishes a cited statement, `layer:[policy/]Sid`, from a reason, which has a space after its colon.
fn is_statement(unknown: &str) -> bool {
    unknown.split_once(':').is_some_and(|(_, rest)| !rest.starts_with(' '))
}

/// Returns the documents that may have conditions on a request, each with the prefix by which its statements are cited.
fn documents<'a>(caller: &'a Caller, facts: &'a KeyFacts) -> Vec<(String, &'a PolicyDocument)> {
    let mut all = Vec::new();
    all.extend(facts.policy.known().map(|policy| ("key_policy:".to_owned(), policy)));
    let identity = caller.identity.known().into_iter().flatten();
    all.extend(identity.map(|policy| (format!("identity:{}/", policy.name), &policy.document)));
    let boundary = caller.boundary.known().and_then(Option::as_ref);
    all.extend(boundary.map(|policy| ("boundary:".to_owned(), policy)));
    all
}

/// Lists the condition keys whose values only a request determines, and not the principal or the key.
fn open_keys(caller: &Caller, facts: &KeyFacts) -> BTreeSet<String> {
    let fixed = |key: &str| {
        let fixed = ["aws:principal", "aws:resource", "kms:resourcealiases", "kms:calleraccount", "kms:key"];
        fixed.iter().any(|prefix| key.starts_with(prefix)) || key == "kms:multiregion"
    };
    let documents = documents(caller, facts);
    let statements = documents.iter().flat_map(|(_, document)| document.statements());
    let keys = statements.flat_map(|statement| statement.conditions.values().flat_map(BTreeMap::keys));
    keys.map(crate::access::Caseless::folded).filter(|key| !fixed(key)).collect()
}

fn loosen(context: &mut Context, open: &BTreeSet<String>) {
    for key in open {
        context.forget(key);
    }
}

/// Returns the conditions of cited statements.
fn conditions_of(cited: &BTreeSet<String>, caller: &Caller, facts: &KeyFacts) -> BTreeSet<String> {
    let documents = documents(caller, facts);
    let statements = documents.iter().flat_map(|(prefix, document)| {
        document.statements().iter().enumerate().map(move |(index, statement)| {
            let sid = statement.sid.clone().unwrap_or_else(|| format!("#{index}"));
            (format!("{prefix}{sid}"), statement)
        })
    });
    let meant = statements.filter(|(citation, _)| cited.contains(citation));
    meant.flat_map(|(_, statement)| shown_conditions(&statement.conditions)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Operator;
    use crate::plan::prove::Evidence;
    use crate::plan::small_worlds::fixtures::{ACCOUNT, role_arn};
    use crate::why::tests::{made, stack};

    fn rows(extra: impl IntoIterator<Item = Statement>) -> BTreeMap<String, Vec<Cell>> {
        let desired = stack("test");
        let mut world = made(&desired);
        let policy = &mut world.keys.get_mut(&Name::from("k")).unwrap().spec.policy;
        *policy = PolicyDocument::new(policy.statements().iter().cloned().chain(extra));
        let evidence = Evidence::default();
        let found = matrix(AccessContext { desired: &desired, world: &world, evidence: &evidence }, None);
        assert_eq!(found.len(), 1);
        found[0].rows.iter().map(|row| (row.shown.clone(), row.cells.clone())).collect()
    }

    #[test]
    fn everybody_is_listed_with_what_lets_them() {
        let rows = rows([]);
        let test = &rows["test"];
        assert_eq!(test[0].verdict, Verdict::Allow);
        assert_eq!(test[0].actions, ["Decrypt", "Encrypt"].map(str::to_owned).into());
        assert_eq!(test[0].statements, ["key_policy:UseByF".to_owned()].into());
        assert_eq!(rows["prod"], []);
        let account = &rows[&format!("account {ACCOUNT}")];
        assert!(account[0].actions.contains("PutKeyPolicy") && !account[0].actions.contains("Decrypt"));
    }

    #[test]
    fn what_depends_on_the_request_is_told_apart() {
        let through = Statement::allow("Through")
            .principal_aws([role_arn("prod")])
            .actions(["kms:Decrypt"])
            .resource("*")
            .condition(
                Operator::parse("StringEquals").unwrap(),
                "kms:ViaService",
                ["s3.eu-west-1.amazonaws.com"],
            );
        let tagged = Statement::allow("Tagged")
            .principal_aws([role_arn("prod")])
            .actions(["kms:Encrypt"])
            .resource("*")
            .condition(Operator::parse("StringEquals").unwrap(), "aws:PrincipalTag/team", ["x"]);
        let rows = rows([through, tagged]);
        let prod = &rows["prod"];
        assert_eq!(prod.len(), 1, "{prod:?}");
        assert_eq!(prod[0].verdict, Verdict::Conditional);
        assert_eq!(prod[0].actions, ["Decrypt".to_owned()].into());
        let when = "kms:ViaService StringEquals s3.eu-west-1.amazonaws.com".to_owned();
        assert_eq!(prod[0].depends, [when].into());
    }

    #[test]
    fn the_deleted_and_everybody_have_rows() {
        let dead = Statement::allow("Dead")
            .principal_aws(["AROAEXAMPLEEXAMPLE123"])
            .actions(["kms:*"])
            .resource("*");
        let all = Statement::allow("All").principal_aws(["*"]).actions(["kms:DescribeKey"]).resource("*");
        let rows = rows([dead, all]);
        assert_eq!(rows["AROAEXAMPLEEXAMPLE123"], []);
        assert_eq!(rows["anybody (*)"][0].actions, ["DescribeKey".to_owned()].into());
    }
}
