//! Runs that are killed after each of their changes, and run again.

use super::{APPLY, BOOTSTRAP, DESTROY, ROLES, RULES, is_gone, is_whole, update};
use crate::support::{End, Load, Project, figure};

/// Creates and removes a stack, each with one run that is killed after `changes` changes and one run that is not.
/// Returns how many of the two runs were killed.
async fn killed_after(changes: usize) -> usize {
    let project = Project::strict(RULES).await;
    let made = project.run_until(changes, &BOOTSTRAP).await;
    project.run(&BOOTSTRAP).await.ok();
    is_whole(&project).await;
    let made = recovered("create", changes, made);
    let removed = project.run_until(changes, &DESTROY).await;
    project.run(&DESTROY).await.ok();
    is_gone(&project).await;
    let removed = recovered("destroy", changes, removed);
    [made, removed].into_iter().filter(|killed| *killed).count()
}

/// Returns whether a run was killed, and prints after which changes. A run that was not killed must have succeeded.
fn recovered(verb: &str, changes: usize, end: End) -> bool {
    match end {
        End::Killed(done) => {
            assert_eq!(done.len(), changes, "{done:#?}");
            let last = done.last().and_then(|change| change.split(' ').next()).unwrap_or_default();
            figure(&format!("killed: {verb}, after change {changes}, {last}: recovered"));
            true
        }
        End::Finished(run) => {
            run.ok();
            figure(&format!("not killed: {verb}, has fewer than {changes} changes"));
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_and_destroy_killed_after_each_change() {
    // Two at a time, because there is room for two.
    for changes in (1..).step_by(2) {
        let (_, next) = tokio::join!(killed_after(changes), killed_after(changes + 1));
        if next == 0 {
            assert!(changes >= 31, "the longer of the two has {changes} changes at most");
            break;
        }
    }
}

/// Kills a run after one change, after two, and so on, and runs each of them again. The API is called all the time.
async fn killed_after_each(
    mut project: Project,
    (verb, mut change): (&str, impl FnMut(&mut Project, bool)),
    at_least: usize,
) {
    project.run(&BOOTSTRAP).await.ok();
    let load = Load::start(&project).await;
    let mut back = false;
    for changes in 1.. {
        change(&mut project, back);
        back = !back;
        let end = project.run_until(changes, &APPLY).await;
        project.apply().await.ok();
        is_whole(&project).await;
        if !recovered(verb, changes, end) {
            assert!(changes > at_least, "there are {} changes", changes - 1);
            break;
        }
    }
    load.stop().await;
}

fn swap(project: &mut Project, back: bool) {
    let (from, to) = if back { (ROLES[1], ROLES[0]) } else { (ROLES[0], ROLES[1]) };
    project.swap(from, to);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_killed_after_each_change() {
    killed_after_each(Project::strict(RULES).await, ("swap", swap), 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_by_an_alias_killed_after_each_change() {
    let mut project = Project::strict(RULES).await;
    project.call_by_an_alias();
    // A swap by an alias also changes a version and the alias.
    killed_after_each(project, ("swap by an alias", swap), 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_killed_after_each_change() {
    killed_after_each(Project::strict(RULES).await, ("update", update), 6).await;
}
