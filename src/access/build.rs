//! A builder for policy statements.

use std::collections::BTreeSet;

use super::document::{Clause, Conditions, Effect, Principal, Statement};
use super::names::{Arn, Caseless};
use super::operator::Operator;

impl Statement {
    /// Starts a statement that allows.
    pub fn allow(sid: impl Into<String>) -> Self {
        Self::with_effect(Effect::Allow, sid.into())
    }

    /// Starts a statement that denies.
    pub fn deny(sid: impl Into<String>) -> Self {
        Self::with_effect(Effect::Deny, sid.into())
    }

    fn with_effect(effect: Effect, sid: String) -> Self {
        Self {
            sid: Some(sid),
            effect,
            principals: Clause::Absent,
            actions: Clause::Absent,
            resources: Clause::Absent,
            conditions: Conditions::new(),
        }
    }

    /// Names principals by ARN, or `*`.
    ///
    /// A bare account id takes the partition of the ARNs in the same list, or `aws` if the list holds no ARN.
    #[must_use]
    pub fn principal_aws<S: AsRef<str>>(mut self, arns: impl IntoIterator<Item = S>) -> Self {
        let arns: Vec<S> = arns.into_iter().collect();
        let partition =
            arns.iter().find_map(|arn| Arn::split(arn.as_ref())).map_or("aws", |arn| arn.partition);
        add(&mut self.principals, arns.iter().map(|arn| Principal::aws(arn.as_ref(), partition)));
        self
    }

    /// Names services, such as `logs.eu-west-1.amazonaws.com`.
    #[must_use]
    pub fn principal_service<S: Into<String>>(mut self, services: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.principals, services.into_iter().map(|service| Principal::Service(service.into())));
        self
    }

    /// Names actions, such as `kms:Decrypt`.
    #[must_use]
    pub fn actions<S: Into<String>>(mut self, actions: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.actions, actions.into_iter().map(Caseless::new));
        self
    }

    /// Names one resource; `*` in a key policy means the key.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        add(&mut self.resources, [resource.into()]);
        self
    }

    /// Adds a condition; values given before for the same operator and key are replaced.
    #[must_use]
    pub fn condition<S: Into<String>>(
        mut self,
        operator: Operator,
        key: &str,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        let values = values.into_iter().map(|value| operator.normal(value.into())).collect();
        self.conditions.entry(operator).or_default().insert(Caseless::new(key), values);
        self
    }
}

fn add<T: Ord>(clause: &mut Clause<T>, items: impl IntoIterator<Item = T>) {
    if let Clause::Is(set) = clause {
        set.extend(items);
    } else {
        *clause = Clause::Is(BTreeSet::from_iter(items));
    }
}
