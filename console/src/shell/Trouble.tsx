import { Anchor, Button, List, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Problem } from "../api";
import { Banner } from "./Banner";

/** A call that was refused or failed. */
export function Trouble({ problem, onDismiss }: { problem: Problem; onDismiss?: () => void }) {
  const title = problem.code === "unauthorized" ? "You are not logged in" : "That didn't work";
  return (
    <Banner
      tone="bad"
      title={title}
      urgent
      actions={
        onDismiss && (
          <Button size="compact-sm" variant="default" onClick={onDismiss}>
            Dismiss
          </Button>
        )
      }
    >
      <Text style={{ overflowWrap: "anywhere" }}>{problem.detail}</Text>
      {problem.usedBy && (
        <List size="sm">
          {problem.usedBy.map(({ campaignId, name, phase }) => (
            <List.Item key={`${campaignId}${phase}`}>
              <Anchor component={Link} to={`/campaigns/${campaignId}`} underline="always">
                {name}
              </Anchor>
              , {phase}
            </List.Item>
          ))}
        </List>
      )}
    </Banner>
  );
}
