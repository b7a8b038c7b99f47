//! The verdict of each layer on a request, which shows a person the layer that blocks it.

use std::collections::BTreeSet;

use super::caller::{Caller, Readable};
use super::decide::{Evidence, Hit, Reading};
use super::explain::{NearMiss, misses_of, misses_of_grants};
use super::key::{KeyFacts, Request};
use super::source::{Layer, Question};

/// A layer that can allow or block a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// A type of policy.
    Policy(Layer),
    /// The grants of the key.
    Grants,
}

/// The verdict of a layer on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// There is no policy or grant of this type, so the layer neither allows nor limits anything.
    Nothing,
    /// The layer allows the request.
    Allows,
    /// The key policy delegates to the policies of the account, which then have to allow the request.
    LeavesToAccount,
    /// The layer does not allow the request.
    Silent,
    /// The layer denies the request.
    Denies,
    /// The verdict depends on something that is not known.
    Unknown(String),
}

/// One layer that a request passes, with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    pub stop: Stop,
    pub says: Says,
    /// The statements behind the verdict, as `layer:[policy/]Sid`.
    pub statements: BTreeSet<String>,
    /// The names of the layer's policies, if they have names.
    pub policies: BTreeSet<String>,
    /// For a silent layer, the statements and grants that would allow the request but for one thing.
    pub near_misses: Vec<NearMiss>,
}

const ORDER: [Stop; 7] = [
    Stop::Policy(Layer::KeyPolicy),
    Stop::Grants,
    Stop::Policy(Layer::Identity),
    Stop::Policy(Layer::Boundary),
    Stop::Policy(Layer::Session),
    Stop::Policy(Layer::Scp),
    Stop::Policy(Layer::Rcp),
];

/// Returns the layers in the order in which a person checks them.
pub fn path(caller: &Caller, request: &Request, key: &KeyFacts) -> Vec<Station> {
    let question = Question::new(caller, request, key);
    let evidence = Evidence::gather(&question);
    ORDER
        .into_iter()
        .map(|stop| match stop {
            Stop::Policy(layer) => station(&evidence, layer),
            Stop::Grants => grants(&question),
        })
        .collect()
}

fn station(evidence: &Evidence<'_>, layer: Layer) -> Station {
    let question = evidence.question;
    let denies: Vec<&Hit> = evidence.denies(layer).collect();
    let allows: Vec<&Hit> = evidence.allows(layer, Reading::Strict).collect();
    let cited = |hits: &[&Hit]| hits.iter().map(|hit| hit.cited.clone()).collect();
    let policies = question.sources.iter().filter(|source| source.layer == layer);
    let unread = question.unreadable.iter().find(|(unread, _)| *unread == layer);
    let is_there = policies.clone().next().is_some();
    let (says, statements) = match (denies.is_empty(), unread) {
        (false, _) => (Says::Denies, cited(&denies)),
        (true, Some((_, why))) => (Says::Unknown((*why).to_owned()), BTreeSet::new()),
        _ if !is_there => (Says::Nothing, BTreeSet::new()),
        _ if !levels_are_allowed(evidence, layer) => (vague(evidence, layer), BTreeSet::new()),
        _ if layer == Layer::Rcp => (Says::Allows, BTreeSet::new()),
        _ if layer == Layer::KeyPolicy
            && allows.iter().all(|hit| !hit.naming.directly && !hit.naming.as_role) =>
        {
            (Says::LeavesToAccount, cited(&allows))
        }
        _ => (Says::Allows, cited(&allows)),
    };
    let near_misses = if says == Says::Silent { misses_of(question, layer) } else { Vec::new() };
    let policies = policies.filter_map(|source| source.name).map(str::to_owned).collect();
    Station { stop: Stop::Policy(layer), says, statements, policies, near_misses }
}

/// Returns whether a layer allows the request; for service control policies, each level must allow it.
fn levels_are_allowed(evidence: &Evidence<'_>, layer: Layer) -> bool {
    let levels: BTreeSet<usize> = evidence.allows(layer, Reading::Strict).map(|hit| hit.level).collect();
    match layer {
        Layer::Scp => levels.len() == evidence.question.scp_levels,
        // AWS attaches a policy that allows everything at every level.
        Layer::Rcp => true,
        _ => !levels.is_empty(),
    }
}

/// Returns the verdict of a layer that does not allow for certain: silent, or unknown because of a condition.
fn vague(evidence: &Evidence<'_>, layer: Layer) -> Says {
    let lenient = evidence.allows(layer, Reading::Lenient).next();
    match lenient {
        Some(hit) if !hit.certain => Says::Unknown(format!("a condition of {} is not known", hit.cited)),
        _ => Says::Silent,
    }
}

fn grants(question: &Question<'_>) -> Station {
    let mut station = Station {
        stop: Stop::Grants,
        says: Says::Nothing,
        statements: BTreeSet::new(),
        policies: BTreeSet::new(),
        near_misses: Vec::new(),
    };
    let grants = match &question.key.grants {
        Readable::Unknown { why } => return Station { says: Says::Unknown(why.clone()), ..station },
        Readable::Known(grants) if grants.is_empty() || !question.has_key() => return station,
        Readable::Known(grants) => grants,
    };
    let mine = grants.iter().filter(|grant| grant.grantee(question.caller, question.key).any());
    station.statements =
        mine.filter(|grant| grant.allows(question.request)).map(super::key::Grant::cite).collect();
    station.says = if station.statements.is_empty() { Says::Silent } else { Says::Allows };
    station.near_misses = if station.says == Says::Silent { misses_of_grants(question) } else { Vec::new() };
    station
}

#[cfg(test)]
mod tests {
    use super::super::{NamedPolicy, PolicyDocument, Statement};
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/prod";
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

    fn key(statements: impl IntoIterator<Item = Statement>) -> KeyFacts {
        KeyFacts::new(KEY, PolicyDocument::new(statements))
    }

    fn says(caller: &Caller, key: &KeyFacts) -> Vec<Says> {
        let request = Request::new("kms:Decrypt", caller, key);
        path(caller, &request, key).into_iter().map(|station| station.says).collect()
    }

    fn role(statement: Option<Statement>) -> Caller {
        let policy = statement.map(|statement| NamedPolicy {
            name: "p".to_owned(),
            document: PolicyDocument::new([statement]),
        });
        Caller::role(ROLE, policy)
    }

    #[test]
    fn every_layer_says_what_it_is_about() {
        use Says::{Allows, Denies, LeavesToAccount, Nothing, Silent};
        let use_it =
            |arn: &str| Statement::allow("Use").principal_aws([arn]).actions(["kms:Decrypt"]).resource("*");
        let allow = Statement::allow("A").actions(["kms:*"]).resource("*");
        let deny = Statement::deny("D").actions(["kms:*"]).resource("*");
        for (caller, key, first, identity) in [
            (role(None), key([use_it(ROLE)]), Allows, Nothing),
            (role(None), key([use_it("arn:aws:iam::111122223333:role/test")]), Silent, Nothing),
            (role(Some(allow.clone())), key([use_it("111122223333")]), LeavesToAccount, Allows),
            (role(Some(deny)), key([use_it(ROLE)]), Allows, Denies),
        ] {
            assert_eq!(says(&caller, &key), [first, Nothing, identity, Nothing, Nothing, Nothing, Nothing]);
        }
    }

    #[test]
    fn a_policy_without_the_action_is_a_near_miss() {
        let admin = Statement::allow("Admin").actions(["kms:CreateKey"]).resource("*");
        let (caller, key) = (role(Some(admin)), key([]));
        let stations = path(&caller, &Request::new("kms:Decrypt", &caller, &key), &key);
        let identity = stations.iter().find(|station| station.stop == Stop::Policy(Layer::Identity)).unwrap();
        assert_eq!(identity.says, Says::Silent);
        assert_eq!(identity.near_misses.len(), 1);
        assert_eq!(identity.near_misses[0].statement, "identity:p/Admin");
        assert_eq!(identity.near_misses[0].because.to_string(), "it is about `kms:CreateKey`");
    }

    #[test]
    fn what_could_not_be_read_is_unknown() {
        let mut caller = role(None);
        caller.identity = Readable::unknown("not allowed");
        let mut key = key([]);
        key.grants = Readable::unknown("nor this");
        let said = says(&caller, &key);
        assert_eq!(said[1], Says::Unknown("nor this".to_owned()));
        assert_eq!(said[2], Says::Unknown("not allowed".to_owned()));
    }
}
