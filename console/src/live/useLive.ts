import { useEffect } from "react";
import { api, root } from "../api";
import { useAppDispatch } from "../store";
import { follow } from "./follow";
import { live } from "./slice";

/** How long events are gathered before what they made stale is asked for again. */
const GATHER_MS = 150;

/** Keeps what is shown true: of one campaign with its log from the beginning, or of all from now on. */
export function useLive(campaign?: string) {
  const dispatch = useAppDispatch();
  useEffect(() => {
    const { following, connected, lost, logged, progressed } = live.actions;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        dispatch(api.util.invalidateTags(["Campaigns"]));
      }, GATHER_MS);
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
      },
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [campaign, dispatch]);
}
