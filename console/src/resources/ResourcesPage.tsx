import { Button, Group, Skeleton, Stack, Tabs, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import {
  problemOf,
  type Resource,
  type ResourceKind,
  useDeleteResourceMutation,
  useListPipelinesQuery,
  useListResourcesQuery,
} from "../api";
import { useLive } from "../live/useLive";
import { Confirm, type Question } from "../shell/Confirm";
import { Nowhere } from "../shell/Nowhere";
import { Pager, usePages } from "../shell/Pager";
import { Trouble } from "../shell/Trouble";
import { kindsOf } from "./kinds";
import { ProbeSheet } from "./ProbeSheet";
import { ResourceSheet } from "./ResourceSheet";
import { ResourceTable } from "./ResourceTable";

const PAGE = 50;

/** What configs refer to by id: personas, proxies, or whatever kinds the pipelines name. */
export default function ResourcesPage() {
  useLive();
  useDocumentTitle("Resources · Phasegate");
  const navigate = useNavigate();
  const { data, error } = useListPipelinesQuery();
  const kinds = kindsOf(data);
  const { kind: asked } = useParams();
  const shown = asked ?? kinds[0]?.kind;
  const kind = kinds.find((one) => one.kind === shown);
  if (error) {
    return <Trouble problem={problemOf(error)} />;
  }
  if (!data) {
    return <Skeleton height={240} aria-label="Loading" />;
  }
  if (asked && !kind) {
    return <Nowhere what="No pipeline names resources of that kind." />;
  }
  return (
    <Stack gap="lg">
      <Title order={1} size="h2">
        Resources
      </Title>
      <Text c="dimmed" maw={640}>
        Configs refer to these by id. A change counts from the next run on; what runs keeps what it began
        with.
      </Text>
      <Tabs value={shown ?? null} onChange={(value) => value && navigate(`/resources/${value}`)}>
        <Tabs.List mb="md">
          {kinds.map((one) => (
            <Tabs.Tab key={one.kind} value={one.kind}>
              {one.title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {kinds.map((one) => (
          <Tabs.Panel key={one.kind} value={one.kind}>
            {one === kind && <Resources kind={one} />}
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}

function Resources({ kind }: { kind: ResourceKind }) {
  const pages = usePages(kind.kind);
  const { currentData, error } = useListResourcesQuery({
    kind: kind.kind,
    cursor: pages.cursor,
    limit: PAGE,
  });
  const [remove, removing] = useDeleteResourceMutation();
  const [editing, edit] = useState<Resource | "new">();
  const [probing, probe] = useState<Resource>();
  const [question, ask] = useState<Question>();
  const items = currentData?.items ?? [];

  const onDelete = ({ id, revision }: Resource) =>
    ask({
      title: `Delete ${kind.title} ${id}?`,
      loss: "Its document is deleted for good. It is refused while a config names it.",
      verb: "Delete",
      act: () => remove({ kind: kind.kind, id, "If-Match": `"${revision}"` }),
    });

  return (
    <Stack>
      <Group justify="flex-end">
        <Button leftSection={<IconPlus size={18} />} onClick={() => edit("new")}>
          New {kind.title}
        </Button>
      </Group>
      {error && <Trouble problem={problemOf(error)} />}
      {removing.error && <Trouble problem={problemOf(removing.error)} onDismiss={removing.reset} />}
      {!currentData && !error && <Skeleton height={160} aria-label="Loading" />}
      {currentData && items.length === 0 && (
        <Stack className="surface" align="center" py={48}>
          <Text fw={600}>There is no {kind.title} yet</Text>
        </Stack>
      )}
      {items.length > 0 && (
        <ResourceTable
          kind={kind}
          resources={items}
          onEdit={edit}
          onProbe={kind.probeSchema ? probe : undefined}
          onDelete={onDelete}
        />
      )}
      <Pager pages={pages} next={currentData?.nextCursor} shown={items.length} of="resources" />
      <ResourceSheet
        kind={kind}
        resource={editing === "new" ? undefined : editing}
        opened={editing !== undefined}
        onClose={() => edit(undefined)}
      />
      <ProbeSheet kind={kind} resource={probing} onClose={() => probe(undefined)} />
      <Confirm question={question} onClose={() => ask(undefined)} />
    </Stack>
  );
}
