import { Grid, Stack, Text, Title } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import type { Campaign, Pipeline } from "../api";
import { Funnel } from "./Funnel";
import { funnelOf, scoresOf } from "./leadGeneration";
import { Records } from "./Records";

const Scores = lazy(() => import("./Scores"));

/** What the phases have brought so far. */
export function Results({ campaign, pipeline }: { campaign: Campaign; pipeline?: Pipeline }) {
  const begun = campaign.phases.filter(({ run }) => run !== null);
  const [chosen, choose] = useState<string>();
  const phase = begun.find((one) => one.phase === chosen) ?? begun.at(-1);
  const scores = scoresOf(campaign);
  if (!phase) {
    return (
      <Stack className="surface" align="center" py={48} px="md" gap="xs">
        <Text fw={600}>Nothing has run yet</Text>
        <Text c="dimmed" ta="center">
          Records stand here as soon as a phase stores them.
        </Text>
      </Stack>
    );
  }
  return (
    <Stack gap="lg">
      <Grid align="stretch">
        <Grid.Col span={{ base: 12, md: scores ? 6 : 12 }}>
          <section className="surface" aria-label="Funnel" style={{ height: "100%" }}>
            <Stack p="md">
              <Title order={2} size="h5">
                Funnel
              </Title>
              <Funnel levels={funnelOf(campaign, pipeline)} />
            </Stack>
          </section>
        </Grid.Col>
        {scores && (
          <Grid.Col span={{ base: 12, md: 6 }}>
            <section className="surface" aria-label="Scores" style={{ height: "100%" }}>
              <Suspense>
                <Scores {...scores} />
              </Suspense>
            </section>
          </Grid.Col>
        )}
      </Grid>
      <Records
        key={`${phase.phase}/${phase.run}`}
        campaign={campaign}
        phase={phase}
        phases={begun.map(({ phase: name }) => name)}
        pipeline={pipeline}
        onChoose={choose}
      />
    </Stack>
  );
}
