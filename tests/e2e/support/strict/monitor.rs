//! Checks the invariant after every change: every key that a served function uses allows the role of the function, and
//! the gateway may call the function.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::functions::UPDATES;
use super::gateway::{Route, Target};
use super::{Operation, Strict};

/// A use of a key by a function.
#[derive(Debug)]
pub struct Use {
    pub function: &'static str,
    pub alias: &'static str,
    pub actions: &'static [&'static str],
}

/// The functions and roles that were served at the last check.
#[derive(Default)]
pub struct Serving {
    routes: BTreeSet<Route>,
    /// Roles by function.
    now: BTreeMap<String, BTreeSet<String>>,
    /// Roles that a function ran under before: since when it no longer does, and how long a request may take.
    left: BTreeMap<(String, String), (Instant, Duration)>,
}

impl Serving {
    /// Records the roles that functions run under now.
    fn becomes(
        &mut self,
        now: BTreeMap<String, BTreeSet<String>>,
        (done, lasts): (Instant, &BTreeMap<String, Duration>),
    ) {
        let before = std::mem::replace(&mut self.now, now);
        for (function, roles) in before {
            let is = self.now.get(&function).cloned().unwrap_or_default();
            for role in roles.difference(&is) {
                let lasts = lasts.get(&function).copied().unwrap_or_default();
                self.left.insert((function.clone(), role.clone()), (done, lasts));
            }
        }
        // A function that is no longer served has no requests either.
        self.left.retain(|(function, _), (since, lasts)| {
            self.now.contains_key(function) && since.elapsed() < *lasts
        });
    }
}

impl Strict {
    /// Checks everything that is served, after a change that was just made.
    pub(super) async fn watch(&self, (operation, done): (&Operation, Instant)) {
        // While an update runs, requests still go to the previous target; an alias moves at once.
        let updating = UPDATES.contains(&operation.name.as_str());
        let update = if updating { self.rules.updates } else { Duration::ZERO };
        let routes = self.state.lock().unwrap().gateway.served();
        let (mut now, mut lasts) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeMap::new());
        for Target { name, alias } in routes.iter().flat_map(Route::targets) {
            let get = self.sdk.lambda.get_function_configuration().function_name(name);
            if let Ok(config) = get.set_qualifier(alias.clone()).send().await {
                let request = Duration::from_secs(config.timeout().unwrap_or_default().try_into().unwrap());
                lasts.insert(name.clone(), request + update);
                now.entry(name.clone()).or_default().insert(config.role().unwrap().to_owned());
            }
        }
        let mut keys = BTreeMap::new();
        for needed in self.uses {
            if let Some(key) = self.key_of(needed.alias).await {
                keys.insert(needed.alias, key);
            }
        }
        let state = &mut *self.state.lock().unwrap();
        state.serving.becomes(now, (done, &lasts));
        let mut gaps = Vec::new();
        for needed in self.uses.iter().filter(|it| state.serving.now.contains_key(it.function)) {
            let Some(key) = keys.get(needed.alias) else {
                let gap = format!("{} leads nowhere, and {} needs it", needed.alias, needed.function);
                gaps.push((gap.clone(), gap));
                continue;
            };
            for action in needed.actions {
                let closed = |role: &String, after| !state.lets(role, action, key, after);
                let runs = state.serving.now.get(needed.function).into_iter().flatten();
                for role in runs.filter(|role| closed(role, Some(self.rules.policies))) {
                    // A function that already lacks access lacks it under any role that it moves to.
                    let gap = format!("{} runs without {action}", needed.function);
                    gaps.push((gap, format!("{} runs as {role} without {action}", needed.function)));
                }
                let ran = state.serving.left.keys().filter(|(function, _)| function == needed.function);
                for (_, role) in ran.filter(|(_, role)| closed(role, None)) {
                    let gap = format!("{} still ran as {role}, which lost {action}", needed.function);
                    gaps.push((gap.clone(), gap));
                }
            }
        }
        for route in state.serving.routes.intersection(&routes) {
            if !state.gateway.may_call(route) {
                let gap = format!("the gateway may not call what is behind {route:?}");
                gaps.push((gap.clone(), gap));
            }
        }
        state.serving.routes = routes;
        // Violations that existed already were reported already.
        let new = gaps.iter().filter(|(gap, _)| !state.wrong.contains(gap));
        state.gaps.extend(new.map(|(_, text)| format!("after {operation}: {text}")));
        state.wrong = gaps.into_iter().map(|(gap, _)| gap).collect();
    }
}
