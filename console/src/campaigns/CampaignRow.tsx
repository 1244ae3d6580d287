import { Anchor, Progress, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Campaign } from "../api";
import { live } from "../live/slice";
import { Attributes } from "../shell/Attributes";
import { Pill } from "../shell/Pill";
import { useAppSelector } from "../store";
import { CAMPAIGN_STATES, count, MODES, moment } from "../words";

export function CampaignRow({ campaign }: { campaign: Campaign }) {
  const samples = useAppSelector((state) => live.selectors.samples(state, campaign.id));
  const running = campaign.phases.some(({ status }) => status === "running");
  const progress = running ? (samples?.at(-1)?.progress ?? campaign.progress) : null;
  const part = progress?.total ? progress.done / progress.total : 0;
  const all = campaign.phases.length;
  const percent = Math.round(((campaign.position + part) / all) * 100);
  return (
    <Table.Tr>
      <Table.Td maw={320}>
        <Anchor
          component={Link}
          to={`/campaigns/${campaign.id}`}
          fw={600}
          style={{ overflowWrap: "anywhere" }}
        >
          {campaign.name}
        </Anchor>
      </Table.Td>
      <Table.Td>
        <Pill state={CAMPAIGN_STATES[campaign.status]} />
      </Table.Td>
      <Table.Td miw={170}>
        <Progress value={percent} size="sm" aria-label={`Progress of ${campaign.name}`} />
        <Text size="sm" c="dimmed" className="numbers">
          {campaign.position} of {all} phases
          {progress &&
            ` · ${count(progress.done)}${progress.total === null ? "" : ` of ${count(progress.total)}`}`}
        </Text>
      </Table.Td>
      <Table.Td maw={220}>
        <Attributes of={campaign.attributes} />
      </Table.Td>
      <Table.Td>
        <Text size="sm" style={{ whiteSpace: "nowrap" }}>
          {MODES[campaign.mode].label}
        </Text>
      </Table.Td>
      <Table.Td>
        <Text size="sm" className="numbers" style={{ whiteSpace: "nowrap" }}>
          {moment(campaign.changedAt)}
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}
