import { createSlice, type PayloadAction } from "@reduxjs/toolkit";
import type { Event, Progress } from "../api";

/** At most this many events of a campaign are kept; the newest. */
const EVENTS_KEPT = 2_000;
/** The rate is that of the last so many tellings, about five a second. */
const SAMPLES_KEPT = 25;

/** How far a run had come at a moment. */
interface Sample {
  at: number;
  progress: Progress;
}

export type Connection = "connecting" | "open" | "lost";

interface Live {
  connection: Connection;
  /** The log of the campaign that is shown, in order. */
  log: { campaign?: string; events: Event[] };
  samples: Record<string, Sample[]>;
}

const initialState: Live = { connection: "connecting", log: { events: [] }, samples: {} };

const sameAttempt = (one: Progress, other: Progress) =>
  one.phase === other.phase && one.run === other.run && one.attempt === other.attempt;

export const live = createSlice({
  name: "live",
  initialState,
  reducers: {
    following(state, { payload: campaign }: PayloadAction<string | undefined>) {
      state.connection = "connecting";
      state.samples = {};
      state.log = { campaign, events: [] };
    },
    connected(state) {
      state.connection = "open";
    },
    lost(state) {
      state.connection = "lost";
    },
    logged(state, { payload: event }: PayloadAction<Event>) {
      const { log } = state;
      if (log.campaign !== event.campaignId || (event.seq ?? 0) <= (log.events.at(-1)?.seq ?? 0)) {
        return;
      }
      log.events.push(event);
      if (log.events.length > EVENTS_KEPT) {
        log.events.shift();
      }
    },
    progressed(state, { payload }: PayloadAction<{ campaign: string; progress: Progress; at: number }>) {
      const { campaign, progress, at } = payload;
      const before = state.samples[campaign] ?? [];
      const same = before.filter((sample) => sameAttempt(sample.progress, progress));
      state.samples[campaign] = [...same, { at, progress }].slice(-SAMPLES_KEPT);
    },
  },
  selectors: {
    connection: (state) => state.connection,
    log: (state) => state.log.events,
    samples: (state, campaign: string) => state.samples[campaign],
  },
});

/** Items per second, or undefined while too little is known. */
export function rate(samples: Sample[] | undefined): number | undefined {
  const [first, last] = [samples?.[0], samples?.at(-1)];
  if (!first || !last || last.at - first.at < 800) {
    return undefined;
  }
  return ((last.progress.done - first.progress.done) * 1_000) / (last.at - first.at);
}
