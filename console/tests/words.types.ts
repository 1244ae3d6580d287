// Checked with the types: the API's document and the engine's words say the same, in both directions.
import type { CampaignStatus, EventType, Mode, PhaseStatus, Words } from "../src/api";

type Same<A, B> = [A, B] extends [B, A] ? true : never;

export const SAME: [
  Same<CampaignStatus, Words["campaign_status"]>,
  Same<EventType, Words["event_type"]>,
  Same<Mode, Words["mode"]>,
  Same<PhaseStatus, Words["phase_status"]>,
] = [true, true, true, true];
