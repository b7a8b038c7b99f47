//! Decides whether everything that one element of a statement matches is matched by another element too.

use std::cell::Cell;

use super::document::{Clause, Effect, Principal};
use super::names::{Arn, Caseless};
use super::pattern::{Token, includes_within, literal, overlap, wild};

/// The most steps that a proof may take. Without a limit, two policies of 32 KiB that are built to be hard to
/// compare would take hours.
const MOST_STEPS: usize = 5_000_000;
/// The cost, in steps, of comparing a pair of texts, before the first character is compared.
const LOOK: usize = 32;

/// The context of a proof, and the number of steps that it may still take.
///
/// When no steps are left, every answer is the one that proves nothing.
pub(super) struct Proof<'a> {
    /// The account that owns the policies, if known.
    owner: Option<&'a str>,
    steps_left: Cell<usize>,
}

impl<'a> Proof<'a> {
    pub fn new(owner: Option<&'a str>) -> Self {
        Self { owner, steps_left: Cell::new(MOST_STEPS) }
    }

    /// Spends the steps of one comparison of two texts; `false` if too few are left.
    pub fn look(&self) -> bool {
        self.spend(LOOK)
    }

    /// Spends steps; `false` if too few are left.
    pub fn spend(&self, steps: usize) -> bool {
        let left = self.steps_left.get().checked_sub(steps);
        self.steps_left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Returns whether everything that `inner` matches is matched by `outer`.
    pub fn includes(&self, outer: &[Token], inner: &[Token]) -> bool {
        let (answer, steps) = includes_within(outer, inner, self.steps_left.get());
        self.spend(steps.saturating_add(LOOK)) && answer == Some(true)
    }

    /// Returns whether both patterns may match the same text; `true` also if too few steps are left.
    fn may_overlap(&self, left: &[Token], right: &[Token]) -> bool {
        !self.spend(left.len().saturating_mul(right.len()).saturating_add(LOOK)) || overlap(left, right)
    }

    pub fn principals(&self, inner: &Clause<Principal>, outer: &Clause<Principal>, effect: Effect) -> bool {
        match (inner, outer) {
            (Clause::Absent, Clause::Absent) => true,
            (_, Clause::Is(outer)) if outer.contains(&Principal::Everyone) => true,
            (Clause::Is(inner), Clause::Is(outer)) => inner
                .iter()
                .all(|one| outer.contains(one) || outer.iter().any(|other| self.holds(other, one, effect))),
            (Clause::Is(inner), Clause::IsNot(outer)) => {
                inner.iter().all(|one| outer.iter().all(|other| self.are_strangers(one, other)))
            }
            (Clause::IsNot(inner), Clause::IsNot(outer)) => outer.is_subset(inner),
            _ => false,
        }
    }

    /// Returns whether a statement about `whole` allows, or denies, everything that the same one about `part` does.
    fn holds(&self, whole: &Principal, part: &Principal, effect: Effect) -> bool {
        let Principal::Arn(member) = part else { return false };
        let Some(arn) = Arn::split(member).filter(|_| self.look()) else { return false };
        // In the owner's account, allowing the account does not allow its roles, and an Allow to a session is not
        // limited by its role's boundary. In other accounts each of them also needs a policy of its own account.
        let is_abroad = self.owner.is_some_and(|owner| owner != arn.account);
        (effect == Effect::Deny || is_abroad)
            && match whole {
                Principal::Account { partition, account } => {
                    account == arn.account && partition == arn.partition
                }
                Principal::Arn(role) => is_session_of(member, role),
                _ => false,
            }
    }

    /// Returns whether two principals certainly have no caller in common.
    fn are_strangers(&self, one: &Principal, other: &Principal) -> bool {
        if !self.look() {
            return false;
        }
        match (one, other) {
            (Principal::Service(one), Principal::Service(other)) => {
                one != other && one != "*" && other != "*"
            }
            (Principal::Service(_), other) => account_of(other).is_some(),
            (one, Principal::Service(_)) => account_of(one).is_some(),
            (Principal::Arn(one), Principal::Arn(other)) => {
                one != other && !is_session_of(one, other) && !is_session_of(other, one)
            }
            (one, other) => account_of(one).zip(account_of(other)).is_some_and(|(one, other)| one != other),
        }
    }

    pub fn actions(&self, inner: &Clause<Caseless>, outer: &Clause<Caseless>) -> bool {
        self.clause(inner, outer, |action| Text::new(&action.folded(), false))
    }

    pub fn resources(&self, inner: &Clause<String>, outer: &Clause<String>) -> bool {
        self.clause(inner, outer, |resource| Text::new(resource, resource.contains("${")))
    }

    fn clause<T: Ord + AsRef<str>>(
        &self,
        inner: &Clause<T>,
        outer: &Clause<T>,
        read: impl Fn(&T) -> Text,
    ) -> bool {
        // When no steps are left, nothing more is read.
        if !self.spend(1) {
            return false;
        }
        let read = |item: &T| self.spend(item.as_ref().len()).then(|| read(item));
        let is_within = |one: &Text, other: &T| read(other).is_some_and(|other| self.is_within(one, &other));
        match (inner, outer) {
            (Clause::Absent, Clause::Absent) => true,
            (Clause::Is(inner), Clause::Is(outer)) => inner.iter().all(|one| {
                // Only a pattern can match an item that is not listed literally.
                let mut patterns = outer.iter().filter(|other| other.as_ref().contains(['*', '?']));
                outer.contains(one)
                    || read(one).is_some_and(|one| patterns.any(|pattern| is_within(&one, pattern)))
            }),
            (Clause::Is(inner), Clause::IsNot(outer)) => inner.iter().all(|one| {
                let are_apart =
                    |one: &Text, other: &T| read(other).is_some_and(|other| !self.may_meet(one, &other));
                read(one).is_some_and(|one| outer.iter().all(|other| are_apart(&one, other)))
            }),
            (Clause::IsNot(_), Clause::Is(outer)) => {
                outer.iter().any(|other| read(other).is_some_and(|other| other.tokens == [Token::Any]))
            }
            (Clause::IsNot(inner), Clause::IsNot(outer)) => outer
                .iter()
                .all(|one| read(one).is_some_and(|one| inner.iter().any(|other| is_within(&one, other)))),
            _ => false,
        }
    }

    fn is_within(&self, inner: &Text, outer: &Text) -> bool {
        match (inner.is_opaque, outer.is_opaque) {
            (false, false) => self.includes(&outer.tokens, &inner.tokens),
            (true, false) => outer.tokens == [Token::Any],
            (_, true) => inner == outer,
        }
    }

    fn may_meet(&self, one: &Text, other: &Text) -> bool {
        one.is_opaque || other.is_opaque || self.may_overlap(&one.tokens, &other.tokens)
    }
}

/// A pattern, or a text with variables, which can only be compared for equality.
#[derive(PartialEq, Eq)]
struct Text {
    tokens: Vec<Token>,
    is_opaque: bool,
}

impl Text {
    fn new(text: &str, is_opaque: bool) -> Self {
        Self { tokens: if is_opaque { literal(text) } else { wild(text) }, is_opaque }
    }
}

fn account_of(principal: &Principal) -> Option<&str> {
    match principal {
        Principal::Account { account, .. } => Some(account),
        Principal::Arn(text) => Arn::split(text).map(|arn| arn.account),
        _ => None,
    }
}

/// Returns whether one ARN is that of a session of the role with the other ARN; role names are unique in an
/// account, whatever their paths.
fn is_session_of(session: &str, role: &str) -> bool {
    let Some((session, role)) = Arn::split(session).zip(Arn::split(role)) else { return false };
    let of = session.resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
    let name = role.resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
    of.is_some()
        && of == name
        && session.account == role.account
        && session.partition == role.partition
        && (session.service, role.service) == ("sts", "iam")
}
