import { Button, List, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { Campaign, Pipeline, Problem } from "../api";
import { Banner } from "../shell/Banner";
import { Trouble } from "../shell/Trouble";
import { next, phaseTitle } from "../words";
import type { Commands } from "./useCommands";

interface Props {
  campaign: Campaign;
  pipeline?: Pipeline;
  commands: Commands;
  onConfigure: (phase: string) => void;
  /** Why what is shown may no longer be so. */
  lost?: Problem;
}

/** What keeps the campaign from going on, and the way out of it; and what its phases warn of. */
export function Notices({ campaign, pipeline, commands, onConfigure, lost }: Props) {
  const { problem } = commands;
  const refused = problem?.code === "preflight_failed" ? problem : undefined;
  const phase = campaign.currentPhase;
  const failure = campaign.phases.find(({ status }) => status === "failed")?.failure;
  // A phase may say in its summary that a person should look at something.
  const warned = campaign.phases.filter(({ summary }) => typeof summary?.warning === "string");
  const waiting = campaign.status === "waiting_for_configuration";
  const goesOn =
    phase !== null &&
    campaign.mode === "full_sequence" &&
    campaign.status === "idle" &&
    campaign.position > 0 &&
    next(campaign, "start", phase).allowed;

  return (
    <>
      {lost?.code === "unreachable" && (
        <Banner tone="bad" title="The server can't be reached" urgent>
          <Text>
            What is shown is what was so last. What runs goes on, or is taken up when the server is back; the
            page reconnects by itself.
          </Text>
        </Banner>
      )}
      {lost && lost.code !== "unreachable" && <Trouble problem={lost} />}
      {refused && (
        <Missing
          title={
            campaign.mode === "full_sequence"
              ? "The full sequence can't start yet"
              : "The phase can't start yet"
          }
          lead="Nothing was started. These phases lack a valid config, in the order they run:"
          phases={refused.missingPhases ?? []}
          focus
          {...{ campaign, pipeline, onConfigure }}
        />
      )}
      {problem && !refused && <Trouble problem={problem} onDismiss={commands.dismiss} />}
      {waiting && !refused && (
        <Missing
          title="The chain waits for configuration"
          lead="It stopped here without an error and goes on when you start the phase after configuring:"
          phases={campaign.preflight.missingPhases}
          {...{ campaign, pipeline, onConfigure }}
        />
      )}
      {goesOn && (
        <Banner
          tone="live"
          title={`${phaseTitle(pipeline, phase)} is ready`}
          actions={
            <Button loading={commands.busy === "start"} onClick={() => commands.start(phase)}>
              Go on with {phaseTitle(pipeline, phase)}
            </Button>
          }
        >
          <Text>Every remaining phase has a valid config. The chain goes on when you start it.</Text>
        </Banner>
      )}
      {failure && (
        <Banner
          tone="bad"
          title={`${phase === null ? "A phase" : phaseTitle(pipeline, phase)} failed`}
          urgent
        >
          <Text style={{ overflowWrap: "anywhere" }}>
            {failure.message}{" "}
            <Text span c="dimmed">
              ({failure.code})
            </Text>
          </Text>
          <Text size="sm" c="dimmed">
            What is done is kept. A retry goes on from there; a changed config may begin afresh.
          </Text>
        </Banner>
      )}
      {warned.map(({ phase, summary }) => (
        <Banner key={phase} tone="attention" title={`${phaseTitle(pipeline, phase)}: look at this`}>
          <Text style={{ overflowWrap: "anywhere" }}>{summary?.warning}.</Text>
        </Banner>
      ))}
    </>
  );
}

interface MissingProps {
  title: string;
  lead: string;
  phases: string[];
  focus?: boolean;
  campaign: Campaign;
  pipeline?: Pipeline;
  onConfigure: (phase: string) => void;
}

/** The phases that lack a valid config, each with its way out. */
function Missing({ title, lead, phases, focus, campaign, pipeline, onConfigure }: MissingProps) {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (focus) {
      first.current?.focus();
    }
  }, [focus]);
  // What was configured meanwhile is no longer missing.
  const left = phases.filter((phase) => campaign.preflight.missingPhases.includes(phase));
  if (left.length === 0) {
    return null;
  }
  return (
    <Banner tone="attention" title={title} urgent={focus}>
      <Text>{lead}</Text>
      <List type="ordered" spacing={8} mt={4}>
        {left.map((phase, index) => (
          <List.Item key={phase}>
            <Text span fw={600}>
              {phaseTitle(pipeline, phase)}
            </Text>{" "}
            <Text span c="dimmed" size="sm">
              {campaign.preflight.errors.find((error) => error.phase === phase)?.message}
            </Text>{" "}
            <Button
              ref={index === 0 ? first : undefined}
              size="compact-sm"
              ml={6}
              aria-label={`Configure now: ${phaseTitle(pipeline, phase)}`}
              onClick={() => onConfigure(phase)}
            >
              Configure now
            </Button>
          </List.Item>
        ))}
      </List>
    </Banner>
  );
}
