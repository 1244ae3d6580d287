import { Drawer, Group, Modal } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  opened: boolean;
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/** What is closed is gone: opened again, it begins anew. */
const AT_ONCE = { exitDuration: 0 };

// Put together from their parts, since their own header would be a second banner of the page to a screen reader.

/** A question, or a few fields. */
export function Dialog({ opened, title, onClose, children }: Props) {
  return (
    <Modal.Root opened={opened} onClose={onClose} transitionProps={AT_ONCE} centered>
      <Modal.Overlay />
      <Modal.Content className="surface">
        <Group justify="space-between" wrap="nowrap" p="md" pb={0}>
          <Modal.Title className="dialog-title">{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Group>
        <Modal.Body pt="sm">{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** A form, at the side of what it is about. */
export function Sheet({ opened, title, onClose, children }: Props) {
  return (
    <Drawer.Root
      opened={opened}
      onClose={onClose}
      transitionProps={AT_ONCE}
      position="right"
      size="lg"
      closeOnClickOutside={false}
    >
      <Drawer.Overlay />
      <Drawer.Content style={{ background: "var(--surface)" }}>
        <Group justify="space-between" wrap="nowrap" p="md" pb={0}>
          <Drawer.Title className="dialog-title">{title}</Drawer.Title>
          <Drawer.CloseButton aria-label="Close" />
        </Group>
        <Drawer.Body pt="xs">{children}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}
