import { Tooltip } from "@mantine/core";
import { live } from "../live/slice";
import { useAppSelector } from "../store";
import type { State } from "../words";
import { Pill } from "./Pill";

const STATES: Record<ReturnType<typeof live.selectors.connection>, State & { hint: string }> = {
  connecting: { label: "Connecting", tone: "quiet", hint: "The page asks for the events." },
  open: { label: "Live", tone: "ok", hint: "What happens is shown as soon as it is stored." },
  lost: {
    label: "Offline",
    tone: "bad",
    hint: "What runs goes on. The page reconnects by itself and misses nothing.",
  },
};

/** Whether what is shown is what is so. */
export function Connection() {
  const { hint, ...state } = STATES[useAppSelector(live.selectors.connection)];
  return (
    <Tooltip label={hint}>
      <span role="status">
        <Pill state={state} />
      </span>
    </Tooltip>
  );
}
