//! Every kind of failure of every call that changes something.

use std::time::Duration;

use super::{APPLY, BOOTSTRAP, DESTROY, ROLES, RULES, is_gone, is_whole, update};
use crate::support::{Fault, Load, Project, Rules, Trap, figure};

/// Runs until a run succeeds, while the first attempt of each different call fails. A run that stops must say what to
/// do next, which is to run the command again.
async fn through(project: &Project, (verb, args): (&str, &[&str]), fault: Fault) {
    project.arm(Trap::Each(fault));
    for runs in 1..=12 {
        let run = project.run(args).await;
        if run.succeeded() {
            let failed = project.faults();
            assert!(failed > 0, "nothing went wrong");
            figure(&format!("faults: {fault:?}, {verb}: {failed} calls went wrong, {runs} runs"));
            return;
        }
        run.ends_with(1).says("help: ").says("again");
    }
    panic!("{args:?} gets nowhere");
}

/// Creates, changes, swaps and removes a stack; the first attempt of each different call fails.
async fn every_call(fault: Fault) {
    let rules = Rules { principals: Duration::ZERO, ..RULES };
    let mut project = Project::strict(rules).await;
    through(&project, ("create", &BOOTSTRAP), fault).await;
    is_whole(&project).await;
    let load = Load::start(&project).await;
    update(&mut project, false);
    project.swap(ROLES[0], ROLES[1]);
    through(&project, ("update and swap", &APPLY), fault).await;
    is_whole(&project).await;
    load.stop().await;
    through(&project, ("destroy", &DESTROY), fault).await;
    is_gone(&project).await;
}

macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                every_call($fault).await;
            }
        )*
    };
}

faults! {
    aws_is_unavailable: Fault::Fails(503);
    aws_limits_the_rate: Fault::Throttles;
    connections_break: Fault::Breaks;
    answers_get_lost: Fault::LosesAnswer;
    aws_fails_after_it_did_it: Fault::FailsAfter;
    aws_is_slow: Fault::Slow(Duration::from_millis(150));
}
