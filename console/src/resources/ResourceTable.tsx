import { Button, Group, Table, Text } from "@mantine/core";
import type { Resource, ResourceKind } from "../api";
import { Pill } from "../shell/Pill";

interface Props {
  kind: ResourceKind;
  resources: Resource[];
  onEdit: (resource: Resource) => void;
  onProbe?: (resource: Resource) => void;
  onDelete: (resource: Resource) => void;
}

export function ResourceTable({ kind, resources, onEdit, onProbe, onDelete }: Props) {
  return (
    <section className="surface" aria-label={kind.title}>
      <Table.ScrollContainer minWidth={560}>
        <Table verticalSpacing="sm" horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Id</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>What it says</Table.Th>
              <Table.Th>
                <span className="hidden">Actions</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {resources.map((resource) => (
              <Table.Tr key={resource.id}>
                <Table.Td>
                  <Text fw={600} truncate maw={260} title={resource.id}>
                    {resource.id}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Pill
                    state={
                      resource.enabled
                        ? { label: "Enabled", tone: "ok" }
                        : { label: "Disabled", tone: "quiet" }
                    }
                  />
                </Table.Td>
                <Table.Td>
                  <Text size="sm" c="dimmed" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
                    {gist(resource)}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Group gap="xs" justify="flex-end" wrap="nowrap">
                    {onProbe && (
                      <Button
                        size="xs"
                        variant="default"
                        aria-label={`Probe ${resource.id}`}
                        onClick={() => onProbe(resource)}
                      >
                        Probe
                      </Button>
                    )}
                    <Button
                      size="xs"
                      variant="default"
                      aria-label={`Edit ${resource.id}`}
                      onClick={() => onEdit(resource)}
                    >
                      Edit
                    </Button>
                    <Button
                      size="xs"
                      variant="default"
                      aria-label={`Delete ${resource.id}`}
                      onClick={() => onDelete(resource)}
                    >
                      Delete
                    </Button>
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}

/** The document's first members in a line. */
function gist({ document, secrets }: Resource): string {
  const members = Object.entries(document as Record<string, unknown>)
    .filter(([name]) => name !== "enabled")
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [...members, ...secrets.map((pointer) => `${pointer.slice(1)} stored`)].join(" · ");
}
