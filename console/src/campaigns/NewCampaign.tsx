import { Button, Group, Radio, Select, Stack, TextInput } from "@mantine/core";
import { nanoid } from "@reduxjs/toolkit";
import { type FormEvent, useState } from "react";
import { useNavigate } from "react-router";
import { type Mode, problemOf, useCreateCampaignMutation, useListPipelinesQuery } from "../api";
import { Dialog } from "../shell/Dialog";
import { Trouble } from "../shell/Trouble";
import { MODES } from "../words";

interface Props {
  opened: boolean;
  onClose: () => void;
}

export function NewCampaign({ opened, onClose }: Props) {
  return (
    <Dialog opened={opened} onClose={onClose} title="New campaign">
      <NewCampaignForm onClose={onClose} />
    </Dialog>
  );
}

function NewCampaignForm({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const { data: pipelines } = useListPipelinesQuery();
  const [create, creation] = useCreateCampaignMutation();
  const [key] = useState(() => nanoid());
  const [name, setName] = useState("");
  const [mode, setMode] = useState<Mode>("full_sequence");
  const [chosen, setPipeline] = useState<string | null>(null);
  const all = pipelines?.items ?? [];
  const pipeline = chosen ?? all[0]?.id;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const created = await create({
      "Idempotency-Key": key,
      newCampaign: { name: name.trim(), mode, pipeline },
    });
    if (created.data && "campaignId" in created.data) {
      navigate(`/campaigns/${created.data.campaignId}`);
    }
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label="Name"
          description="What it is about; 1 to 200 characters"
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          maxLength={200}
          required
          data-autofocus
        />
        {all.length > 1 && (
          <Select
            label="Pipeline"
            data={all.map(({ id, title }) => ({ value: id, label: title }))}
            value={pipeline ?? null}
            onChange={setPipeline}
            allowDeselect={false}
          />
        )}
        <Radio.Group label="Mode" value={mode} onChange={(value) => setMode(value as Mode)}>
          <Stack gap="xs" mt={6}>
            {(Object.keys(MODES) as Mode[]).reverse().map((one) => (
              <Radio key={one} value={one} label={MODES[one].label} description={MODES[one].hint} />
            ))}
          </Stack>
        </Radio.Group>
        {creation.error && <Trouble problem={problemOf(creation.error)} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={creation.isLoading} disabled={name.trim() === ""}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
