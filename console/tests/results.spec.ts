import { CONFIGS, campaign, DOMAINS, until } from "./support/given";
import { expect, open, test } from "./support/test";

test("a hundred thousand records page and filter, and are exported whole", async ({ page, server }) => {
  const id = await campaign(server, {
    name: "Many",
    mode: "step_by_step",
    configs: {
      domain_generation: { ...DOMAINS, variable_length: 4, num_domains: 100_000, batch_size: 10_000 },
    },
  });
  await server.call("POST", `/campaigns/${id}/phases/domain_generation/start`);
  await until(server, id, "idle");
  await open(page, server, id);
  const records = page.getByRole("region", { name: "Records" });
  await expect(records.getByText("100,000 of Domain generation")).toBeVisible();
  await expect(records.getByRole("row")).toHaveCount(51);
  await expect(records.getByText("aaaashop.test")).toBeVisible();
  await records.getByRole("button", { name: "Next" }).click();
  await expect(records.getByText("Page 2, 50 records")).toBeVisible();
  await expect(records.getByText("aabyshop.test")).toBeVisible();
  await records.getByRole("button", { name: "Previous" }).click();
  await expect(records.getByText("aaaashop.test")).toBeVisible();

  await records.getByRole("combobox", { name: "Filter by" }).click();
  await page.getByRole("option", { name: "offset" }).click();
  await records.getByRole("textbox", { name: "Value" }).fill("40000");
  await expect(records.getByRole("row")).toHaveCount(2);
  await expect(records.getByRole("cell", { name: "40000" })).toBeVisible();
  await records.getByRole("textbox", { name: "Value" }).fill("");
  await expect(records.getByRole("row")).toHaveCount(51);

  for (const [format, expected] of [
    ["NDJSON", 100_000],
    // With a line of names.
    ["CSV", 100_001],
  ] as const) {
    await records.getByRole("button", { name: "Export" }).click();
    const downloading = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: format, exact: true }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe(`Many-domain_generation.${format.toLowerCase()}`);
    let lines = 0;
    for await (const chunk of await download.createReadStream()) {
      lines += chunk.toString().split("\n").length - 1;
    }
    expect(lines).toBe(expected);
  }
});

test("each phase's records are chosen, and those of one status", async ({ page, server }) => {
  const id = await campaign(server, { name: "Sorted", configs: CONFIGS });
  await server.call("POST", `/campaigns/${id}/phases/domain_generation/start`);
  const shown = await until(server, id, "completed");
  const { byStatus } = shown.phases[1].summary;
  await open(page, server, id);
  const records = page.getByRole("region", { name: "Records" });
  await records.getByRole("tab", { name: "DNS validation" }).click();
  await records.getByRole("combobox", { name: "Filter by" }).click();
  await page.getByRole("option", { name: "status" }).click();
  await records.getByRole("combobox", { name: "Value" }).click();
  await page.getByRole("option", { name: "resolved" }).click();
  await expect(records.getByRole("row")).toHaveCount(1 + Math.min(50, byStatus.resolved));
  const funnel = page.getByRole("region", { name: "Funnel" });
  await expect(funnel.getByText(String(byStatus.resolved), { exact: true }).first()).toBeVisible();
});

test("a phase whose domains all ended alike is warned of", async ({ page, server }) => {
  const configs = {
    ...CONFIGS,
    domain_generation: { ...DOMAINS, tld: "censored.situation.test", num_domains: 10 },
  };
  const id = await campaign(server, { name: "Censored", configs });
  await server.call("POST", `/campaigns/${id}/phases/domain_generation/start`);
  await until(server, id, "completed");
  await open(page, server, id);
  await expect(page.getByText("DNS validation: look at this")).toBeVisible();
  await expect(page.getByText(/All 10 domains ended alike\. The resolver blocks the domain/)).toBeVisible();
});
