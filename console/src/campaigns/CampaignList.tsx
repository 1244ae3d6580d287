import { Anchor, Button, Group, Select, Skeleton, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { useDebouncedValue, useDocumentTitle } from "@mantine/hooks";
import { IconPlus, IconSearch, IconTag } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { type CampaignStatus, problemOf, useFindCampaignsQuery } from "../api";
import { useLive } from "../live/useLive";
import { Pager, usePages } from "../shell/Pager";
import { Trouble } from "../shell/Trouble";
import { CAMPAIGN_STATES } from "../words";
import { CampaignRow } from "./CampaignRow";
import { NewCampaign } from "./NewCampaign";

const PAGE = 25;

const STATUSES = Object.entries(CAMPAIGN_STATES).map(([value, { label }]) => ({ value, label }));

/** The attribute that is asked for, once it has a key and a value. */
function attributesOf(pair: string): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
  return key && value ? { [key.trim()]: value.trim() } : {};
}

/** All campaigns, the newest first. */
export function CampaignList() {
  useLive();
  useDocumentTitle("Campaigns · Phasegate");
  const [creating, setCreating] = useState(false);
  const [search, setSearch] = useState("");
  const [status, setStatus] = useState<CampaignStatus | null>(null);
  const [attribute, setAttribute] = useState("");
  const [name] = useDebouncedValue(search.trim(), 250);
  const [pair] = useDebouncedValue(attribute.trim(), 250);
  const pages = usePages(`${name}/${pair}/${status}`);
  const attributes = attributesOf(pair);
  const { currentData, error, isFetching } = useFindCampaignsQuery({
    attributes,
    cursor: pages.cursor,
    limit: PAGE,
    name: name || undefined,
    status: status ?? undefined,
  });
  const filtered = name !== "" || status !== null || Object.keys(attributes).length > 0;
  const items = currentData?.items ?? [];

  return (
    <Stack gap="lg">
      <Group justify="space-between">
        <Title order={1} size="h2">
          Campaigns
        </Title>
        <Button leftSection={<IconPlus size={18} />} onClick={() => setCreating(true)}>
          New campaign
        </Button>
      </Group>
      <Group gap="sm">
        <TextInput
          aria-label="Search by name"
          placeholder="Search by name"
          type="search"
          leftSection={<IconSearch size={16} />}
          value={search}
          onChange={({ currentTarget }) => setSearch(currentTarget.value)}
          flex="1 1 14rem"
        />
        <TextInput
          aria-label="Filter by attribute"
          placeholder="Attribute: key=value"
          type="search"
          leftSection={<IconTag size={16} />}
          value={attribute}
          onChange={({ currentTarget }) => setAttribute(currentTarget.value)}
          flex="1 1 12rem"
        />
        <Select
          aria-label="Status"
          placeholder="Any status"
          data={STATUSES}
          value={status}
          onChange={(value) => setStatus(value as CampaignStatus | null)}
          clearable
          clearButtonProps={{ "aria-label": "Any status", "aria-hidden": false, tabIndex: 0 }}
          flex="0 1 15rem"
        />
      </Group>
      {error && <Trouble problem={problemOf(error)} />}
      <section className="surface" aria-label="Campaigns" aria-busy={isFetching}>
        {items.length > 0 && (
          <Table.ScrollContainer minWidth={980}>
            <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th>Status</Table.Th>
                  <Table.Th>Progress</Table.Th>
                  <Table.Th>Attributes</Table.Th>
                  <Table.Th>Mode</Table.Th>
                  <Table.Th>Last change</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {items.map((campaign) => (
                  <CampaignRow key={campaign.id} campaign={campaign} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
        {!currentData && !error && <Skeleton height={160} aria-label="Loading" />}
        {currentData && items.length === 0 && (
          <Stack align="center" py={56} px="md" gap="xs">
            <Text fw={600}>{filtered ? "No campaign here is like that" : "No campaigns yet"}</Text>
            <Text c="dimmed" ta="center" maw={440}>
              {filtered
                ? currentData.nextCursor
                  ? "None of those that were looked at. The next page looks on."
                  : "Search for another name or attribute, or choose another status."
                : "A campaign is one run through the phases: configure all of them, start once, and it goes on by itself."}
            </Text>
            {!filtered && (
              <Anchor component="button" onClick={() => setCreating(true)}>
                Create the first one
              </Anchor>
            )}
          </Stack>
        )}
      </section>
      <Pager pages={pages} next={currentData?.nextCursor} shown={items.length} of="campaigns" />
      <Text c="dimmed" size="sm">
        Personas and proxies that configs name are kept under{" "}
        <Anchor component={Link} to="/resources" size="sm" underline="always">
          Resources
        </Anchor>
        .
      </Text>
      <NewCampaign opened={creating} onClose={() => setCreating(false)} />
    </Stack>
  );
}
