//! The stored form of the lock.

use aws_sdk_s3::config::{Builder, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use serde_json::{Value, json};

use super::Project;

/// The place in which the lock is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Parameter,
    Bucket,
}

impl Kept {
    const NAME: &str = "/lockstep/text-encryption/test/lock";
    pub const BUCKET: &str = "deployments-test";
    pub const KEY: &str = "lockstep/text-encryption/test/lock.json";

    /// Configures the stack to store its lock there, and creates what that needs.
    pub async fn prepare(self, project: &mut Project) {
        if self == Self::Bucket {
            Self::make_bucket(project, "ap-northeast-1").await;
            project.edit("\nkeys:\n", "\nlock: { bucket: \"deployments-${env}\" }\nkeys:\n");
        }
    }

    /// Makes the bucket.
    pub async fn make_bucket(project: &Project, region: &str) {
        let constraint = BucketLocationConstraint::from(region);
        let place = CreateBucketConfiguration::builder().location_constraint(constraint).build();
        let make = project.sdk.s3.create_bucket().bucket(Self::BUCKET).create_bucket_configuration(place);
        make.customize().config_override(in_region(region)).send().await.unwrap();
    }

    /// Deletes the bucket.
    pub async fn delete_bucket(project: &Project, region: &str) {
        let delete = project.sdk.s3.delete_bucket().bucket(Self::BUCKET);
        delete.customize().config_override(in_region(region)).send().await.unwrap();
    }

    /// Returns the content that was written last.
    pub async fn read(self, project: &Project) -> Option<Value> {
        let text = match self {
            Self::Parameter => {
                let get = project.sdk.ssm.get_parameter().name(Self::NAME);
                get.send().await.ok()?.parameter()?.value()?.to_owned()
            }
            Self::Bucket => {
                let get = project.sdk.s3.get_object().bucket(Self::BUCKET).key(Self::KEY);
                let bytes = get.send().await.ok()?.body.collect().await.unwrap().into_bytes();
                String::from_utf8(bytes.to_vec()).unwrap()
            }
        };
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Overwrites the content.
    pub async fn write(self, project: &Project, text: String) {
        match self {
            Self::Parameter => {
                let put = project.sdk.ssm.put_parameter().name(Self::NAME).value(text).overwrite(true);
                put.send().await.unwrap();
            }
            Self::Bucket => {
                let put = project.sdk.s3.put_object().bucket(Self::BUCKET).key(Self::KEY);
                put.body(ByteStream::from(text.into_bytes())).send().await.unwrap();
            }
        }
    }

    /// Takes the lock as someone on another machine, and returns what they wrote.
    pub async fn taken_elsewhere(self, project: &Project) -> Value {
        // A parameter is a log, whose entries contain the entry that they follow.
        let (base, previous) = match self {
            Self::Parameter => {
                let read = project.sdk.ssm.get_parameter().name(Self::NAME).send().await.unwrap();
                let before = self.read(project).await.unwrap();
                (read.parameter().unwrap().version(), before["id"].clone())
            }
            Self::Bucket => (0, Value::Null),
        };
        let holder = json!({
            "session": "of-ann", "verb": "apply", "who": "arn:aws:iam::000000000000:user/ann",
            "since": 1_700_000_000, "host": "ci-7", "pid": 4242, "process": "elsewhere boot/1",
            "pipeline": "https://ci.example/runs/7"
        });
        let entry = json!({
            "lockstep_lock": 1, "id": "of-ann.1", "base": base, "previous": previous, "holder": holder,
            "held": true
        });
        self.write(project, entry.to_string()).await;
        entry
    }

    /// Asserts that nobody holds it.
    pub async fn is_free(self, project: &Project) {
        let lock = self.read(project).await.unwrap();
        assert_eq!(lock["held"], false, "{lock}");
    }
}

fn in_region(region: &str) -> Builder {
    aws_sdk_s3::Config::builder().region(Region::new(region.to_owned()))
}

/// Deploys a function whose requests may take long: a swap waits for them longer than it takes to notice that a lock is
/// lost.
pub async fn with_a_long_drain(kept: Kept) -> Project {
    let mut project = Project::new().await;
    kept.prepare(&mut project).await;
    project.edit("timeout: 3s\n    env: { KEY_ID", "timeout: 25s\n    env: { KEY_ID");
    project.run(&["bootstrap", "--auto-approve"]).await.ok();
    project
}
