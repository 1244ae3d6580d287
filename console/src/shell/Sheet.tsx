import { Drawer, Group } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Confirm } from "./Confirm";
import { AT_ONCE, type DialogProps, ON_SURFACE } from "./Dialog";

interface SheetProps extends Omit<DialogProps, "children"> {
  /** Whether something was entered that closing would lose: then it is asked first. */
  changed?: boolean;
  /** What stands in it, given what closes it. */
  children: (close: () => void) => ReactNode;
}

/** A form, at the side of what it is about. */
export function Sheet({ opened, title, changed, onClose, children }: SheetProps) {
  const [asking, setAsking] = useState(false);
  // Once the key that closes is done with: it would close the question as well.
  const close = () => (changed ? setTimeout(() => setAsking(true)) : onClose());
  const discard = {
    title: "Discard the changes?",
    loss: "What you changed in this form is not stored.",
    verb: "Discard",
    act: onClose,
  };
  return (
    <>
      <Drawer.Root
        opened={opened}
        onClose={close}
        transitionProps={AT_ONCE}
        styles={ON_SURFACE}
        position="right"
        size="lg"
        closeOnClickOutside={false}
      >
        <Drawer.Overlay />
        <Drawer.Content>
          <Group justify="space-between" wrap="nowrap" p="md" pb={0}>
            <Drawer.Title className="dialog-title">{title}</Drawer.Title>
            <Drawer.CloseButton aria-label="Close" />
          </Group>
          <Drawer.Body pt="xs">{children(close)}</Drawer.Body>
        </Drawer.Content>
      </Drawer.Root>
      <Confirm question={asking ? discard : undefined} onClose={() => setAsking(false)} />
    </>
  );
}
