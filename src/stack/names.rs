//! The names of resources in AWS, which depend only on the stack file.

use super::desired::Place;

/// Derives the AWS names of resources.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub stack: &'a str,
    pub env: &'a str,
    pub place: &'a Place,
}

impl Names<'_> {
    /// Returns `{stack}-{env}-{name}`: the name of a role, a function or an API, and the default alias of a key.
    pub fn physical(&self, name: &str) -> String {
        format!("{}-{}-{name}", self.stack, self.env)
    }

    /// Returns the default path of roles.
    pub fn role_path(&self) -> String {
        format!("/lockstep/{}/{}/", self.stack, self.env)
    }

    /// Returns the ARN of an IAM resource: `role/x`, `user/x`, `policy/x`.
    pub fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.place.partition, self.place.account)
    }

    /// Returns the ARN of a resource in the region and account of the stack.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Place { partition, account, region, .. } = self.place;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// Returns the ARN of a role, from its path (`/` or `/…/`).
    pub fn role_arn(&self, name: &str, path: &str) -> String {
        self.iam(&format!("role{path}{}", self.physical(name)))
    }

    /// Returns the ARN of a function without qualifier.
    pub fn function_arn(&self, name: &str) -> String {
        self.arn("lambda", &format!("function:{}", self.physical(name)))
    }

    /// Returns the default name of the log group of a function.
    pub fn function_log_group(&self, name: &str) -> String {
        format!("/aws/lambda/{}", self.physical(name))
    }

    /// Returns the default name of a log group of the stack.
    pub fn log_group(&self, name: &str) -> String {
        format!("/lockstep/{}/{}/{name}", self.stack, self.env)
    }

    /// Returns the ARN of a log group, without `:*`.
    pub fn log_group_arn(&self, group: &str) -> String {
        self.arn("logs", &format!("log-group:{group}"))
    }
}

/// Help text for the name of a stack or an environment.
pub(super) const LABEL_HELP: &str =
    "start with a letter; letters, digits and `-` may follow, 32 characters in all";

/// Returns whether a text can be the name of a stack or an environment, which becomes a part of all AWS names.
pub(super) fn is_label(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Returns whether a text has the form of a region: `eu-central-1`.
pub(super) fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number = parts.next().is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    number
        && (2..=3).contains(&words.len())
        && words.iter().all(|word| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_other_words() {
        assert!(is_region("eu-central-1") && is_region("us-gov-west-1"));
        assert!(!is_region("eu-central") && !is_region("EU-central-1") && !is_region("mars"));
    }
}
