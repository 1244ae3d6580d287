import { Button, Group, Skeleton, Stack } from "@mantine/core";
import { lazy, Suspense, useEffect, useState } from "react";
import {
  type Campaign,
  type Pipeline,
  problemOf,
  useLazyShowCampaignQuery,
  useLazyShowConfigQuery,
  useStoreConfigMutation,
} from "../api";
import { Sheet } from "../shell/Sheet";
import { Trouble } from "../shell/Trouble";
import { next, phaseTitle } from "../words";

const SchemaForm = lazy(() => import("../form/SchemaForm"));

interface Props {
  campaign: Campaign;
  pipeline?: Pipeline;
  /** The phase whose config is shown; nothing is shown without one. */
  phase?: string;
  onConfigure: (phase: string | undefined) => void;
}

/** A phase's config, as a form drawn from its schema. */
export function ConfigSheet({ campaign, pipeline, phase, onConfigure }: Props) {
  const [changed, setChanged] = useState(false);
  const leave = (to: string | undefined) => {
    setChanged(false);
    onConfigure(to);
  };
  return (
    <Sheet
      opened={phase !== undefined}
      title={phase && phaseTitle(pipeline, phase)}
      changed={changed}
      onClose={() => leave(undefined)}
    >
      {(close) =>
        phase && (
          <Config
            key={phase}
            {...{ campaign, pipeline, phase }}
            onChanged={setChanged}
            onLeave={leave}
            onCancel={close}
          />
        )
      }
    </Sheet>
  );
}

interface ConfigProps {
  campaign: Campaign;
  pipeline?: Pipeline;
  phase: string;
  onChanged: (changed: boolean) => void;
  onLeave: (to: string | undefined) => void;
  onCancel: () => void;
}

function Config({ campaign, pipeline, phase, onChanged, onLeave, onCancel }: ConfigProps) {
  // The revision that the form was opened at: another person's change in between is not overwritten.
  const [revision, setRevision] = useState(
    () => campaign.phases.find((one) => one.phase === phase)?.configRevision ?? null,
  );
  const [look] = useLazyShowCampaignQuery();
  const ids = { id: campaign.id, phase };
  const [load, stored] = useLazyShowConfigQuery();
  // What the form began with. A later answer is not put in under what is being typed.
  const [begun, setBegun] = useState<{ revision: number; config: unknown }>();
  useEffect(() => {
    if (revision !== null) {
      load({ id: campaign.id, phase }).then(
        ({ data }) => data !== undefined && setBegun({ revision, config: data }),
      );
    }
  }, [campaign.id, phase, revision, load]);
  const [store, storing] = useStoreConfigMutation();
  const [thenNext, setThenNext] = useState(false);
  const schema = pipeline?.phases.find(({ name }) => name === phase)?.configSchema;
  const editable = next(campaign, "configure", phase).allowed;
  const following = campaign.phases
    .slice(campaign.phases.findIndex((one) => one.phase === phase) + 1)
    .find((one) => !one.configured && next(campaign, "configure", one.phase).allowed)?.phase;
  const problem = storing.error && problemOf(storing.error);

  const submit = async (config: unknown) => {
    const condition = revision === null ? { "If-None-Match": "*" } : { "If-Match": `"${revision}"` };
    const { error } = await store({ ...ids, ...condition, body: config });
    if (!error) {
      onLeave(thenNext ? following : undefined);
    }
  };
  const showStored = async () => {
    const { data: now } = await look({ id: campaign.id });
    setRevision(now?.phases.find((one) => one.phase === phase)?.configRevision ?? null);
    storing.reset();
    onChanged(false);
  };

  if (stored.error) {
    return <Trouble problem={problemOf(stored.error)} />;
  }
  const waiting = <Skeleton height={320} aria-label="Loading" />;
  if (!schema || (revision !== null && begun?.revision !== revision)) {
    return waiting;
  }
  return (
    <Suspense fallback={waiting}>
      <SchemaForm
        key={revision}
        schema={schema}
        value={revision === null ? undefined : begun?.config}
        errors={problem?.errors}
        readOnly={!editable}
        onChanged={onChanged}
        onSubmit={submit}
      >
        <Stack>
          {problem?.code === "precondition_failed" && (
            <Group justify="space-between">
              <Trouble
                problem={{
                  ...problem,
                  detail: "This config was changed elsewhere while you edited it. Nothing was overwritten.",
                }}
              />
              <Button variant="default" onClick={showStored}>
                Show what is stored
              </Button>
            </Group>
          )}
          {problem && problem.code !== "precondition_failed" && problem.errors === undefined && (
            <Trouble problem={problem} />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onCancel}>
              {editable ? "Cancel" : "Close"}
            </Button>
            {editable && following && (
              <Button
                type="submit"
                variant="light"
                loading={storing.isLoading && thenNext}
                onClick={() => setThenNext(true)}
              >
                Save and configure next
              </Button>
            )}
            {editable && (
              <Button
                type="submit"
                loading={storing.isLoading && !thenNext}
                onClick={() => setThenNext(false)}
              >
                Save
              </Button>
            )}
          </Group>
        </Stack>
      </SchemaForm>
    </Suspense>
  );
}
