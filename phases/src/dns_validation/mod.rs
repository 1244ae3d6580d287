//! The second phase: finds the generated domains that have an address.

mod config;
mod probe;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hickory_proto::rr::RecordType;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{FieldProblem, InputChange, Phase, PhaseContext, Resources, RunError, RunOutcome};
use serde::Deserialize;

pub use config::{AddressRecord, Config, DnsPersona, DnsPersonaId, ProxyId};
pub(crate) use config::{DNS_PERSONA, PROXY};
pub use probe::DnsPersonaProbe;
pub use record::{Measured, Record, Summary};

use crate::net::dial::ProxyCheck;
use crate::net::dns::{DnsClient, LookupDetail, QueryPolicy, Server};
use crate::net::persona_limits::{LimitsByPersona, PersonaLimits};
use crate::net::proxy::Proxy;
use crate::net::sockets;
use crate::ordered::{self, Checkpoint, WorkLimits};
use crate::persona;
use crate::schema;

/// Looks up every generated domain, by real queries to the servers of the personas. Direct queries go over UDP, and over TCP
/// if an answer doesn't fit. Through a proxy all queries go over TCP.
///
/// It keeps no cache, reads no hosts file and adds no search domain. An unusable proxy fails the phase.
///
/// All runs of a phase and of its clones share the limits of a persona.
#[derive(Clone, Debug, Default)]
pub struct DnsValidation {
    limits: LimitsByPersona,
}

/// The part of a generated domain that DNS validation reads.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// The domain.
    pub domain: String,
}

struct Persona {
    id: String,
    client: DnsClient,
    limits: Arc<PersonaLimits>,
}

#[async_trait]
impl Phase for DnsValidation {
    type Config = Config;
    type Input = Input;
    type Record = Record;
    type Checkpoint = Checkpoint<Summary>;
    type Summary = Summary;

    fn definition(&self) -> PhaseDefinition {
        PhaseDefinition::new(
            PhaseName::new("dns_validation").expect("a valid phase name"),
            schema::of::<Config>(),
        )
        .title("DNS validation")
    }

    async fn check(&self, config: &Config, resources: &Resources) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        for (place, id) in config.persona_ids.iter().enumerate() {
            let persona = resources
                .get(DNS_PERSONA, id.as_str())
                .map(DnsPersona::deserialize);
            if let Some(Ok(persona)) = persona {
                problems.extend(unsound(&persona.resolvers, &format!("/personaIds/{place}")));
            }
        }
        problems
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Summary>, RunError> {
        let config = ctx.config();
        let ids = config.persona_ids.iter().map(DnsPersonaId::as_str);
        let proxy = match &config.proxy_id {
            Some(id) => Some(Arc::new(ctx.resources().get_as::<Proxy>(PROXY, id.as_str())?)),
            None => None,
        };
        sockets::make_room();
        let mut concurrency = 0;
        let personas = persona::make_all(ctx.resources(), DNS_PERSONA, ids, |id, persona: DnsPersona| {
            let size = persona.concurrency.size();
            let rate = persona.rate_per_second.map(|rate| rate.get());
            concurrency += size;
            let limits = self.limits.of(&id, size, rate);
            Persona::new(id, persona, limits, proxy.clone())
        })?;
        let proxy_check = ProxyCheck::new(proxy);
        let limits = WorkLimits {
            concurrency,
            batch: 2_000,
        };
        let mut summary = ordered::run(&ctx, limits, |index, input| {
            look_up(&personas, &proxy_check, index, input)
        })
        .await?;
        summary.warn();
        Ok(RunOutcome::Completed(summary))
    }

    /// A run can continue after a persona or the proxy was mended: the domains, and the persona of each, stay the same.
    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        change.old_config == change.new_config
    }
}

impl Persona {
    fn new(id: String, persona: DnsPersona, limits: Arc<PersonaLimits>, proxy: Option<Arc<Proxy>>) -> Self {
        let name = format!("the DNS persona {id}");
        Self::named(id, name, persona, limits, proxy)
    }

    /// Makes a persona with limits of its own, for a probe: a probe answers soon, whatever the runs do.
    fn alone(name: &str, persona: DnsPersona) -> Self {
        let rate = persona.rate_per_second.map(|rate| rate.get());
        let limits = Arc::new(PersonaLimits::new(persona.concurrency.size(), rate));
        Self::named(String::new(), name, persona, limits, None)
    }

    /// Makes a persona. Errors call it `name`.
    fn named(
        id: String,
        name: impl Into<String>,
        persona: DnsPersona,
        limits: Arc<PersonaLimits>,
        proxy: Option<Arc<Proxy>>,
    ) -> Self {
        let mut record_types: Vec<_> = persona.record_types.to_vec();
        record_types.sort();
        record_types.dedup();
        let policy = QueryPolicy {
            strategy: persona.strategy,
            record_types: record_types.into_iter().map(RecordType::from).collect(),
            timeout: Duration::from_millis(persona.timeout_ms.get()),
            retries: persona.retries.get(),
        };
        let client = DnsClient::new(name, &persona.resolvers, policy, Some(Arc::clone(&limits)), proxy);
        Self { id, client, limits }
    }
}

impl From<AddressRecord> for RecordType {
    fn from(record: AddressRecord) -> Self {
        match record {
            AddressRecord::A => Self::A,
            AddressRecord::Aaaa => Self::AAAA,
        }
    }
}

/// A problem for each resolver whose brackets don't hold an IPv6 address. A schema can't check that.
pub(crate) fn unsound(servers: &[Server], pointer: &str) -> Vec<FieldProblem> {
    servers
        .iter()
        .filter(|server| !server.is_sound())
        .map(|server| {
            let message = format!(
                "its resolver {} is not an IPv6 address with a port: mend the persona",
                server.as_str()
            );
            FieldProblem::new(pointer, "resolver_invalid", message)
        })
        .collect()
}

async fn look_up(
    personas: &[Arc<Persona>],
    proxy_check: &ProxyCheck,
    index: u64,
    input: Input,
) -> Result<Option<Record>, RunError> {
    let persona = persona::serving(personas, index)
        .ok_or_else(|| RunError::failed("no_persona", "the config names no DNS persona"))?;
    proxy_check.pass().await?;
    let _slot = persona.limits.begin_item().await;
    let start = Instant::now();
    // One of n personas serves every n-th item, so its servers take turns by the index divided by n.
    let turn = index / u64::try_from(personas.len()).unwrap_or(1);
    let lookup = persona.client.lookup(&input.domain, turn).await?;
    Ok(Some(Record {
        domain: input.domain,
        status: lookup.status,
        detail: lookup.detail.map(LookupDetail::detail),
        extended_errors: lookup.extended_errors,
        addresses: lookup.addresses,
        persona: persona.id.clone(),
        measured: Measured {
            duration_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            queries: lookup.queries,
        },
    }))
}
