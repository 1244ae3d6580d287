// The API's endpoints, with what each mutation makes stale. The hooks come from the OpenAPI document.
import { type CampaignPage, type CampaignStatus, generated, type RecordPage } from "./generated";

export { root } from "./base";
export type { CampaignResponse as Campaign } from "./generated";
export * from "./generated";
export { type Problem, problemOf } from "./problem";
export { type Code, EVENT_TYPE, type Words } from "./words";

/** A page of a phase's records, of those whose members have these values. */
interface RecordsArg {
  id: string;
  phase: string;
  /** So that another run's records are not taken for this one's. */
  run: number;
  cursor?: string;
  limit: number;
  filter: Record<string, string>;
}

/** A page of the campaigns that are like that. */
interface CampaignsArg {
  cursor?: string;
  limit: number;
  name?: string;
  status?: CampaignStatus;
  attributes: Record<string, string>;
}

const stale = ["Campaigns" as const];

const ofConfig = (_: unknown, failure: unknown, { id, phase }: { id: string; phase: string }) =>
  failure ? stale : [...stale, { type: "Configs" as const, id: `${id}/${phase}` }];

const ofResource = (_: unknown, __: unknown, { kind }: { kind: string }) => [
  { type: "Resources" as const, id: kind },
  // Whether a config is valid depends on the resources that it names.
  "Campaigns" as const,
];

export const api = generated
  .enhanceEndpoints({
    endpoints: {
      showCampaign: { providesTags: ["Campaigns"] },
      showConfig: { providesTags: (_, __, { id, phase }) => [{ type: "Configs", id: `${id}/${phase}` }] },
      listResources: { providesTags: (_, __, { kind }) => [{ type: "Resources", id: kind }] },
      createCampaign: { invalidatesTags: stale },
      // What shows it is left then, and would only learn that it is gone.
      deleteCampaign: { invalidatesTags: [] },
      describeCampaign: { invalidatesTags: stale },
      setMode: { invalidatesTags: stale },
      startPhase: { invalidatesTags: stale },
      restartPhase: { invalidatesTags: stale },
      pause: { invalidatesTags: stale },
      resume: { invalidatesTags: stale },
      stop: { invalidatesTags: stale },
      storeConfig: { invalidatesTags: ofConfig },
      removeConfig: { invalidatesTags: ofConfig },
      storeResource: { invalidatesTags: ofResource },
      deleteResource: { invalidatesTags: ofResource },
      probeResource: { invalidatesTags: [] },
    },
  })
  .injectEndpoints({
    endpoints: (build) => ({
      // Attributes have any keys, so the filters by them are not in the document.
      findCampaigns: build.query<CampaignPage, CampaignsArg>({
        query: ({ attributes, ...page }) => ({
          url: "/api/v1/campaigns",
          params: {
            ...Object.fromEntries(
              Object.entries(attributes).map(([key, value]) => [`attribute.${key}`, value]),
            ),
            ...page,
          },
        }),
        providesTags: ["Campaigns"],
      }),
      // Records have any members, so the filters by them are not in the document.
      filterRecords: build.query<RecordPage, RecordsArg>({
        query: ({ id, phase, filter, ...page }) => ({
          url: `/api/v1/campaigns/${id}/phases/${phase}/records`,
          params: { ...filter, ...page },
        }),
      }),
    }),
  });

export const { useFilterRecordsQuery, useFindCampaignsQuery } = api;
