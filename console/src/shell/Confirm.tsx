import { Button, Group, Stack, Text } from "@mantine/core";
import { Dialog } from "./Dialog";

interface Props {
  /** What would be done, or nothing to ask. */
  question?: { title: string; loss: string; verb: string; act: () => void };
  onClose: () => void;
}

/** Asks before something is lost. */
export function Confirm({ question, onClose }: Props) {
  return (
    <Dialog opened={question !== undefined} onClose={onClose} title={question?.title}>
      {question && (
        <Stack>
          <Text>{question.loss}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} data-autofocus>
              Cancel
            </Button>
            <Button
              color="red"
              onClick={() => {
                onClose();
                question.act();
              }}
            >
              {question.verb}
            </Button>
          </Group>
        </Stack>
      )}
    </Dialog>
  );
}
