// Checked with the types: the API's document and the engine's words say the same, in both directions.
import type {
  CampaignStatus,
  CommandKind,
  EventType,
  Mode,
  PhaseStatus,
  StopReason,
  Words,
} from "../src/api";

type Same<A, B> = [A, B] extends [B, A] ? true : never;

export const SAME: [
  Same<CampaignStatus, Words["campaign_status"]>,
  Same<CommandKind, Words["command"]>,
  Same<EventType, Words["event_type"]>,
  Same<Mode, Words["mode"]>,
  Same<PhaseStatus, Words["phase_status"]>,
  Same<StopReason, Words["stop_reason"]>,
] = [true, true, true, true, true, true];
