import { EVENT_TYPE, type Event, type Progress } from "../api";

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
    // A stream names the type of each event, and a listener must too.
    for (const type of EVENT_TYPE) {
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
