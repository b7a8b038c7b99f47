//! The actions of KMS, and the keys to which each one can apply.

/// The keys that an action can be called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The action names no key, so identity policies alone decide.
    NoKey,
    /// Keys in the caller's account only.
    OwnAccount,
    /// Keys in any account.
    AnyAccount,
}

use Reach::{AnyAccount, NoKey, OwnAccount};

/// Every action of KMS, in alphabetical order.
///
/// Source: the KMS API reference, the lines "Cross-account use" and "Required permissions" of each operation.
/// ReEncrypt is authorised as two actions, and TagResource also covers the tags of CreateKey.
const ACTIONS: &[(&str, Reach)] = &[
    ("CancelKeyDeletion", OwnAccount),
    ("ConnectCustomKeyStore", NoKey),
    ("CreateAlias", OwnAccount),
    ("CreateCustomKeyStore", NoKey),
    ("CreateGrant", AnyAccount),
    ("CreateKey", NoKey),
    ("Decapsulate", AnyAccount),
    ("Decrypt", AnyAccount),
    ("DeleteAlias", OwnAccount),
    ("DeleteCustomKeyStore", NoKey),
    ("DeleteImportedKeyMaterial", OwnAccount),
    ("DeriveSharedSecret", AnyAccount),
    ("DescribeCustomKeyStores", NoKey),
    ("DescribeKey", AnyAccount),
    ("DisableKey", OwnAccount),
    ("DisableKeyRotation", OwnAccount),
    ("DisconnectCustomKeyStore", NoKey),
    ("EnableKey", OwnAccount),
    ("EnableKeyRotation", OwnAccount),
    ("Encapsulate", AnyAccount),
    ("Encrypt", AnyAccount),
    ("GenerateDataKey", AnyAccount),
    ("GenerateDataKeyPair", AnyAccount),
    ("GenerateDataKeyPairWithoutPlaintext", AnyAccount),
    ("GenerateDataKeyWithoutPlaintext", AnyAccount),
    ("GenerateMac", AnyAccount),
    ("GenerateRandom", NoKey),
    ("GetKeyLastUsage", OwnAccount),
    ("GetKeyPolicy", OwnAccount),
    ("GetKeyRotationStatus", AnyAccount),
    ("GetParametersForImport", OwnAccount),
    ("GetPublicKey", AnyAccount),
    ("ImportKeyMaterial", OwnAccount),
    ("ListAliases", NoKey),
    ("ListGrants", AnyAccount),
    ("ListKeyPolicies", OwnAccount),
    ("ListKeyRotations", OwnAccount),
    ("ListKeys", NoKey),
    ("ListResourceTags", OwnAccount),
    ("ListRetirableGrants", NoKey),
    ("PutKeyPolicy", OwnAccount),
    ("ReEncryptFrom", AnyAccount),
    ("ReEncryptTo", AnyAccount),
    ("ReplicateKey", OwnAccount),
    ("RetireGrant", AnyAccount),
    ("RevokeGrant", AnyAccount),
    ("RotateKeyOnDemand", OwnAccount),
    ("ScheduleKeyDeletion", OwnAccount),
    ("Sign", AnyAccount),
    ("SynchronizeMultiRegionKey", OwnAccount),
    ("TagResource", OwnAccount),
    ("UntagResource", OwnAccount),
    ("UpdateAlias", OwnAccount),
    ("UpdateCustomKeyStore", NoKey),
    ("UpdateKeyDescription", OwnAccount),
    ("UpdatePrimaryRegion", OwnAccount),
    ("Verify", AnyAccount),
    ("VerifyMac", AnyAccount),
];

/// Looks up an action such as `kms:Decrypt`, in any letter case; `None` if KMS has no such action.
pub(super) fn reach(action: &str) -> Option<Reach> {
    let name = operation(action)?;
    ACTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, reach)| *reach)
}

/// Returns whether an action applies to a key.
pub(super) fn names_key(action: &str) -> bool {
    reach(action) != Some(NoKey)
}

/// Returns the part of an action after `kms:`; `None` for an action of another service.
pub(super) fn operation(action: &str) -> Option<&str> {
    action.split_once(':').filter(|(service, _)| service.eq_ignore_ascii_case("kms")).map(|(_, name)| name)
}

/// Returns every action on a key without the prefix `kms:`, in alphabetical order.
pub fn key_actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().filter(|(_, reach)| *reach != NoKey).map(|(name, _)| *name)
}
