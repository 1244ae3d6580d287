import { ActionIcon, Button, Group, Menu, Progress, Stack, Text, Title, Tooltip } from "@mantine/core";
import {
  IconAdjustments,
  IconDots,
  IconEye,
  IconPlayerPlay,
  IconRestore,
  IconTrash,
} from "@tabler/icons-react";
import type { Campaign, Phase, Pipeline, Words } from "../api";
import { live, rate } from "../live/slice";
import type { Question } from "../shell/Confirm";
import { Pill } from "../shell/Pill";
import { useAppSelector } from "../store";
import { count, duration, next, phaseState, phaseTitle } from "../words";
import classes from "./Chain.module.css";
import type { Commands } from "./useCommands";

interface Props {
  campaign: Campaign;
  pipeline?: Pipeline;
  phase: Phase;
  /** From 0. */
  index: number;
  commands: Commands;
  onConfigure: (phase: string) => void;
  onAsk: (question: Question) => void;
}

export function PhaseCard(props: Props) {
  const { campaign, pipeline, phase, index } = props;
  const state = phaseState(phase);
  const title = phaseTitle(pipeline, phase.phase);
  return (
    <section
      className={`surface tone ${classes.card}`}
      data-tone={state.tone}
      data-current={campaign.currentPhase === phase.phase || undefined}
      aria-label={title}
    >
      <Stack gap={6} align="flex-start">
        <Title order={2} size="h5">
          <span className={classes.number}>{index + 1}</span> {title}
        </Title>
        <Pill state={state} />
      </Stack>
      <div className={classes.detail}>
        <Detail campaign={campaign} phase={phase} />
      </div>
      <Buttons {...props} title={title} />
    </section>
  );
}

const PIPELINE_CHANGED: Words["stop_reason"] = "pipeline_changed";

/** What there is to say about the phase as it is. */
function Detail({ campaign, phase }: { campaign: Campaign; phase: Phase }) {
  const records = campaign.records[phase.phase] ?? 0;
  switch (phase.status) {
    case "running":
      return <Running campaign={campaign} phase={phase} />;
    case "completed": {
      const took =
        phase.startedAt && phase.completedAt
          ? Date.parse(phase.completedAt) - Date.parse(phase.startedAt)
          : 0;
      return (
        <Text size="sm" className="numbers">
          {count(records)} records in {duration(took)}
        </Text>
      );
    }
    case "failed":
    case "retrying":
      return (
        <Text size="sm" lineClamp={3} style={{ overflowWrap: "anywhere" }}>
          {phase.failure?.message}
        </Text>
      );
    case "paused":
    case "stopped":
      return (
        <Text size="sm" className="numbers">
          {phase.stopReason === PIPELINE_CHANGED
            ? "The pipeline has other phases now than this campaign."
            : `${count(records)} records are kept. It goes on from there.`}
        </Text>
      );
    case "waiting_for_report":
      return (
        <Text size="sm" lineClamp={3} style={{ overflowWrap: "anywhere" }}>
          {phase.waitsFor?.note ?? "Somebody reports how it ends."}
        </Text>
      );
    case "skipped":
      return (
        <Text size="sm" c="dimmed" lineClamp={3} style={{ overflowWrap: "anywhere" }}>
          {phase.skip?.reason ?? "It was skipped."}
        </Text>
      );
    case "not_started":
      return (
        <Text size="sm" c="dimmed" lineClamp={3}>
          {phase.configured
            ? (phase.problems.items[0]?.message ?? "Its config is valid.")
            : "It needs a config before it can run."}
        </Text>
      );
  }
}

function Running({ campaign, phase }: { campaign: Campaign; phase: Phase }) {
  const samples = useAppSelector((state) => live.selectors.samples(state, campaign.id));
  const told = samples?.at(-1)?.progress ?? campaign.progress;
  const progress = told?.phase === phase.phase ? told : undefined;
  const perSecond = rate(samples);
  const done = progress?.done ?? 0;
  const total = progress?.total ?? null;
  const left = total !== null && perSecond ? ((total - done) / perSecond) * 1_000 : undefined;
  const percent = total ? Math.min(100, (done / total) * 100) : 0;
  return (
    <Stack gap={6}>
      <Progress
        value={total === null ? 100 : percent}
        animated
        striped={total === null}
        aria-label={`Progress of ${phase.phase}`}
      />
      <Text size="sm" className="numbers">
        {count(done)}
        {total !== null && ` of ${count(total)}`}
      </Text>
      <Text size="sm" c="dimmed" className="numbers">
        {perSecond !== undefined && `${count(perSecond)} per second`}
        {left !== undefined && `, ${duration(left)} left`}
        {phase.attempt !== null && phase.attempt > 1 && ` (attempt ${phase.attempt})`}
      </Text>
    </Stack>
  );
}

function Buttons({ campaign, phase, title, commands, onConfigure, onAsk }: Props & { title: string }) {
  const { phase: name } = phase;
  const editable = next(campaign, "configure", name).allowed;
  const records = campaign.records[name] ?? 0;
  const restart = next(campaign, "restart", name).allowed;
  const unconfigure = phase.configured && next(campaign, "unconfigure", name).allowed;
  const later = campaign.phases.slice(campaign.phases.indexOf(phase) + 1).some(({ run }) => run !== null);

  const onRestart = () => {
    const act = () => commands.restart(name);
    if (records === 0 && !later) {
      return act();
    }
    onAsk({
      title: `Restart ${title}?`,
      loss: `It begins afresh. Its ${count(records)} records${later ? ", and those of the phases after it," : ""} leave the current view; older runs stay in the history.`,
      verb: "Restart",
      act,
    });
  };
  const onUnconfigure = () =>
    onAsk({
      title: `Remove the config of ${title}?`,
      loss: "Its values are gone from the form. The phase can't run until it has a config again.",
      verb: "Remove",
      act: () => commands.unconfigure(name),
    });

  return (
    <Group gap="xs" justify="space-between" wrap="nowrap">
      <Group gap="xs">
        <Start campaign={campaign} phase={phase} title={title} commands={commands} />
        {(editable || phase.configured) && (
          <Button
            size="xs"
            variant={phase.configured ? "default" : "filled"}
            leftSection={editable ? <IconAdjustments size={15} /> : <IconEye size={15} />}
            aria-label={`${editable ? (phase.configured ? "Edit config of" : "Configure") : "View config of"} ${title}`}
            onClick={() => onConfigure(name)}
          >
            {editable ? (phase.configured ? "Edit config" : "Configure") : "View config"}
          </Button>
        )}
      </Group>
      {(restart || unconfigure) && (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={`More about ${title}`}>
              <IconDots size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {restart && (
              <Menu.Item leftSection={<IconRestore size={16} />} onClick={onRestart}>
                Restart from the beginning
              </Menu.Item>
            )}
            {unconfigure && (
              <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={onUnconfigure}>
                Remove config
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </Group>
  );
}

/** A full sequence starts its phases itself: there only the one that it waits for, once it is ready, has a button. */
function Start({
  campaign,
  phase,
  title,
  commands,
}: Pick<Props, "campaign" | "phase" | "commands"> & { title: string }) {
  const { allowed, refusal } = next(campaign, "start", phase.phase);
  if (phase.status !== "not_started") {
    return null;
  }
  if (campaign.mode === "full_sequence" && !(campaign.position > 0 && allowed)) {
    return null;
  }
  // A start that only a config stands against can be tried: the answer is the list of what is missing.
  const possible = allowed || refusal?.code === "preflight_failed";
  const button = (
    <Button
      size="xs"
      leftSection={<IconPlayerPlay size={15} />}
      aria-label={`Start ${title}`}
      data-disabled={!possible || undefined}
      aria-disabled={!possible}
      loading={commands.busy === "start" && possible}
      onClick={() => possible && commands.start(phase.phase)}
    >
      Start
    </Button>
  );
  return possible ? button : <Tooltip label={refusal?.message}>{button}</Tooltip>;
}
