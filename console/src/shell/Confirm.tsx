import { Button, Group, Stack, Text } from "@mantine/core";
import { Dialog } from "./Dialog";

/** A question that has to be answered before something is lost. */
export interface Question {
  title: string;
  /** What would be lost. */
  loss: string;
  /** What the button says that does it. */
  verb: string;
  act: () => void;
}

interface Props {
  /** Nothing is asked without one. */
  question?: Question;
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
