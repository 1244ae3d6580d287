import { IconArrowRight, IconCheck, IconLock } from "@tabler/icons-react";
import type { Campaign, Phase, Pipeline } from "../api";
import type { Question } from "../shell/Confirm";
import classes from "./Chain.module.css";
import { PhaseCard } from "./PhaseCard";
import type { Commands } from "./useCommands";

interface Props {
  campaign: Campaign;
  pipeline?: Pipeline;
  commands: Commands;
  onConfigure: (phase: string) => void;
  onAsk: (question: Question) => void;
}

/** The phases in their order, with a gate between each two. */
export function Chain(props: Props) {
  return (
    <ol className={classes.chain} aria-label="Phases">
      {props.campaign.phases.map((phase, index) => (
        <li key={phase.phase} className={classes.link}>
          {index > 0 && <Gate phase={phase} />}
          <PhaseCard {...props} phase={phase} index={index} />
        </li>
      ))}
    </ol>
  );
}

/** Whether this phase has been, could be, or can't be gone on to. */
function Gate({ phase }: { phase: Phase }) {
  const passed = phase.status !== "not_started";
  const open = phase.configured && phase.problems.total === 0;
  const Icon = passed ? IconCheck : open ? IconArrowRight : IconLock;
  const arrow = Icon === IconArrowRight || undefined;
  return (
    <span
      className={`tone ${classes.gate}`}
      data-arrow={arrow}
      data-tone={passed ? "ok" : open ? "live" : "quiet"}
      aria-hidden="true"
    >
      <Icon size={14} stroke={2.5} />
    </span>
  );
}
