// What the console knows of the reference pipeline. Of any other it shows how many records each phase has.
import type { Campaign, Pipeline } from "../api";
import { phaseTitle } from "../words";

export interface Level {
  name: string;
  /** Undefined until it is known. */
  count?: number;
}

const PIPELINE = "lead_generation";

/** How many domains came how far. */
export function funnelOf(campaign: Campaign, pipeline?: Pipeline): Level[] {
  const of = (phase: string) => campaign.phases.find((one) => one.phase === phase);
  const records = (phase: string) => (of(phase)?.run == null ? undefined : campaign.records[phase]);
  if (campaign.pipeline !== PIPELINE) {
    return campaign.phases.map(({ phase }) => ({ name: phaseTitle(pipeline, phase), count: records(phase) }));
  }
  return [
    { name: "Generated", count: records("domain_generation") },
    { name: "Resolved", count: of("dns_validation")?.summary?.byStatus?.resolved },
    { name: "Fetched", count: of("http_validation")?.summary?.byStatus?.ok },
    { name: "Matched", count: of("analysis")?.summary?.matched },
  ];
}

export interface Scores {
  mean: number;
  /** How many pages have a score of 0 to 9, of 10 to 19, and so on; the last of 90 to 100. */
  bands: number[];
  top: { domain: string; score: number; occurrences: number }[];
}

/** The scores of the pages, once they are all known. */
export function scoresOf(campaign: Campaign): Scores | undefined {
  const summary = campaign.phases.find(({ phase }) => phase === "analysis")?.summary;
  if (campaign.pipeline !== PIPELINE || !summary) {
    return undefined;
  }
  return { mean: summary.meanScore, bands: summary.scoreBands ?? [], top: summary.topDomains };
}
