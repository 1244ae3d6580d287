//! The lead-generation pipeline: four real phases over the port of the crate `phasegate`.
//!
//! | phase | reads | gives one record for |
//! |---|---|---|
//! | [`DomainGeneration`] | its config | each domain of a pattern |
//! | [`DnsValidation`] | the domains | each domain: its addresses, or why it has none |
//! | [`HttpValidation`] | the domains that resolved | each of them: its page, or why it has none |
//! | [`Analysis`] | the pages | each requested domain: how often the keyword occurs, and a score |
//!
//! Records come in the order of the domains. The index of an item among the records of the phase before decides which persona
//! serves it, and the record names the persona. The text of a long page is more than one record holds: its rest stands directly behind
//! the domain's record in records of the form `{"domain": "a.example", "part": 1, "text": "…"}`, with parts 2, 3 and so on. Who reads
//! the records of HTTP validation joins them, or skips those that have a `part`. Progress and summaries count domains, never parts.
//! Only the member `measured` differs from run to run. Each phase streams and
//! commits batches with a checkpoint. A cancelled phase drops the work in flight, so the next attempt repeats at most one batch.
//!
//! ```
//! let pipeline = phasegate_phases::pipeline()?;
//! assert_eq!(pipeline.phases().len(), 4);
//! # Ok::<(), phasegate::PipelineError>(())
//! ```

mod abortable;
pub mod analysis;
mod detail;
pub mod dns_validation;
pub mod domain_generation;
pub mod http_validation;
mod net;
mod ordered;
mod persona;
mod probe;
mod sandboxed;
mod schema;
#[cfg(feature = "testing")]
pub mod testing;
mod value;

use phasegate::core::PipelineDefinition;
use phasegate::{Phase, Pipeline, PipelineError};
use serde_json::Value;

pub use detail::Detail;
pub use net::dns::{ExtendedError, LookupDetail, LookupStatus, Server, Strategy};
pub use net::proxy::{Host, Password, Protocol, Proxy, Username};
pub use ordered::Checkpoint;
pub use sandboxed::sandboxed;
pub use value::{List, Whole};

use analysis::Analysis;
use dns_validation::{DNS_PERSONA, DnsPersona, DnsPersonaProbe, DnsValidation, PROXY};
use domain_generation::DomainGeneration;
use http_validation::{HTTP_PERSONA, HttpPersona, HttpPersonaProbe, HttpValidation, ProxyProbe};

/// The pipeline `lead_generation`, with its four phases and three kinds of resources, each with a probe.
///
/// # Errors
///
/// None in practice: the names and schemas are fixed, and tests compile them.
pub fn pipeline() -> Result<Pipeline, PipelineError> {
    Pipeline::builder("lead_generation")
        .title("Lead generation")
        .phase(DomainGeneration)
        .phase(DnsValidation::default())
        .phase(HttpValidation::default())
        .phase(Analysis)
        .resource_kind(DNS_PERSONA, "DNS persona", schema::of::<DnsPersona>())
        .resource_kind(HTTP_PERSONA, "HTTP persona", schema::of::<HttpPersona>())
        .resource_kind(PROXY, "Proxy", schema::of::<Proxy>())
        .probe(DNS_PERSONA, DnsPersonaProbe)
        .probe(HTTP_PERSONA, HttpPersonaProbe)
        .probe(PROXY, ProxyProbe)
        .build()
}

/// Every JSON Schema of the pipeline, with the name of its file in `schemas/`: one per phase, one per kind of resource, and
/// the schema of a pipeline's manifest.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("analysis.schema.json", Analysis.definition().config_schema),
        ("dns_persona.schema.json", schema::of::<DnsPersona>()),
        (
            "dns_validation.schema.json",
            DnsValidation::default().definition().config_schema,
        ),
        (
            "domain_generation.schema.json",
            DomainGeneration.definition().config_schema,
        ),
        ("http_persona.schema.json", schema::of::<HttpPersona>()),
        (
            "http_validation.schema.json",
            HttpValidation::default().definition().config_schema,
        ),
        ("pipeline.schema.json", schema::of::<PipelineDefinition>()),
        ("proxy.schema.json", schema::of::<Proxy>()),
    ]
}
