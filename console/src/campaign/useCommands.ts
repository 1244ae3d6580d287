import { nanoid } from "@reduxjs/toolkit";
import { useState } from "react";
import {
  type Campaign,
  type Mode,
  type Problem,
  problemOf,
  useDeleteCampaignMutation,
  usePauseMutation,
  useRemoveConfigMutation,
  useRestartPhaseMutation,
  useResumeMutation,
  useSetModeMutation,
  useStartPhaseMutation,
  useStopMutation,
  type Words,
} from "../api";

type Sent = Promise<{ error?: Parameters<typeof problemOf>[0] }>;

/** What can be told a campaign, and what came of the last telling. */
export interface Commands {
  /** The command that is under way. */
  busy?: Words["command"];
  /** Why the last one was refused. */
  problem?: Problem;
  dismiss(): void;
  start(phase: string): void;
  restart(phase: string): void;
  unconfigure(phase: string): void;
  setMode(mode: Mode): void;
  pause(): void;
  resume(): void;
  stop(): void;
  remove(then: () => void): void;
}

export function useCommands({ id }: Campaign): Commands {
  const [startPhase] = useStartPhaseMutation();
  const [restartPhase] = useRestartPhaseMutation();
  const [removeConfig] = useRemoveConfigMutation();
  const [setMode] = useSetModeMutation();
  const [pause] = usePauseMutation();
  const [resume] = useResumeMutation();
  const [stop] = useStopMutation();
  const [deleteCampaign] = useDeleteCampaignMutation();
  const [busy, setBusy] = useState<Words["command"]>();
  const [problem, setProblem] = useState<Problem>();

  const send = async (command: Words["command"], sent: Sent) => {
    setBusy(command);
    setProblem(undefined);
    const { error } = await sent;
    setBusy(undefined);
    if (error) {
      setProblem(problemOf(error));
    }
    return !error;
  };
  const key = () => ({ "Idempotency-Key": nanoid() });

  return {
    busy,
    problem,
    dismiss: () => setProblem(undefined),
    start: (phase) => send("start", startPhase({ id, phase, ...key() })),
    restart: (phase) => send("restart", restartPhase({ id, phase, body: {}, ...key() })),
    unconfigure: (phase) => send("unconfigure", removeConfig({ id, phase })),
    setMode: (mode) => send("set_mode", setMode({ id, campaignModeUpdateRequest: { mode } })),
    pause: () => send("pause", pause({ id, ...key() })),
    resume: () => send("resume", resume({ id, ...key() })),
    stop: () => send("stop", stop({ id, ...key() })),
    remove: async (then) => {
      if (await send("delete", deleteCampaign({ id }))) {
        then();
      }
    },
  };
}
