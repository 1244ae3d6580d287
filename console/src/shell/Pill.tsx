import type { State } from "../words";

/** A state as a word and a colour. */
export function Pill({ state }: { state: State }) {
  return (
    <span className="tone pill" data-tone={state.tone}>
      {state.label}
    </span>
  );
}
