//! Makes what the services expect of the broker: tenant, namespace and its policies, topics, subscriptions, and who may do what.
//! Running it again changes nothing.

use reqwest::Method;
use serde_json::json;
use shared_events::partition::PARTITIONS;
use shared_events::{Kind, Service, Topic};

use crate::admin::Admin;
use crate::config::PulsarConfig;

/// What a role of the broker may do: which topics it writes, and which it reads under a subscription of its own name.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Name in its token (`sub`); no role's name may be the beginning of another's, since subscriptions are guarded by prefix.
    pub name: &'static str,
    /// Topics that it publishes to.
    pub writes: Vec<Topic>,
    /// Topics that it consumes durably; a subscription is made at the earliest message.
    pub consumes: Vec<Topic>,
    /// Topics that it may only look at, with readers.
    pub reads: Vec<Topic>,
}

/// What each role of Recoup is granted.
pub fn grants() -> Vec<Grant> {
    let all = |kind: Kind| Service::ALL.map(|service| Topic { service, kind }).to_vec();
    let own = |service| vec![Topic::events(service), Topic::parked(service)];
    vec![
        Grant { name: "bff", writes: all(Kind::Command), consumes: vec![], reads: all(Kind::Event) },
        Grant {
            name: "tracking",
            writes: own(Service::Tracking),
            consumes: vec![Topic::commands(Service::Tracking), Topic::events(Service::Orders)],
            reads: vec![],
        },
        Grant {
            name: "commission",
            writes: own(Service::Commission),
            consumes: vec![Topic::commands(Service::Commission), Topic::events(Service::Tracking)],
            reads: vec![],
        },
        Grant {
            name: "evidence",
            writes: own(Service::Evidence),
            consumes: vec![
                Topic::commands(Service::Evidence),
                Topic::events(Service::Claims),
                Topic::events(Service::Orders),
            ],
            reads: vec![],
        },
        Grant {
            name: "claims",
            writes: own(Service::Claims),
            consumes: vec![
                Topic::commands(Service::Claims),
                Topic::events(Service::Evidence),
                Topic::events(Service::Orders),
            ],
            reads: vec![],
        },
        Grant {
            name: "orders",
            // Its own edge turns wishes into commands.
            writes: [own(Service::Orders), vec![Topic::commands(Service::Orders)]].concat(),
            consumes: vec![Topic::commands(Service::Orders)],
            reads: vec![],
        },
        Grant {
            name: "notify",
            writes: own(Service::Notify),
            consumes: vec![
                Topic::commands(Service::Notify),
                Topic::events(Service::Commission),
                Topic::events(Service::Evidence),
                Topic::events(Service::Claims),
                Topic::events(Service::Orders),
            ],
            reads: vec![],
        },
        Grant { name: "replayer", writes: vec![], consumes: vec![], reads: Topic::all().collect() },
    ]
}

/// How long events can be replayed, and how much of them is kept at most, per topic partition.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Minutes.
    pub minutes: i64,
    /// Mebibytes.
    pub mebibytes: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { minutes: 30 * 24 * 60, mebibytes: 20 * 1_024 }
    }
}

/// Makes everything. `created` is told each step.
///
/// # Errors
/// When the broker does not answer or refuses; what was made so far stays, and running it again goes on.
pub async fn provision(
    admin: &Admin,
    config: &PulsarConfig,
    retention: Retention,
    mut created: impl FnMut(&str),
) -> anyhow::Result<()> {
    let (tenant, namespace) = (&config.tenant, format!("{}/{}", config.tenant, config.namespace));
    let clusters = admin.get("clusters").await.unwrap_or_else(|_| json!(["standalone"]));
    let put = Method::PUT;
    admin
        .ensure(
            put.clone(),
            &format!("tenants/{tenant}"),
            Some(&json!({"adminRoles": [], "allowedClusters": clusters})),
            &[409],
        )
        .await?;
    admin.ensure(put, &format!("namespaces/{namespace}"), None, &[409]).await?;
    created(&format!("namespace {namespace}"));
    policies(admin, &namespace, retention).await?;
    for topic in Topic::all() {
        let path = format!("persistent/{namespace}/{}", topic.name());
        admin.ensure(Method::PUT, &format!("{path}/partitions"), Some(&json!(PARTITIONS)), &[409]).await?;
        let have = admin.get(&format!("{path}/partitions")).await?;
        anyhow::ensure!(
            have["partitions"] == PARTITIONS,
            "{} has {} partitions instead of {PARTITIONS}: keys would change places; drain it, delete it and provision anew",
            topic.name(),
            have["partitions"]
        );
        created(&format!("topic {} ({PARTITIONS} partitions)", topic.name()));
    }
    for role in grants() {
        for topic in &role.consumes {
            let path = format!("persistent/{namespace}/{}/subscription/{}", topic.name(), role.name);
            let earliest = json!({"ledgerId": -1, "entryId": -1, "partitionIndex": -1});
            admin.ensure(Method::PUT, &path, Some(&earliest), &[409]).await?;
            created(&format!("subscription {} on {}", role.name, topic.name()));
        }
        permissions(admin, &namespace, &role).await?;
        created(&format!("permissions of {}", role.name));
    }
    Ok(())
}

async fn policies(admin: &Admin, namespace: &str, retention: Retention) -> anyhow::Result<()> {
    let policies = [
        ("retention", json!({"retentionTimeInMinutes": retention.minutes, "retentionSizeInMB": retention.mebibytes})),
        ("deduplication", json!(true)),
        (
            "persistence",
            json!({
                "bookkeeperEnsemble": 1, "bookkeeperWriteQuorum": 1, "bookkeeperAckQuorum": 1, "managedLedgerMaxMarkDeleteRate": 10.0
            }),
        ),
        ("autoTopicCreation", json!({"allowAutoTopicCreation": false})),
        ("autoSubscriptionCreation", json!({"allowAutoSubscriptionCreation": false})),
        (
            "inactiveTopicPolicies",
            json!({
                "inactiveTopicDeleteMode": "delete_when_no_subscriptions", "maxInactiveDurationSeconds": 31_536_000, "deleteWhileInactive": false
            }),
        ),
        ("subscriptionAuthMode", json!("Prefix")),
    ];
    for (name, value) in policies {
        admin.ensure(Method::POST, &format!("namespaces/{namespace}/{name}"), Some(&value), &[]).await?;
    }
    Ok(())
}

async fn permissions(admin: &Admin, namespace: &str, role: &Grant) -> anyhow::Result<()> {
    for topic in Topic::all() {
        let mut actions = Vec::new();
        if role.writes.contains(&topic) {
            actions.push("produce");
        }
        if role.consumes.contains(&topic) || role.reads.contains(&topic) {
            actions.push("consume");
        }
        if !actions.is_empty() {
            admin.permit(&format!("persistent/{namespace}/{}", topic.name()), role.name, &actions).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_is_the_beginning_of_another() {
        let names: Vec<_> = grants().iter().map(|role| role.name).collect();
        for one in &names {
            assert!(names.iter().all(|other| one == other || !other.starts_with(one)), "{one}");
        }
    }
}
