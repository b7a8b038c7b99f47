//! The lock of the example.

use serde_json::{Value, json};

use super::Project;

/// The lock of the example, as SSM keeps it.
pub struct Lock;

impl Lock {
    const NAME: &str = "/lockstep/text-encryption/test/lock";

    /// Returns the entry that was written last.
    pub async fn read(project: &Project) -> Option<Value> {
        let get = project.sdk.ssm.get_parameter().name(Self::NAME);
        let text = get.send().await.ok()?.parameter()?.value()?.to_owned();
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Overwrites the parameter.
    pub async fn write(project: &Project, text: String) {
        let put = project.sdk.ssm.put_parameter().name(Self::NAME).value(text).overwrite(true);
        put.send().await.unwrap();
    }

    /// Has somebody on another machine take the lock, and returns what they wrote.
    pub async fn taken_elsewhere(project: &Project) -> Value {
        // A parameter is a log, whose entries say what they were made from.
        let read = project.sdk.ssm.get_parameter().name(Self::NAME).send().await.unwrap();
        let base = read.parameter().unwrap().version();
        let previous = Self::read(project).await.unwrap()["id"].clone();
        let holder = json!({
            "session": "of-ann", "verb": "apply", "who": "arn:aws:iam::000000000000:user/ann",
            "since": 1_700_000_000, "host": "ci-7", "pid": 4242, "process": "elsewhere boot/1",
            "pipeline": "https://ci.example/runs/7"
        });
        let entry = json!({
            "lockstep_lock": 1, "id": "of-ann.1", "base": base, "previous": previous, "holder": holder,
            "held": true
        });
        Self::write(project, entry.to_string()).await;
        entry
    }

    /// Asserts that nobody holds the lock.
    pub async fn is_free(project: &Project) {
        let lock = Self::read(project).await.unwrap();
        assert_eq!(lock["held"], false, "{lock}");
    }
}

/// Deploys a function whose requests may take long: they are waited for in a swap, for longer than it takes to
/// notice that a lock is lost.
pub async fn with_a_long_drain() -> Project {
    let mut project = Project::new().await;
    project.edit("timeout: 3s\n    env: { KEY_ID", "timeout: 25s\n    env: { KEY_ID");
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project
}
