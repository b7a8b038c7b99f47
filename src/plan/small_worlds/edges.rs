//! The purpose of every edge of the order: without edges of that kind, a plan fails in at least one order of its ties.

use super::scenarios::{self as way, Scenario};
use super::{BOTH, ProofInput, journey, settle};
use crate::kinds::Edge;
use crate::plan::{Rules, Ties};

/// Returns the scenarios that an edge protects. Each of them fails without it.
fn guarded_by(edge: Edge) -> Vec<Scenario> {
    match edge {
        Edge::RoleBeforeKeyPolicy => vec![way::creation(), way::role_swap(), way::role_gone()],
        Edge::RoleBeforeFunction => vec![way::function_added(), way::role_widened()],
        Edge::KeyPolicyBeforeFunction => {
            vec![way::role_swap(), way::alias_behind(), way::new_user_of_disabled()]
        }
        Edge::PutBeforeAwait => vec![way::role_swap()],
        Edge::KeyAliasBeforeFunction => vec![way::creation(), way::code_by_alias()],
        Edge::KeyPolicyBeforeKeyAlias => vec![way::key_alias_moved(), way::key_pending()],
        Edge::LogGroupBeforeFunction => vec![way::function_joined()],
        Edge::KeyPolicyBeforeLogGroup => vec![way::logs_encrypted(), way::logs_of_disabled()],
        Edge::CreateBeforeUse => vec![way::creation(), way::key_pending()],
        Edge::EnableBeforeRotation => vec![way::key_pending(), way::rotation_of_disabled()],
        Edge::CancelBeforeEnable => vec![way::key_pending()],
        Edge::ConfigurationBeforeCode => vec![way::code_and_configuration()],
        Edge::UpdateBeforePublish => vec![way::code_and_configuration(), way::role_swap()],
        Edge::PublishBeforeAlias => vec![way::creation(), way::role_swap()],
        Edge::AliasBeforePermission => vec![way::creation()],
        Edge::CreateBeforeReference => vec![way::creation(), way::address_known()],
        Edge::ResourceBeforeMethod => vec![way::creation()],
        Edge::ParentBeforeChild => vec![way::creation()],
        Edge::PartBeforeMethod => vec![way::creation()],
        Edge::TreeBeforeDeployment => vec![way::creation(), way::parts_removed(), way::deployments_pruned()],
        Edge::DeploymentBeforeStage => vec![way::deployments_pruned()],
        Edge::FunctionBeforeStage => vec![way::creation(), way::route_added()],
        Edge::LogGroupBeforeStage => vec![way::log_added()],
        Edge::StageBeforeUsagePlan => vec![way::creation(), way::stage_renamed()],
        Edge::ApiKeyBeforeUsagePlan => vec![way::plan_added()],
        Edge::UsagePlanBeforeUsagePlan => vec![way::plan_renamed(), way::key_moved_between_plans()],
        Edge::MethodBeforePartRemoval => vec![way::parts_removed(), way::method_opened()],
        Edge::StageBeforeDeploymentRemoval => vec![way::deployments_pruned()],
        Edge::UsagePlanBeforeStageRemoval => vec![way::destruction(), way::stage_renamed_without_plan()],
        Edge::ApiKeyBeforeApiRemoval => vec![way::destruction(), way::api_removed()],
        Edge::ApiBeforeFunctionRemoval => vec![way::destruction(), way::api_removed()],
        Edge::FunctionBeforeKeyNarrowing => vec![way::alias_dropped(), way::function_removed()],
        Edge::FunctionBeforeRoleRemoval => vec![way::destruction(), way::alias_dropped()],
        Edge::KeyPolicyBeforeRoleRemoval => vec![way::role_swap(), way::function_removed()],
        Edge::FunctionBeforeLogGroupRemoval => vec![way::function_removed(), way::stage_renamed()],
        Edge::DetachBeforeRoleRemoval => vec![way::role_unused()],
        Edge::FunctionBeforeKeyRemoval => vec![way::destruction(), way::key_removed()],
        Edge::StageBeforeDomain => vec![way::domain_added(), way::domain_follows_its_stage()],
        Edge::DomainBeforeApiRemoval => vec![way::domain_removed_with_its_api()],
        Edge::DomainUnmappedBeforeRemoval => vec![way::domain_removed_with_its_api()],
        Edge::UpdateBeforeMark => vec![way::code_and_configuration()],
    }
}

#[test]
fn every_edge_is_there_for_a_reason() {
    let mut needless = Vec::new();
    for &edge in Edge::ALL {
        let ways = guarded_by(edge);
        assert!(!ways.is_empty(), "{edge:?} guards nothing");
        for way in ways {
            let (course, start) = (ProofInput::new(&way.from, &way.to), way.start());
            let without = BOTH.map(|rules| Rules { without: Some(edge), ..rules });
            if without.into_iter().all(|rules| settle(&course, &start, rules).is_ok()) {
                needless.push((edge, way.name));
            }
        }
    }
    assert!(needless.is_empty(), "these go as well without their edge: {needless:#?}");
}

#[test]
fn every_way_is_safe_with_all_edges() {
    for way in way::all() {
        let (course, start) = (ProofInput::new(&way.from, &way.to), way.start());
        let shuffled = (0..4).map(|seed| Rules { ties: Ties::Shuffled(seed), ..Rules::default() });
        for rules in BOTH.into_iter().chain(shuffled) {
            let passed = journey(&course, &start, rules);
            let passed = passed.unwrap_or_else(|fault| panic!("{}, {rules:?}: {fault:#?}", way.name));
            assert!(!passed.is_empty(), "{}: there is nothing to do", way.name);
        }
    }
}
