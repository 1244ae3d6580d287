import { ActionIcon, Button, Fieldset, Group, Stack, Text, TextInput } from "@mantine/core";
import { nanoid } from "@reduxjs/toolkit";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { type Campaign, problemOf, useDescribeCampaignMutation } from "../api";
import { Dialog } from "../shell/Dialog";
import { Trouble } from "../shell/Trouble";

interface Props {
  campaign: Campaign;
  opened: boolean;
  onClose: () => void;
}

/** What a campaign is called, and by what it is found again. */
export function Describe({ campaign, opened, onClose }: Props) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Name and attributes">
      <DescribeForm campaign={campaign} onClose={onClose} />
    </Dialog>
  );
}

interface Row {
  id: string;
  key: string;
  value: string;
}

function DescribeForm({ campaign, onClose }: Omit<Props, "opened">) {
  const [save, saving] = useDescribeCampaignMutation();
  const [begun] = useState(campaign);
  const [name, setName] = useState(campaign.name);
  const [rows, setRows] = useState<Row[]>(() =>
    Object.entries(campaign.attributes).map(([key, value]) => ({ id: nanoid(), key, value })),
  );
  const keys = rows.map(({ key }) => key.trim());
  const twice = (key: string) => keys.filter((one) => one === key.trim()).length > 1;
  const set = (id: string, change: Partial<Row>) =>
    setRows(rows.map((row) => (row.id === id ? { ...row, ...change } : row)));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const now = Object.fromEntries(rows.map(({ key, value }) => [key.trim(), value]));
    // Only what was changed here: what somebody else changes meanwhile stays.
    const changed = Object.entries(now).filter(([key, value]) => begun.attributes[key] !== value);
    const removed = Object.keys(begun.attributes).filter((key) => !(key in now));
    const { error } = await save({
      id: campaign.id,
      describe: {
        name: name.trim() === begun.name ? undefined : name.trim(),
        attributes: Object.fromEntries([...changed, ...removed.map((key) => [key, null] as const)]),
      },
    });
    if (!error) {
      onClose();
    }
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label="Name"
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          maxLength={200}
          required
          data-autofocus
        />
        <Fieldset legend="Attributes" variant="unstyled" className="fields">
          <Stack gap="xs">
            <Text size="sm" c="dimmed">
              Short texts by which the campaign is found again. A key has a to z, 0 to 9, _, . and -.
            </Text>
            {rows.map((row) => (
              <Group key={row.id} gap="xs" wrap="nowrap" align="flex-start">
                <TextInput
                  aria-label="Key"
                  placeholder="key"
                  value={row.key}
                  onChange={({ currentTarget }) => set(row.id, { key: currentTarget.value })}
                  error={twice(row.key) && "This key is there twice"}
                  maxLength={64}
                  required
                  flex="1 1 8rem"
                />
                <TextInput
                  aria-label={`Value of ${row.key.trim() || "the new attribute"}`}
                  placeholder="value"
                  value={row.value}
                  onChange={({ currentTarget }) => set(row.id, { value: currentTarget.value })}
                  maxLength={256}
                  flex="2 1 10rem"
                />
                <ActionIcon
                  variant="default"
                  size={36}
                  aria-label={`Remove ${row.key.trim() || "the new attribute"}`}
                  onClick={() => setRows(rows.filter(({ id }) => id !== row.id))}
                >
                  <IconTrash size={16} />
                </ActionIcon>
              </Group>
            ))}
            <Group>
              <Button
                variant="default"
                size="compact-sm"
                leftSection={<IconPlus size={14} />}
                onClick={() => setRows([...rows, { id: nanoid(), key: "", value: "" }])}
                disabled={rows.length >= 32}
              >
                Add an attribute
              </Button>
            </Group>
          </Stack>
        </Fieldset>
        {saving.error && <Trouble problem={problemOf(saving.error)} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={saving.isLoading} disabled={name.trim() === "" || keys.some(twice)}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
