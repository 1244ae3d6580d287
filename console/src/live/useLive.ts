import { useEffect } from "react";
import { api, root } from "../api";
import { useAppDispatch } from "../store";
import { follow } from "./follow";
import { live } from "./slice";

/** How long events are gathered before what they made stale is asked for again. */
const GATHER_MS = 150;
/** How often what is shown is asked for again while something runs: what it has stored is in no event. */
const WHILE_RUNNING_MS = 2_000;

/** Keeps what is shown true: of one campaign with its log from the beginning, or of all from now on. */
export function useLive(campaign?: string) {
  const dispatch = useAppDispatch();
  useEffect(() => {
    const { following, connected, lost, logged, progressed } = live.actions;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let due = Number.POSITIVE_INFINITY;
    const refresh = (inMs = GATHER_MS) => {
      const at = Date.now() + inMs;
      if (at >= due) {
        return;
      }
      clearTimeout(timer);
      due = at;
      timer = setTimeout(() => {
        due = Number.POSITIVE_INFINITY;
        dispatch(api.util.invalidateTags(["Campaigns"]));
      }, inMs);
    };
    dispatch(following(campaign));
    const url = campaign ? `${root}api/v1/campaigns/${campaign}/events` : `${root}api/v1/events`;
    const end = follow(url, campaign ? undefined : "latest", {
      onOpen() {
        dispatch(connected());
        refresh();
      },
      onLost() {
        dispatch(lost());
        refresh();
      },
      onEvent(event) {
        dispatch(logged(event));
        refresh();
      },
      onProgress({ campaignId, ...progress }) {
        dispatch(progressed({ campaign: campaignId, progress, at: Date.now() }));
        refresh(WHILE_RUNNING_MS);
      },
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [campaign, dispatch]);
}
