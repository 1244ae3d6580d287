//! The last phase: counts the keyword in the pages.

mod config;
mod detail;
mod fold;
mod input;
mod score;

use std::collections::BTreeMap;

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{FieldProblem, Phase, PhaseContext, Resources, RunError, RunOutcome};
use serde::{Deserialize, Serialize};

pub use config::{Config, Keyword};
pub use detail::AnalysisDetail;
pub use input::{Input, Page, Part};

use crate::detail::{self as reason, Detail};
use crate::http_validation::Status;
use crate::ordered::{self, Checkpoint, Tally, WorkLimits};
use crate::schema;

/// How many of the best domains a summary names.
const TOP: usize = 10;
/// The number of bands that a summary sorts the scores into.
const BANDS: usize = 10;

/// Counts the keyword in the title and text of every page, and scores each page.
///
/// The keyword is found as a person reads it: in any letter case, with or without soft hyphens, with curly apostrophes or
/// straight ones, in full-width letters, and so on. An accent makes another letter.
///
/// A score is 0 to 100: 8 for each occurrence in the text up to 40, 40 for an occurrence in the title, and 20 when the
/// text's first occurrence begins within its first 500 bytes. The text is the part that HTTP validation kept, in however
/// many records. A domain without a page gets a record too, without matches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Analysis;

/// An analysed domain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The domain.
    pub domain: String,
    /// The URL of its page.
    pub url: String,
    /// Whether it gave a page.
    pub fetched: bool,
    /// Why nothing, or only a part of a page, was searched; null if a whole page was.
    pub detail: Option<Detail<AnalysisDetail>>,
    /// Whether the keyword occurs.
    pub matched: bool,
    /// How often it occurs in title and text.
    pub occurrences: u64,
    /// Whether it occurs in the title.
    pub in_title: bool,
    /// 0 to 100.
    pub score: u64,
}

/// A domain with a high score.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct TopDomain {
    /// The domain.
    pub domain: String,
    /// Its score.
    pub score: u64,
    /// How often the keyword occurs.
    pub occurrences: u64,
}

/// The counts of the domains so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    analysed: u64,
    fetched: u64,
    matched: u64,
    in_title: u64,
    occurrences: u64,
    total_score: u64,
    score_bands: [u64; BANDS],
    top_domains: Vec<TopDomain>,
    #[serde(default)]
    by_detail: BTreeMap<String, u64>,
}

/// The summary of a completed run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many domains were analysed.
    pub analysed: u64,
    /// How many of them gave a page.
    pub fetched: u64,
    /// How many pages contain the keyword.
    pub matched: u64,
    /// How many pages contain it in the title.
    pub in_title: u64,
    /// How often it occurs in all.
    pub occurrences: u64,
    /// The mean score of the pages, to two decimals; 0 without a page.
    pub mean_score: f64,
    /// How many pages have a score of 0 to 9, of 10 to 19, and so on; the last band is 90 to 100.
    pub score_bands: [u64; BANDS],
    /// The best domains, at most ten: ordered by score, then by occurrences, then by the order of the domains. The keyword
    /// occurs in each.
    pub top_domains: Vec<TopDomain>,
    /// The number of domains by detail, without those that are 0.
    pub by_detail: BTreeMap<String, u64>,
    /// What a person should look at: not one domain gave a page, or none a whole one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Tally<Record> for Counts {
    fn count(&mut self, record: Option<&Record>) {
        let Some(record) = record else { return };
        self.analysed += 1;
        self.fetched += u64::from(record.fetched);
        self.matched += u64::from(record.matched);
        self.in_title += u64::from(record.in_title);
        reason::count(&mut self.by_detail, record.detail.as_ref());
        self.occurrences = self.occurrences.saturating_add(record.occurrences);
        self.total_score = self.total_score.saturating_add(record.score);
        if record.fetched {
            self.score_bands[(record.score as usize / 10).min(BANDS - 1)] += 1;
        }
        if record.matched {
            let key = (record.score, record.occurrences);
            let place = self
                .top_domains
                .partition_point(|top| (top.score, top.occurrences) >= key);
            if place < TOP {
                let top = TopDomain {
                    domain: record.domain.clone(),
                    score: record.score,
                    occurrences: record.occurrences,
                };
                self.top_domains.insert(place, top);
                self.top_domains.truncate(TOP);
            }
        }
    }
}

impl From<Counts> for Summary {
    fn from(counts: Counts) -> Self {
        let hundredths = counts
            .total_score
            .saturating_mul(100)
            .checked_div(counts.fetched)
            .unwrap_or(0);
        let shared = reason::shared(AnalysisDetail::ALL, &counts.by_detail, counts.analysed);
        Self {
            warning: shared.map(|detail| {
                format!(
                    "All {} domains ended alike. {}",
                    counts.analysed,
                    detail.sentence()
                )
            }),
            by_detail: counts.by_detail,
            analysed: counts.analysed,
            fetched: counts.fetched,
            matched: counts.matched,
            in_title: counts.in_title,
            occurrences: counts.occurrences,
            mean_score: hundredths as f64 / 100.0,
            score_bands: counts.score_bands,
            top_domains: counts.top_domains,
        }
    }
}

#[async_trait]
impl Phase for Analysis {
    type Config = Config;
    type Input = Input;
    type Record = Record;
    type Checkpoint = Checkpoint<Counts>;
    type Summary = Summary;

    fn definition(&self) -> PhaseDefinition {
        PhaseDefinition::new(
            PhaseName::new("analysis").expect("a valid phase name"),
            schema::of::<Config>(),
        )
        .title("Analysis")
    }

    async fn check(&self, config: &Config, _: &Resources) -> Vec<FieldProblem> {
        if !score::Keyword::new(config.keyword.as_str()).is_blank() {
            return Vec::new();
        }
        let message = "the keyword has only characters that don't show: there is nothing to look for";
        vec![FieldProblem::new("/keyword", "keyword_blank", message)]
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Summary>, RunError> {
        let keyword = score::Keyword::new(ctx.config().keyword.as_str());
        let limits = WorkLimits {
            concurrency: 1,
            batch: 2_000,
        };
        let counts = ordered::run_joined(&ctx, limits, Input::join, |_, input| {
            std::future::ready(match input {
                Input::Page(page) => Ok(Some(analyse(&keyword, page))),
                Input::Part(part) => Err(stray(&part)),
            })
        })
        .await?;
        Ok(RunOutcome::Completed(counts.into()))
    }
}

/// A part must come directly behind what it continues.
fn stray(part: &Part) -> RunError {
    let Part { domain, part, .. } = part;
    let message = format!("part {part} of the text of {domain} does not stand behind what is before it");
    RunError::failed("upstream_unreadable", message)
}

fn analyse(keyword: &score::Keyword, page: Page) -> Record {
    let fetched = page.status == Status::Ok;
    let found = match fetched {
        true => keyword.find(page.title.as_deref(), &page.text),
        false => score::KeywordMatches::default(),
    };
    let detail = match fetched {
        false => Some(AnalysisDetail::NoPage),
        true if page.text_truncated => Some(AnalysisDetail::PartOfPage),
        true => None,
    };
    Record {
        domain: page.domain,
        url: page.final_url,
        fetched,
        detail: detail.map(AnalysisDetail::detail),
        matched: found.occurrences > 0,
        occurrences: found.occurrences,
        in_title: found.in_title,
        score: found.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(domain: &str, score: u64, occurrences: u64) -> Record {
        Record {
            domain: domain.to_owned(),
            url: format!("http://{domain}/"),
            fetched: true,
            detail: None,
            matched: occurrences > 0,
            occurrences,
            in_title: false,
            score,
        }
    }

    #[test]
    fn the_summary_names_the_ten_best_domains_and_of_equals_the_earlier() {
        let mut counts = Counts::default();
        for n in 0..30 {
            counts.count(Some(&record(&format!("d{n}.test"), 10 * (n % 3), n % 3)));
        }
        let summary = Summary::from(counts);
        assert_eq!(
            (summary.analysed, summary.matched, summary.occurrences),
            (30, 20, 30)
        );
        assert_eq!(summary.mean_score, 10.0);
        let names: Vec<_> = summary
            .top_domains
            .iter()
            .map(|top| top.domain.as_str())
            .collect();
        let expected: Vec<_> = (0..10).map(|n| format!("d{}.test", 3 * n + 2)).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn the_summary_sorts_the_pages_into_bands_of_ten_scores() {
        let mut counts = Counts::default();
        for score in [0, 9, 10, 89, 90, 100] {
            counts.count(Some(&record("d.test", score, 0)));
        }
        counts.count(Some(&Record {
            fetched: false,
            ..record("none.test", 0, 0)
        }));
        assert_eq!(Summary::from(counts).score_bands, [2, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn no_page_is_a_mean_of_zero() {
        assert_eq!(Summary::from(Counts::default()).mean_score, 0.0);
    }

    #[test]
    fn a_page_that_was_cut_is_marked_down_to_the_summary() {
        let keyword = score::Keyword::new("phasegate");
        let page = |status: Status, text_truncated| Page {
            domain: "d.test".to_owned(),
            final_url: "http://d.test/".to_owned(),
            status,
            title: None,
            text: "nothing of it".to_owned(),
            parts: 0,
            text_truncated,
        };
        let mut counts = Counts::default();
        for (page, expected) in [
            (page(Status::Ok, false), None),
            (page(Status::Ok, true), Some(AnalysisDetail::PartOfPage)),
            (page(Status::TimedOut, false), Some(AnalysisDetail::NoPage)),
        ] {
            let record = analyse(&keyword, page);
            assert_eq!(record.detail.as_ref().map(|detail| detail.code), expected);
            counts.count(Some(&record));
        }
        let summary = Summary::from(counts);
        let expected = [("no_page", 1), ("part_of_page", 1)];
        assert!(
            summary
                .by_detail
                .iter()
                .map(|(code, count)| (code.as_str(), *count))
                .eq(expected)
        );
        assert_eq!(summary.warning, None);
    }

    #[test]
    fn a_run_without_any_page_is_warned_of() {
        let keyword = score::Keyword::new("phasegate");
        let mut counts = Counts::default();
        for _ in 0..2 {
            let page = Page {
                domain: "d.test".to_owned(),
                final_url: "http://d.test/".to_owned(),
                status: Status::ConnectionFailed,
                title: None,
                text: String::new(),
                parts: 0,
                text_truncated: false,
            };
            counts.count(Some(&analyse(&keyword, page)));
        }
        let warning = Summary::from(counts).warning.unwrap();
        assert!(warning.contains("no page"), "{warning}");
    }
}
