import type { Event, EventType, Mode } from "../api";
import type { Tone } from "../words";

interface Names {
  phase: (phase: string) => string;
  mode: (mode: Mode) => string;
}

interface Told {
  title: string;
  tone: Tone;
  detail?: string;
}

/** An event as a sentence. */
export function tell(event: Event, names: Names): Told {
  const phase = event.phase ? names.phase(event.phase) : "";
  const run = event.run && event.run > 1 ? `Run ${event.run}` : undefined;
  const attempt = event.attempt ? `Attempt ${event.attempt}` : undefined;
  const mode = event.mode ? names.mode(event.mode) : "";
  const TELLINGS: Record<EventType, () => Told> = {
    campaign_created: () => ({ title: `Created, ${mode.toLowerCase()}`, tone: "quiet" }),
    campaign_described: () => ({ title: "Described anew", tone: "quiet", detail: description(event) }),
    phase_configured: () => ({
      title: `${phase} configured`,
      tone: "quiet",
      detail: `Digest ${event.digest?.slice(0, 12)}`,
    }),
    phase_config_removed: () => ({ title: `Config of ${phase} removed`, tone: "quiet" }),
    phase_retry_set: () => ({ title: `Retries of ${phase} set`, tone: "quiet" }),
    mode_changed: () => ({ title: `Mode set to ${mode.toLowerCase()}`, tone: "quiet" }),
    phase_started: () => ({ title: `${phase} started by hand`, tone: "live", detail: run }),
    phase_auto_started: () => ({ title: `${phase} started by the chain`, tone: "live", detail: run }),
    phase_pause_requested: () => ({ title: `Pause of ${phase} asked for`, tone: "attention" }),
    phase_paused: () => ({ title: `${phase} paused`, tone: "attention" }),
    phase_resumed: () => ({ title: `${phase} resumed`, tone: "live", detail: attempt }),
    phase_recovered: () => ({
      title: `${phase} taken up again after the process ended`,
      tone: "live",
      detail: attempt,
    }),
    phase_stop_requested: () => ({ title: `Stop of ${phase} asked for`, tone: "attention" }),
    phase_stopped: () => ({ title: `${phase} stopped`, tone: "attention" }),
    phase_completed: () => ({ title: `${phase} completed`, tone: "ok", detail: gist(event.summary) }),
    phase_failed: () => ({ title: `${phase} failed`, tone: "bad", detail: event.failure?.message }),
    phase_retried: () => ({ title: `${phase} tried again`, tone: "live", detail: attempt }),
    phase_deferred: () => ({ title: `${phase} waits for a report`, tone: "attention" }),
    phase_restarted: () => ({ title: `${phase} restarted from the beginning`, tone: "live", detail: run }),
    phase_skip_planned: () => ({ title: `${phase} is to be skipped`, tone: "quiet" }),
    phase_skip_withdrawn: () => ({ title: `${phase} is not to be skipped`, tone: "quiet" }),
    phase_skipped: () => ({ title: `${phase} skipped`, tone: "quiet" }),
    campaign_held: () => ({ title: "Paused between two phases", tone: "attention" }),
    campaign_released: () => ({ title: "No longer paused between two phases", tone: "quiet" }),
    campaign_completed: () => ({ title: "All phases completed", tone: "ok" }),
    run_pruned: () => ({ title: `Older runs of ${phase} pruned`, tone: "quiet" }),
    resource_stored: () => ({ title: "A resource was stored", tone: "quiet" }),
    resource_removed: () => ({ title: "A resource was removed", tone: "quiet" }),
    campaign_deleted: () => ({ title: "Deleted", tone: "quiet" }),
  };
  return TELLINGS[event.type]();
}

/** The name and the attributes that were set. */
function description({ name, attributes }: Event): string | undefined {
  const set = Object.entries(attributes ?? {});
  const told = set.map(([key, value]) => (value === null ? `without ${key}` : `${key} ${value}`));
  return [name, ...told].filter(Boolean).join(", ") || undefined;
}

/** The numbers of a summary in a line. */
function gist(summary: unknown): string | undefined {
  if (typeof summary !== "object" || summary === null) {
    return undefined;
  }
  const numbers = Object.entries(summary).filter(([, value]) => typeof value === "number");
  return numbers.map(([name, value]) => `${name} ${value}`).join(", ") || undefined;
}
