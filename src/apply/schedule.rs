//! Decides which steps of a phase may start now.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::{Kind, ResourceId};
use crate::plan::Step;

/// The steps of a phase, by their state.
#[derive(Debug)]
pub struct Schedule<'a> {
    steps: &'a [Step],
    waiting: BTreeSet<usize>,
    running: BTreeSet<usize>,
    done: BTreeSet<usize>,
    left_out: BTreeSet<usize>,
}

impl<'a> Schedule<'a> {
    /// Creates a schedule in which every step is waiting.
    pub fn new(steps: &'a [Step]) -> Self {
        let waiting = (0..steps.len()).collect();
        Self { steps, waiting, running: BTreeSet::new(), done: BTreeSet::new(), left_out: BTreeSet::new() }
    }

    /// Leaves out every step except these; the others stay waiting.
    pub fn only(mut self, places: &BTreeSet<usize>) -> Self {
        self.left_out = self.waiting.difference(places).copied().collect();
        self
    }

    /// Returns a step that may start now.
    pub fn next(&mut self) -> Option<(usize, &'a Step)> {
        let running =
            self.running.iter().filter_map(|&place| self.steps.get(place)).map(|step| &step.resource);
        let busy: BTreeSet<&ResourceId> = running.clone().collect();
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        for resource in running {
            *counts.entry(resource.kind).or_default() += 1;
        }
        let may_begin = |step: &Step| {
            let kind = step.resource.kind;
            step.after.keys().all(|before| self.done.contains(before))
                && counts.get(&kind).copied().unwrap_or_default() < kind.at_once()
                && !(kind.one_by_one() && busy.contains(&step.resource))
        };
        let mut waiting = self.waiting.difference(&self.left_out).copied();
        let place = waiting.find(|&place| self.steps.get(place).is_some_and(&may_begin))?;
        self.waiting.remove(&place);
        self.running.insert(place);
        self.steps.get(place).map(|step| (place, step))
    }

    /// Records a step that ended; only a step that is done lets others start.
    pub fn ended(&mut self, place: usize, done: bool) {
        self.running.remove(&place);
        if done {
            self.done.insert(place);
        }
    }

    /// Returns the steps that have not started.
    pub fn waiting(&self) -> impl Iterator<Item = usize> {
        self.waiting.iter().copied()
    }
}
