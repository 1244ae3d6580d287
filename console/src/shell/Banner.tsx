import { Group, Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Tone } from "../words";

interface Props {
  tone: Tone;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  /** Told at once to who can't see it. */
  urgent?: boolean;
}

/** What a person has to know before anything else on the page. */
export function Banner({ tone, title, children, actions, urgent }: Props) {
  return (
    <section className="tone banner" data-tone={tone} role={urgent ? "alert" : "status"}>
      <Group justify="space-between" align="flex-start" gap="md">
        <Stack gap={6} flex="1 1 20rem">
          <Title order={2} size="h5">
            {title}
          </Title>
          {children}
        </Stack>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
    </section>
  );
}
