import { Button, Checkbox, Group, Skeleton, Stack, TextInput } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import { problemOf, type Resource, type ResourceKind, useStoreResourceMutation } from "../api";
import { Sheet } from "../shell/Sheet";
import { Trouble } from "../shell/Trouble";

const SchemaForm = lazy(() => import("../form/SchemaForm"));

interface Props {
  kind: ResourceKind;
  /** The one to edit; a new one without it. */
  resource?: Resource;
  opened: boolean;
  onClose: () => void;
  onStored?: (resource: Resource) => void;
}

/** A resource, as a form drawn from the schema of its kind. */
export function ResourceSheet({ kind, resource, opened, onClose, onStored }: Props) {
  const [changed, setChanged] = useState(false);
  const leave = () => {
    setChanged(false);
    onClose();
  };
  return (
    <Sheet
      opened={opened}
      title={resource ? `${kind.title} ${resource.id}` : `New ${kind.title}`}
      changed={changed}
      onClose={leave}
    >
      {(close) => (
        <ResourceForm
          {...{ kind, resource, onStored }}
          onChanged={setChanged}
          onDone={leave}
          onCancel={close}
        />
      )}
    </Sheet>
  );
}

interface FormProps extends Pick<Props, "kind" | "resource" | "onStored"> {
  onChanged: (changed: boolean) => void;
  onDone: () => void;
  onCancel: () => void;
}

function ResourceForm({ kind, resource, onStored, onChanged, onDone, onCancel }: FormProps) {
  const [store, storing] = useStoreResourceMutation();
  const [id, setId] = useState(resource?.id ?? "");
  const [removed, setRemoved] = useState<string[]>([]);
  const problem = storing.error && problemOf(storing.error);
  const secrets = resource?.secrets ?? [];

  const submit = async (document: unknown) => {
    // A secret that is left out is kept; null takes it away.
    const gone = Object.fromEntries(removed.map((pointer) => [pointer.slice(1), null]));
    const condition = resource ? { "If-Match": `"${resource.revision}"` } : { "If-None-Match": "*" };
    const body = { ...(document as object), ...gone };
    const stored = await store({ kind: kind.kind, id: id.trim(), ...condition, body });
    if (stored.data) {
      onStored?.(stored.data);
      onDone();
    }
  };

  return (
    <Stack>
      {!resource && (
        <TextInput
          label="Id"
          description="What configs call it: letters, digits, dot, hyphen and underscore; at most 128 characters."
          value={id}
          onChange={({ currentTarget }) => setId(currentTarget.value)}
          error={problem?.code === "invalid_name" ? problem.detail : undefined}
          maxLength={128}
          required
          data-autofocus
        />
      )}
      <Suspense fallback={<Skeleton height={320} aria-label="Loading" />}>
        <SchemaForm
          schema={kind.schema}
          value={resource?.document}
          errors={problem?.errors}
          onChanged={onChanged}
          secrets={secrets.filter((pointer) => !removed.includes(pointer))}
          onSubmit={submit}
        >
          {secrets.map((pointer) => (
            <Checkbox
              key={pointer}
              label={`Remove the stored ${pointer.slice(1)}`}
              checked={removed.includes(pointer)}
              onChange={({ currentTarget }) =>
                setRemoved(
                  currentTarget.checked ? [...removed, pointer] : removed.filter((one) => one !== pointer),
                )
              }
            />
          ))}
          {problem && problem.errors === undefined && problem.code !== "invalid_name" && (
            <Trouble
              problem={
                problem.code === "precondition_failed"
                  ? {
                      ...problem,
                      detail: resource
                        ? "It was changed elsewhere while you edited it. Nothing was overwritten: close this form and open it again."
                        : `There is a ${kind.title} ${id.trim()} already: choose another id, or edit that one.`,
                    }
                  : problem
              }
            />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onCancel}>
              Cancel
            </Button>
            <Button type="submit" loading={storing.isLoading} disabled={id.trim() === ""}>
              Save
            </Button>
          </Group>
        </SchemaForm>
      </Suspense>
    </Stack>
  );
}
