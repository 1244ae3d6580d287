import { ActionIcon, Anchor, Button, Group, Menu, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import {
  IconDots,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconReload,
  IconTrash,
} from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { Link, useNavigate } from "react-router";
import type { Campaign, Mode, Pipeline, Words } from "../api";
import { Attributes } from "../shell/Attributes";
import type { Question } from "../shell/Confirm";
import { Pill } from "../shell/Pill";
import { CAMPAIGN_STATES, count, MODES, moment, phaseTitle } from "../words";
import { Describe } from "./Describe";
import type { Commands } from "./useCommands";

interface Props {
  campaign: Campaign;
  pipeline?: Pipeline;
  commands: Commands;
  onAsk: (question: Question) => void;
}

export function CampaignHeader({ campaign, pipeline, commands, onAsk }: Props) {
  const navigate = useNavigate();
  const [describing, setDescribing] = useState(false);
  const records = Object.values(campaign.records).reduce((sum, one) => sum + one, 0);
  const remove = () =>
    onAsk({
      title: `Delete ${campaign.name}?`,
      loss: `Its configs, its log and its ${count(records)} records are deleted for good.`,
      verb: "Delete",
      act: () => commands.remove(() => navigate("/campaigns")),
    });

  return (
    <Stack gap="sm">
      <Text size="sm" component="nav" aria-label="Breadcrumb">
        <Anchor component={Link} to="/campaigns" size="sm">
          Campaigns
        </Anchor>
      </Text>
      <Group justify="space-between" align="flex-start">
        <Stack gap={4} flex="1 1 18rem" miw={0}>
          <Group gap="sm">
            <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
              {campaign.name}
            </Title>
            <span role="status" aria-label="Status">
              <Pill state={CAMPAIGN_STATES[campaign.status]} />
            </span>
          </Group>
          <Text size="sm" c="dimmed">
            {pipeline?.title ?? campaign.pipeline} · created {moment(campaign.createdAt)}
          </Text>
          <Attributes of={campaign.attributes} />
        </Stack>
        <Group gap="sm">
          <SegmentedControl
            aria-label="Mode"
            data={(Object.keys(MODES) as Mode[]).map((value) => ({ value, label: MODES[value].label }))}
            value={campaign.mode}
            onChange={(mode) => commands.setMode(mode as Mode)}
            disabled={commands.busy === "set_mode"}
          />
          <Actions campaign={campaign} pipeline={pipeline} commands={commands} />
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="default" size={36} aria-label="More about the campaign">
                <IconDots size={18} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => setDescribing(true)}>
                Name and attributes
              </Menu.Item>
              <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={remove}>
                Delete campaign
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </Group>
      </Group>
      <Describe campaign={campaign} opened={describing} onClose={() => setDescribing(false)} />
    </Stack>
  );
}

/** What a person would do next, by the campaign's status. */
function Actions({ campaign, pipeline, commands }: Omit<Props, "onAsk">) {
  const { status, currentPhase } = campaign;
  const title = currentPhase === null ? "" : phaseTitle(pipeline, currentPhase);
  const button = (
    command: Words["command"],
    label: string,
    icon: ReactNode,
    act: () => void,
    variant: "filled" | "default" = "default",
  ) => (
    <Button
      key={label}
      variant={variant}
      leftSection={icon}
      loading={commands.busy === command}
      disabled={commands.busy !== undefined && commands.busy !== command}
      onClick={act}
    >
      {label}
    </Button>
  );
  const start = (label: string, icon: ReactNode) =>
    currentPhase && button("start", label, icon, () => commands.start(currentPhase), "filled");
  const pause = button("pause", "Pause", <IconPlayerPause size={18} />, commands.pause);
  const stop = button("stop", "Stop", <IconPlayerStop size={18} />, commands.stop);
  const resume = button("resume", "Resume", <IconPlayerPlay size={18} />, commands.resume, "filled");

  switch (status) {
    case "idle":
      // Later, and step by step, it is the phase that is started.
      return campaign.mode === "full_sequence" && campaign.position === 0
        ? start("Start full sequence", <IconPlayerPlay size={18} />)
        : null;
    case "running":
    case "waiting_for_report":
      return [pause, stop];
    case "retrying":
      return [start(`Retry ${title}`, <IconReload size={18} />), pause, stop];
    case "pausing":
      return stop;
    case "paused":
      return [resume, stop];
    case "failed":
      return start(`Retry ${title}`, <IconReload size={18} />);
    case "stopped":
      return start(`Continue ${title}`, <IconPlayerPlay size={18} />);
    case "stopping":
    case "waiting_for_configuration":
    case "completed":
      return null;
  }
}
