import { Skeleton, Stack, Tabs } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconChartFunnel, IconHistory } from "@tabler/icons-react";
import { useState } from "react";
import { useParams } from "react-router";
import { type Campaign, type Problem, problemOf, useShowCampaignQuery, useShowPipelineQuery } from "../api";
import { useLive } from "../live/useLive";
import { Results } from "../results/Results";
import { Confirm, type Question } from "../shell/Confirm";
import { Nowhere } from "../shell/Nowhere";
import { Trouble } from "../shell/Trouble";
import { CampaignHeader } from "./CampaignHeader";
import { Chain } from "./Chain";
import { ConfigSheet } from "./ConfigSheet";
import { Notices } from "./Notices";
import { Readiness } from "./Readiness";
import { Timeline } from "./Timeline";
import { useCommands } from "./useCommands";

/** How often preflight is asked for without an event: it depends on resources, and no log tells of these. */
const RESOURCES_MS = 10_000;

/** One campaign: set up, started and watched. */
export function CampaignPage() {
  const { id = "" } = useParams();
  const { currentData: campaign, error } = useShowCampaignQuery(
    { id },
    { pollingInterval: RESOURCES_MS, skipPollingIfUnfocused: true },
  );
  const problem = error && problemOf(error);
  if (problem?.code === "not_found" || problem?.code === "invalid_name") {
    return <Nowhere what="There is no such campaign, or it was deleted." />;
  }
  if (!campaign) {
    return problem ? <Trouble problem={problem} /> : <Skeleton height={360} aria-label="Loading" />;
  }
  // Another campaign's dialogs and refusals are not this one's.
  return <Shown key={id} campaign={campaign} lost={problem} />;
}

function Shown({ campaign, lost }: { campaign: Campaign; lost?: Problem }) {
  useLive(campaign.id);
  useDocumentTitle(`${campaign.name} · Phasegate`);
  const { data: pipeline } = useShowPipelineQuery({ id: campaign.pipeline });
  const commands = useCommands(campaign);
  const [configuring, configure] = useState<string>();
  const [question, ask] = useState<Question>();

  return (
    <Stack gap="lg">
      <CampaignHeader campaign={campaign} pipeline={pipeline} commands={commands} onAsk={ask} />
      <Notices
        campaign={campaign}
        pipeline={pipeline}
        commands={commands}
        onConfigure={configure}
        lost={lost}
      />
      <Chain
        campaign={campaign}
        pipeline={pipeline}
        commands={commands}
        onConfigure={configure}
        onAsk={ask}
      />
      <Readiness campaign={campaign} pipeline={pipeline} />
      <Tabs defaultValue="results" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="results" leftSection={<IconChartFunnel size={16} />}>
            Results
          </Tabs.Tab>
          <Tabs.Tab value="timeline" leftSection={<IconHistory size={16} />}>
            Event log
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="results">
          <Results campaign={campaign} pipeline={pipeline} />
        </Tabs.Panel>
        <Tabs.Panel value="timeline">
          <Timeline pipeline={pipeline} />
        </Tabs.Panel>
      </Tabs>
      <ConfigSheet campaign={campaign} pipeline={pipeline} phase={configuring} onConfigure={configure} />
      <Confirm question={question} onClose={() => ask(undefined)} />
    </Stack>
  );
}
