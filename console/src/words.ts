// What a person reads for what the API says.
import type { Campaign, CampaignStatus, Code, Mode, Phase, PhaseStatus, Pipeline, Words } from "./api";

export type Tone = "quiet" | "ok" | "live" | "attention" | "bad";

export interface State {
  label: string;
  tone: Tone;
}

export const CAMPAIGN_STATES: Record<CampaignStatus, State> = {
  idle: { label: "Idle", tone: "quiet" },
  running: { label: "Running", tone: "live" },
  waiting_for_report: { label: "Waiting for a report", tone: "attention" },
  retrying: { label: "To be tried again", tone: "attention" },
  pausing: { label: "Pausing", tone: "live" },
  stopping: { label: "Stopping", tone: "live" },
  paused: { label: "Paused", tone: "attention" },
  stopped: { label: "Stopped", tone: "attention" },
  failed: { label: "Failed", tone: "bad" },
  waiting_for_configuration: { label: "Waiting for configuration", tone: "attention" },
  completed: { label: "Completed", tone: "ok" },
};

const PHASE_STATES: Record<Exclude<PhaseStatus, "not_started">, State> = {
  ...CAMPAIGN_STATES,
  skipped: { label: "Skipped", tone: "quiet" },
};

export const MODES: Record<Mode, { label: string; hint: string }> = {
  step_by_step: { label: "Step by step", hint: "You start each phase by hand." },
  full_sequence: { label: "Full sequence", hint: "You start once; each phase starts the next by itself." },
};

/** A phase's state: before it has begun that is what its config allows. */
export function phaseState(phase: Phase): State {
  if (phase.status !== "not_started") {
    return PHASE_STATES[phase.status];
  }
  if (!phase.configured) {
    return { label: "Not configured", tone: "quiet" };
  }
  return phase.problems.total > 0
    ? { label: "Config invalid", tone: "attention" }
    : { label: "Ready", tone: "ok" };
}

export function phaseTitle(pipeline: Pipeline | undefined, phase: string): string {
  return pipeline?.phases.find(({ name }) => name === phase)?.title ?? phase;
}

/** Whether a command is allowed now, and why not. */
export function next(campaign: Campaign, command: Words["command"], phase?: string) {
  const found = campaign.next.find(
    (one) => one.command === command && (phase === undefined || one.phase === phase),
  );
  const refusal = found?.refusal ?? undefined;
  return { allowed: found?.allowed ?? false, refusal: refusal && { ...refusal, code: refusal.code as Code } };
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (number: number) => whole.format(number);

export function duration(ms: number): string {
  if (ms < 1_000) {
    return `${Math.max(0, Math.round(ms))} ms`;
  }
  const seconds = ms / 1_000;
  if (seconds < 60) {
    return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const moment = (timestamp: string) => moments.format(new Date(timestamp));
