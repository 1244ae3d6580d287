import { Button, Text } from "@mantine/core";
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
      <Text>{problem.detail}</Text>
    </Banner>
  );
}
