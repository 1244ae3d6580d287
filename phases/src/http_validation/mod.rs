//! The third phase: requests the pages of the resolved domains.

mod authorship;
mod budget;
mod coding;
mod config;
mod connect;
mod cookies;
mod detail;
mod gate;
mod head;
mod headers;
mod page;
mod probe;
mod proxy_probe;
mod record;
mod request;
mod visit;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hickory_proto::rr::RecordType;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{FieldProblem, InputChange, Phase, PhaseContext, Resources, RunError, RunOutcome};
use serde::Deserialize;
#[cfg(feature = "testing")]
use tokio::io::AsyncRead;
use tokio::task::JoinError;

pub(crate) use config::HTTP_PERSONA;
pub use config::{Config, HttpPersona, HttpPersonaId, Path, Scheme, UserAgent};
pub use detail::HttpDetail;
pub use headers::{HeaderName, HeaderValue, Headers};
pub use page::Page;
pub use probe::HttpPersonaProbe;
pub use proxy_probe::ProxyProbe;
pub use record::{HttpRecord, Measured, Record, Status, Summary, TextPart};

use self::request::Answer;
use crate::abortable;
use crate::detail::Detail;
use crate::dns_validation::{PROXY, unsound};
use crate::net::dial::ProxyCheck;
use crate::net::dns::{DnsClient, LookupStatus, QueryPolicy, Strategy};
use crate::net::persona_limits::{LimitsByPersona, PersonaLimits};
use crate::net::proxy::Proxy;
use crate::net::sockets;
use crate::net::uplink::Uplink;
use crate::ordered::{self, Checkpoint, WorkLimits};
use crate::persona;
use crate::schema;
use gate::ProxyGate;
use visit::{Site, Visitor};

/// Up to how many bytes a page is read on the spot. It takes less time than to hand it over to another thread.
const AT_ONCE: usize = 8 * 1024;

/// Requests every resolved domain over HTTP/1.1, directly at the addresses that DNS validation found, or through the proxy.
///
/// Domains that did not resolve give no record. The text of a long page goes on in further records, directly behind that of its
/// domain. Addresses outside the public Internet are refused before any connection, also
/// at each redirect, unless the persona allows them. An unusable proxy fails the phase.
///
/// All runs of a phase and of its clones share the limits of a persona.
#[derive(Clone, Debug, Default)]
pub struct HttpValidation {
    limits: LimitsByPersona,
}

/// The part of DNS validation's record that HTTP validation reads.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// The domain.
    pub domain: String,
    /// How its look-up ended.
    pub status: LookupStatus,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

struct Persona {
    id: String,
    visitor: Visitor,
}

#[async_trait]
impl Phase for HttpValidation {
    type Config = Config;
    type Input = Input;
    type Record = HttpRecord;
    type Checkpoint = Checkpoint<Summary>;
    type Summary = Summary;

    fn definition(&self) -> PhaseDefinition {
        PhaseDefinition::new(
            PhaseName::new("http_validation").expect("a valid phase name"),
            schema::of::<Config>(),
        )
        .title("HTTP validation")
    }

    async fn check(&self, config: &Config, resources: &Resources) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        for (place, id) in config.persona_ids.iter().enumerate() {
            let persona = resources
                .get(HTTP_PERSONA, id.as_str())
                .map(HttpPersona::deserialize);
            if let Some(Ok(HttpPersona {
                resolvers: Some(resolvers),
                ..
            })) = persona
            {
                problems.extend(unsound(&resolvers, &format!("/personaIds/{place}")));
            }
        }
        problems
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Summary>, RunError> {
        let config = ctx.config();
        let ids = config.persona_ids.iter().map(HttpPersonaId::as_str);
        let proxy = match &config.proxy_id {
            Some(id) => Some(Arc::new(ctx.resources().get_as::<Proxy>(PROXY, id.as_str())?)),
            None => None,
        };
        sockets::make_room();
        let gate = proxy.clone().map(|proxy| Arc::new(ProxyGate::new(proxy)));
        let mut concurrency = 0;
        let personas = persona::make_all(ctx.resources(), HTTP_PERSONA, ids, |id, persona: HttpPersona| {
            let size = persona.concurrency.size();
            let rate = persona.rate_per_second.map(|rate| rate.get());
            concurrency += size;
            let limits = self.limits.of(&id, size, rate);
            Persona::new(id, persona, limits, gate.clone())
        })?;
        let proxy_check = ProxyCheck::new(proxy);
        let limits = WorkLimits {
            concurrency,
            batch: 500,
        };
        let (personas, proxy_check) = (&personas, &proxy_check);
        let mut summary = ordered::run(&ctx, limits, |index, input| async move {
            let record = request(personas, proxy_check, index, input).await?;
            Ok(record.map_or_else(Vec::new, Record::in_parts))
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
    fn new(
        id: String,
        persona: HttpPersona,
        limits: Arc<PersonaLimits>,
        gate: Option<Arc<ProxyGate>>,
    ) -> Self {
        let name = format!("the HTTP persona {id}");
        Self::named(id, name, persona, limits, gate)
    }

    /// Makes a persona with limits of its own, for a probe: a probe answers soon, whatever the runs do.
    fn alone(name: &str, persona: HttpPersona) -> Self {
        let rate = persona.rate_per_second.map(|rate| rate.get());
        let limits = Arc::new(PersonaLimits::new(persona.concurrency.size(), rate));
        Self::named(String::new(), name, persona, limits, None)
    }

    /// Makes a persona at work. Errors call it `name`.
    fn named(
        id: String,
        name: impl Into<String>,
        persona: HttpPersona,
        limits: Arc<PersonaLimits>,
        gate: Option<Arc<ProxyGate>>,
    ) -> Self {
        let resolvers = match &persona.resolvers {
            // A proxy resolves by itself.
            Some(servers) if gate.is_none() => {
                let policy = QueryPolicy {
                    strategy: Strategy::First,
                    record_types: vec![RecordType::A, RecordType::AAAA],
                    timeout: Duration::from_millis(persona.connect_timeout_ms.get()),
                    retries: 1,
                };
                Some(DnsClient::new(name, servers, policy, None, None))
            }
            _ => None,
        };
        let visitor = Visitor {
            persona,
            limits,
            gate,
            resolvers,
            uplink: Uplink::default(),
        };
        Self { id, visitor }
    }
}

/// Requests a domain. Its record has the whole text.
async fn request(
    personas: &[Arc<Persona>],
    proxy_check: &ProxyCheck,
    index: u64,
    input: Input,
) -> Result<Option<Record>, RunError> {
    if input.status != LookupStatus::Resolved || input.addresses.is_empty() {
        return Ok(None);
    }
    let persona = persona::serving(personas, index)
        .ok_or_else(|| RunError::failed("no_persona", "the config names no HTTP persona"))?;
    let Persona { id, visitor } = persona.as_ref();
    proxy_check.pass().await?;
    if let Some(resolvers) = &visitor.resolvers {
        resolvers.find_servers().await?;
    }
    let _slot = visitor.limits.begin_item().await;
    let start = Instant::now();
    let site = Site {
        domain: input.domain,
        addresses: input.addresses,
    };
    let visit = visitor.visit(&site).await?;
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut record = Record {
        domain: site.domain,
        url: visit.url,
        final_url: visit.final_url,
        status: visit.status,
        detail: visit.detail,
        http_status: None,
        content_type: None,
        charset: None,
        redirects: visit.redirects,
        title: None,
        text: String::new(),
        text_truncated: false,
        bytes: 0,
        body_truncated: false,
        persona: id.clone(),
        measured: Measured {
            duration_ms,
            requests: visit.requests,
            address: visit.address.map(|address| address.to_string()),
        },
    };
    let Some(answer) = visit.answer else {
        return Ok(Some(record));
    };
    record.http_status = Some(answer.status);
    record.bytes = u64::try_from(answer.body.len()).unwrap_or(u64::MAX);
    record.body_truncated = answer.truncated;
    record.content_type.clone_from(&answer.content_type);
    if record.status == Status::Ok && record.detail.is_none() {
        record.detail = remark(&answer);
    }
    if record.status == Status::Ok && !answer.body.is_empty() {
        let page = read(answer).await.map_err(|error| {
            RunError::failed("page_unreadable", format!("a page's text can't be read: {error}"))
        })?;
        record.title = page.title;
        record.text = page.text;
        record.charset = Some(page.charset)
            .filter(|charset| !charset.is_empty())
            .map(str::to_owned);
        record.text_truncated = page.truncated || record.body_truncated;
    }
    Ok(Some(record))
}

/// Reads the page of an answer, and keeps what its body takes of what all may hold until then.
async fn read(answer: Answer) -> Result<Page, JoinError> {
    let content_type = answer.content_type.as_deref();
    if answer.body.len() <= AT_ONCE {
        return Ok(Page::read(content_type, &answer.body, &|| false));
    }
    abortable::run(move |aborted| {
        let answer = &answer;
        Page::read(answer.content_type.as_deref(), &answer.body, &|| aborted.get())
    })
    .await
}

/// What comes over a connection, with the head of its answer mended.
#[cfg(feature = "testing")]
pub(crate) fn mended(bytes: impl AsyncRead + Unpin) -> impl AsyncRead + Unpin {
    head::MendedHead::new(bytes)
}

/// What a person should know of an answer that is a page.
fn remark(answer: &Answer) -> Option<Detail<HttpDetail>> {
    let content_type = answer.content_type.as_deref();
    match (content_type, &answer.refresh) {
        (Some(other), _) if !Page::is_of(other) => Some(HttpDetail::NoText.with(other)),
        (_, Some(refresh)) => Some(HttpDetail::Refresh.with(refresh)),
        _ => None,
    }
}
