import { Button, Timeline as Line, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { Event, Pipeline } from "../api";
import { live } from "../live/slice";
import { useAppSelector } from "../store";
import { count, MODES, moment, phaseTitle } from "../words";
import { tell } from "./tell";

const AT_ONCE = 100;

/** The campaign's log, the newest event first. */
export function Timeline({ pipeline }: { pipeline?: Pipeline }) {
  const log = useAppSelector(live.selectors.log);
  const [shown, setShown] = useState(AT_ONCE);
  const newest = log.slice(-shown).reverse();
  const kept = log[0]?.seq ?? 1;
  return (
    <section className="surface" aria-label="Event log">
      <Stack p="lg">
        {newest.length === 0 && <Text c="dimmed">The events are asked for.</Text>}
        <Line bulletSize={14} lineWidth={2} active={-1}>
          {newest.map((event) => (
            <Told key={event.seq} event={event} pipeline={pipeline} />
          ))}
        </Line>
        {log.length > shown && (
          <Button variant="default" onClick={() => setShown(shown + AT_ONCE)}>
            Show older events
          </Button>
        )}
        {kept > 1 && log.length <= shown && (
          <Text size="sm" c="dimmed">
            {count(kept - 1)} older events are in the store, and not on this page.
          </Text>
        )}
      </Stack>
    </section>
  );
}

function Told({ event, pipeline }: { event: Event; pipeline?: Pipeline }) {
  const { title, tone, detail } = tell(event, {
    phase: (name) => phaseTitle(pipeline, name),
    mode: (mode) => MODES[mode].label,
  });
  return (
    <Line.Item
      className="tone"
      data-tone={tone}
      title={
        <Text fw={600} size="sm">
          {title}
        </Text>
      }
      bullet={<span className="bullet" />}
    >
      {detail && (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {detail}
        </Text>
      )}
      {(event.actor || event.reason) && (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {[event.actor && `By ${event.actor}`, event.reason].filter(Boolean).join(": ")}
        </Text>
      )}
      <Text size="xs" c="dimmed" className="numbers">
        {moment(event.timestamp)} · event {event.seq} · <code>{event.type}</code>
      </Text>
    </Line.Item>
  );
}
