import type { CampaignStatus, Mode } from "../../src/api/generated";
import type { Server } from "./server";

export const DOMAINS = {
  pattern_type: "prefix",
  variable_length: 3,
  character_set: "abcdefghijklmnopqrstuvwxyz",
  constant_string: "shop",
  tld: "test",
  num_domains: 200,
};

export const CONFIGS = {
  domain_generation: DOMAINS,
  dns_validation: { personaIds: ["sandbox-dns"] },
  http_validation: { personaIds: ["sandbox-http"] },
  analysis: { keyword: "phasegate" },
};

interface Given {
  name: string;
  mode?: Mode;
  configs?: Record<string, unknown>;
}

/** Creates a campaign, and gives its id. */
export async function campaign(server: Server, { name, mode = "full_sequence", configs = CONFIGS }: Given) {
  const created = await server.call("POST", "/campaigns", { name, mode, configs });
  return created.campaignId as string;
}

/** A chain that rests after its first phase, since the third lacks its config. */
export async function waitingCampaign(server: Server, name: string) {
  const { http_validation: _, ...configs } = CONFIGS;
  const id = await campaign(server, { name, mode: "step_by_step", configs });
  await server.call("POST", `/campaigns/${id}/phases/domain_generation/start`);
  await until(server, id, "idle");
  await server.call("PATCH", `/campaigns/${id}/mode`, { mode: "full_sequence" });
  return id;
}

/** A DNS persona that looks up so many domains a second. */
export async function slowPersona(server: Server, id: string, ratePerSecond: number) {
  const { items } = await server.call("GET", "/resources/dns_persona");
  const { document } = items.find((one: { id: string }) => one.id === "sandbox-dns");
  await server.call("PUT", `/resources/dns_persona/${id}`, { ...document, ratePerSecond });
}

/** Waits until a campaign has a status. */
export async function until(server: Server, id: string, status: CampaignStatus) {
  for (;;) {
    const shown = await server.call("GET", `/campaigns/${id}`);
    if (shown.status === status) {
      return shown;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
