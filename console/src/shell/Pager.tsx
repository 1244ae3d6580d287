import { Button, Group, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { count } from "../words";

export interface Pages {
  cursor?: string;
  /** From 0. */
  number: number;
  forward(cursor: string): void;
  back(): void;
}

/** Walks through pages that know only what comes next. Another `subject` begins at the first page again. */
export function usePages(subject: string): Pages {
  const [walk, setWalk] = useState<{ subject: string; cursors: string[] }>({ subject, cursors: [] });
  const cursors = walk.subject === subject ? walk.cursors : [];
  return {
    cursor: cursors.at(-1),
    number: cursors.length,
    forward: (cursor) => setWalk({ subject, cursors: [...cursors, cursor] }),
    back: () => setWalk({ subject, cursors: cursors.slice(0, -1) }),
  };
}

interface Props {
  pages: Pages;
  next?: string | null;
  shown: number;
  of: string;
}

export function Pager({ pages, next, shown, of }: Props) {
  if (pages.number === 0 && !next) {
    return null;
  }
  return (
    <Group component="nav" justify="space-between" aria-label={`Pages of ${of}`}>
      <Text size="sm" c="dimmed" className="numbers" role="status">
        Page {count(pages.number + 1)}, {count(shown)} {of}
      </Text>
      <Group gap="xs">
        <Button
          variant="default"
          size="xs"
          leftSection={<IconChevronLeft size={14} />}
          disabled={pages.number === 0}
          onClick={pages.back}
        >
          Previous
        </Button>
        <Button
          variant="default"
          size="xs"
          rightSection={<IconChevronRight size={14} />}
          disabled={!next}
          onClick={() => next && pages.forward(next)}
        >
          Next
        </Button>
      </Group>
    </Group>
  );
}
