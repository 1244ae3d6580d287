import type { Event, EventType, Progress } from "../api";

/** Every type of event, for a stream names it and a listener must too. */
const TYPES: Record<EventType, true> = {
  campaign_created: true,
  phase_configured: true,
  phase_config_removed: true,
  mode_changed: true,
  phase_started: true,
  phase_auto_started: true,
  phase_pause_requested: true,
  phase_paused: true,
  phase_resumed: true,
  phase_recovered: true,
  phase_stop_requested: true,
  phase_stopped: true,
  phase_completed: true,
  phase_failed: true,
  phase_restarted: true,
  campaign_held: true,
  campaign_released: true,
  campaign_completed: true,
  campaign_deleted: true,
};

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

export interface Listener {
  onEvent(event: Event): void;
  onProgress(progress: Progress & { campaignId: string }): void;
  onOpen(): void;
  onLost(): void;
}

/**
 * Follows a stream of events. A stream that breaks off is opened again after the last event that was seen, sooner at
 * first than later. Returns what ends it.
 */
export function follow(url: string, from: string | undefined, listener: Listener): () => void {
  let last = from;
  let wait = FIRST_WAIT_MS;
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const open = () => {
    const query = last === undefined ? "" : `?${new URLSearchParams({ lastEventId: last })}`;
    const stream = new EventSource(url + query);
    source = stream;
    stream.onopen = () => {
      wait = FIRST_WAIT_MS;
      listener.onOpen();
    };
    for (const type of Object.keys(TYPES)) {
      stream.addEventListener(type, (message) => {
        last = message.lastEventId;
        listener.onEvent(JSON.parse(message.data));
      });
    }
    stream.addEventListener("progress", (message) => listener.onProgress(JSON.parse(message.data)));
    // Not left to the browser, which gives up for good where a proxy answers for a server that is away.
    stream.onerror = () => {
      stream.close();
      listener.onLost();
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  };

  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
