import { Button, Group, MultiSelect, Select } from "@mantine/core";
import type { WidgetProps } from "@rjsf/utils";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useListPipelinesQuery, useListResourcesQuery } from "../api";
import { kindsOf } from "../resources/kinds";
import { ResourceSheet } from "../resources/ResourceSheet";
import { resourceKind } from "./presentation";
import { emptying, field, LIST } from "./widgets";

/** Picks resources of the kind that the schema names, and makes a new one where none fits. */
export function ResourceWidget(props: WidgetProps) {
  const { schema, value, onChange, readonly } = props;
  const kind = resourceKind(schema) ?? "";
  const { data: pipelines } = useListPipelinesQuery();
  const { data } = useListResourcesQuery({ kind, limit: 1_000 });
  const [creating, setCreating] = useState(false);
  const definition = kindsOf(pipelines).find((one) => one.kind === kind);
  const several = schema.type === "array";
  const chosen: string[] = [value].flat().filter((id) => typeof id === "string");
  const known = data?.items ?? [];
  const options = [
    ...known.map(({ id, enabled }) => ({
      value: id,
      label: enabled ? id : `${id} (disabled)`,
      disabled: !enabled,
    })),
    // One that was deleted is still shown, so that it can be taken out.
    ...chosen
      .filter((id) => data && !known.some((one) => one.id === id))
      .map((id) => ({ value: id, label: `${id} (not there)` })),
  ];
  const add = (id: string) => onChange(several ? [...chosen, id] : id);
  const shared = {
    ...field(props),
    data: options,
    searchable: true,
    clearable: true,
    clearButtonProps: emptying("Choose none"),
    comboboxProps: LIST,
    nothingFoundMessage: "None is like that",
    placeholder: chosen.length > 0 ? undefined : known.length === 0 ? "There is none yet" : "Choose",
  };
  return (
    <>
      {several ? (
        <MultiSelect
          {...shared}
          value={chosen}
          onChange={(ids) => onChange(ids.length === 0 ? undefined : ids)}
        />
      ) : (
        <Select {...shared} value={chosen[0] ?? null} onChange={(id) => onChange(id ?? undefined)} />
      )}
      {!readonly && definition && (
        <Group mt={6}>
          <Button
            size="compact-sm"
            variant="subtle"
            leftSection={<IconPlus size={14} />}
            onClick={() => setCreating(true)}
          >
            New {definition.title}
          </Button>
          <ResourceSheet
            kind={definition}
            opened={creating}
            onClose={() => setCreating(false)}
            onStored={({ id }) => add(id)}
          />
        </Group>
      )}
    </>
  );
}
