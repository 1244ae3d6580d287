import {
  Button,
  Group,
  Loader,
  Menu,
  Select,
  Stack,
  Table,
  Tabs,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { type Campaign, type Phase, type Pipeline, problemOf, root, useFilterRecordsQuery } from "../api";
import { Pager, usePages } from "../shell/Pager";
import { Trouble } from "../shell/Trouble";
import { count, phaseTitle } from "../words";
import { cell, columnsOf } from "./columns";

const PAGE = 50;

interface Props {
  campaign: Campaign;
  phase: Phase;
  /** The phases that have begun, whose records can be chosen. */
  phases: string[];
  pipeline?: Pipeline;
  onChoose: (phase: string) => void;
}

/** A phase's records, a page at a time, however many there are. */
export function Records({ campaign, phase, phases, pipeline, onChoose }: Props) {
  const [field, setField] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text, 250);
  const filter: Record<string, string> = field !== null && wanted !== "" ? { [field]: wanted } : {};
  const pages = usePages(JSON.stringify(filter));
  const run = phase.run ?? 1;
  const { currentData, data, error, isFetching } = useFilterRecordsQuery(
    { id: campaign.id, phase: phase.phase, run, filter, limit: PAGE, cursor: pages.cursor },
    // While it runs, a page that isn't full fills up.
    { pollingInterval: phase.status === "running" && pages.number === 0 ? 2_000 : 0 },
  );
  const items = (currentData ?? data)?.items ?? [];
  const columns = columnsOf(items);
  const [known, setKnown] = useState<string[]>([]);
  const fields = columns.length > 0 ? columns.filter((name) => !name.includes(".")) : known;
  if (columns.length > 0 && known.join() !== fields.join()) {
    setKnown(fields);
  }
  const total = campaign.records[phase.phase] ?? 0;
  const statuses = Object.keys(phase.summary?.byStatus ?? {});
  const title = phaseTitle(pipeline, phase.phase);
  const exported = (format: string) => {
    const query = new URLSearchParams({ ...filter, run: String(run), format });
    return `${root}api/v1/campaigns/${campaign.id}/phases/${phase.phase}/records?${query}`;
  };

  return (
    <section className="surface" aria-label="Records">
      <Stack p="md" gap="md">
        <Group justify="space-between">
          <Title order={2} size="h5">
            Records{" "}
            <Text span c="dimmed" size="sm" className="numbers">
              {count(total)} of {title}
            </Text>
          </Title>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button size="xs" variant="default" leftSection={<IconDownload size={15} />}>
                Export
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {["csv", "ndjson"].map((format) => (
                <Menu.Item
                  key={format}
                  component="a"
                  href={exported(format)}
                  download={`${campaign.name}-${phase.phase}.${format}`}
                >
                  {format.toUpperCase()}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        </Group>
        <Tabs variant="pills" value={phase.phase} onChange={(name) => name && onChoose(name)}>
          <Tabs.List>
            {phases.map((name) => (
              <Tabs.Tab key={name} value={name}>
                {phaseTitle(pipeline, name)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value={phase.phase} pt="md">
            <Stack gap="md">
              <Group gap="sm">
                <Select
                  aria-label="Filter by"
                  placeholder="Filter by"
                  data={fields}
                  value={field}
                  onChange={setField}
                  clearable
                  clearButtonProps={{ "aria-label": "No filter", "aria-hidden": false, tabIndex: 0 }}
                  flex="0 1 12rem"
                />
                {field === "status" && statuses.length > 0 ? (
                  <Select
                    aria-label="Value"
                    placeholder="Any"
                    data={statuses}
                    value={text || null}
                    onChange={(value) => setText(value ?? "")}
                    clearable
                    clearButtonProps={{ "aria-label": "Any value", "aria-hidden": false, tabIndex: 0 }}
                    flex="0 1 16rem"
                  />
                ) : (
                  <TextInput
                    aria-label="Value"
                    placeholder={field === null ? "Choose a field first" : "Its exact value"}
                    disabled={field === null}
                    value={text}
                    onChange={({ currentTarget }) => setText(currentTarget.value)}
                    flex="0 1 16rem"
                  />
                )}
                {isFetching && <Loader size="xs" aria-label="Loading" />}
              </Group>
              {error && <Trouble problem={problemOf(error)} />}
              {items.length > 0 ? (
                <RecordTable items={items} columns={columns} />
              ) : (
                <Text c="dimmed" py="lg" ta="center" role="status">
                  {currentData?.nextCursor
                    ? "None of those that were looked at. The next page looks on."
                    : isFetching
                      ? "Loading"
                      : "No record is like that."}
                </Text>
              )}
              <Pager pages={pages} next={currentData?.nextCursor} shown={items.length} of="records" />
            </Stack>
          </Tabs.Panel>
        </Tabs>
      </Stack>
    </section>
  );
}

function RecordTable({ items, columns }: { items: unknown[]; columns: string[] }) {
  return (
    <Table.ScrollContainer minWidth={Math.max(400, columns.length * 120)}>
      <Table striped stickyHeader verticalSpacing={6} fz="sm" className="numbers">
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((item, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a record has its place and nothing else of its own
            <Table.Tr key={index}>
              {columns.map((column) => (
                <Table.Td key={column} maw={360}>
                  <Text size="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
                    {cell(item, column)}
                  </Text>
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
