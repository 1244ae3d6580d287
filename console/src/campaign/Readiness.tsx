import { Group, List, Text, ThemeIcon } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import type { Campaign, Pipeline } from "../api";
import { phaseTitle } from "../words";

/** What preflight says of the phases that are still to run, as it is now. */
export function Readiness({ campaign, pipeline }: { campaign: Campaign; pipeline?: Pipeline }) {
  const { preflight } = campaign;
  const remaining = campaign.phases.length - campaign.position;
  if (remaining === 0) {
    return null;
  }
  const more = preflight.totalErrors - preflight.errors.length;
  return (
    <section className="surface" aria-label="Preflight">
      <Group p="md" gap="sm" align="flex-start" wrap="nowrap" role="status">
        <ThemeIcon
          variant="transparent"
          style={{ color: preflight.ready ? "var(--ok)" : "var(--attention)" }}
          size={24}
        >
          {preflight.ready ? <IconCheck size={20} /> : <IconAlertTriangle size={20} />}
        </ThemeIcon>
        <div>
          <Text fw={600}>
            {preflight.ready
              ? `Ready: ${remaining === 1 ? "the remaining phase has" : `all ${remaining} remaining phases have`} a valid config`
              : `Not ready: ${preflight.missingPhases.length} of ${remaining} remaining phases ${preflight.missingPhases.length === 1 ? "lacks" : "lack"} a valid config`}
          </Text>
          {!preflight.ready && (
            <List size="sm" c="dimmed" mt={4}>
              {preflight.errors.map(({ phase, pointer, keyword, message }) => (
                <List.Item key={`${phase}${pointer}${keyword}${message}`}>
                  {phaseTitle(pipeline, phase)}
                  {pointer && ` ${pointer.slice(1)}`}: {message}
                </List.Item>
              ))}
              {more > 0 && <List.Item>and {more} more</List.Item>}
            </List>
          )}
        </div>
      </Group>
    </section>
  );
}
