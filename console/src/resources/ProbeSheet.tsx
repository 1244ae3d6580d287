import { Button, Code, Group, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { lazy, Suspense } from "react";
import { problemOf, type Resource, type ResourceKind, useProbeResourceMutation } from "../api";
import { Sheet } from "../shell/Sheet";
import { Trouble } from "../shell/Trouble";

const SchemaForm = lazy(() => import("../form/SchemaForm"));

interface Props {
  kind: ResourceKind;
  /** The one to try; nothing is shown without one. */
  resource?: Resource;
  onClose: () => void;
}

/** One real try of a resource, with what came back. */
export function ProbeSheet({ kind, resource, onClose }: Props) {
  return (
    <Sheet opened={resource !== undefined} onClose={onClose} title={resource && `Probe ${resource.id}`}>
      {(close) => resource && <Probe kind={kind} resource={resource} onClose={close} />}
    </Sheet>
  );
}

function Probe({ kind, resource, onClose }: { kind: ResourceKind; resource: Resource; onClose: () => void }) {
  const [probe, probing] = useProbeResourceMutation();
  const problem = probing.error && problemOf(probing.error);
  return (
    <Stack>
      <Text c="dimmed" size="sm">
        It is tried once, for real, from where the server runs. Nothing is stored.
      </Text>
      <Suspense fallback={<Skeleton height={160} aria-label="Loading" />}>
        <SchemaForm
          schema={{ ...kind.probeSchema, description: undefined }}
          value={undefined}
          errors={problem?.errors}
          onSubmit={(body) => probe({ kind: kind.kind, id: resource.id, body })}
        >
          {problem && problem.errors === undefined && <Trouble problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
            <Button type="submit" loading={probing.isLoading}>
              Try it
            </Button>
          </Group>
        </SchemaForm>
      </Suspense>
      {probing.data !== undefined && !probing.isLoading && (
        <section className="surface" aria-label="Result" role="status">
          <Title order={3} size="h6" p="md" pb={0}>
            What came back
          </Title>
          <Members value={probing.data} />
        </section>
      )}
    </Stack>
  );
}

/** The members of what came back, a line each. */
function Members({ value }: { value: unknown }) {
  const members: [string, unknown][] =
    typeof value === "object" && value !== null ? Object.entries(value) : [["value", value]];
  return (
    <Table variant="vertical" withRowBorders={false} horizontalSpacing="md">
      <Table.Tbody>
        {members.map(([name, member]) => (
          <Table.Tr key={name}>
            <Table.Th w={140} scope="row">
              {name}
            </Table.Th>
            <Table.Td>
              {typeof member === "object" && member !== null ? (
                <Code block>{JSON.stringify(member, null, 2)}</Code>
              ) : (
                <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                  {member === null ? "–" : String(member)}
                </Text>
              )}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
