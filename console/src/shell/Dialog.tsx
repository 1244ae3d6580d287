import { Group, Modal } from "@mantine/core";
import type { ReactNode } from "react";

export interface DialogProps {
  opened: boolean;
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/** What is closed is gone: opened again, it begins anew. */
export const AT_ONCE = { exitDuration: 0 };

export const ON_SURFACE = { content: { background: "var(--surface)" } };

/** A question, or a few fields. It has no header of its own kind, which would be a second banner of the page to a screen reader. */
export function Dialog({ opened, title, onClose, children }: DialogProps) {
  return (
    <Modal.Root opened={opened} onClose={onClose} transitionProps={AT_ONCE} styles={ON_SURFACE} centered>
      <Modal.Overlay />
      <Modal.Content>
        <Group justify="space-between" wrap="nowrap" p="md" pb={0}>
          <Modal.Title className="dialog-title">{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Group>
        <Modal.Body pt="sm">{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
