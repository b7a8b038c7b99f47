//! Which values are secrets: they appear in no plan, report or message.

/// Text that replaces a secret.
pub const HIDDEN: &str = "(hidden)";

/// Words that mark a name as the name of a secret.
const SECRET: [&str; 9] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "PRIVATE", "API_KEY", "APIKEY"];

/// Endings of names that describe a secret without containing it.
const ABOUT: [&str; 12] = [
    "_KEY_ID",
    "_KEY_ARN",
    "_ARN",
    "_ALIAS",
    "_ISSUER",
    "_AUDIENCE",
    "_SCOPE",
    "_SCOPES",
    "_TTL",
    "_NAME",
    "_ALGORITHM",
    "_SUBNET",
];

/// Returns whether a variable holds a secret, according to its name. This is the only rule; every renderer uses it.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    SECRET.iter().any(|word| name.contains(word)) && !ABOUT.iter().any(|ending| name.ends_with(ending))
}
