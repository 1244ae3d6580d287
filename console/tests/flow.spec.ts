import { campaign, DOMAINS } from "./support/given";
import { card, expect, open, status, test } from "./support/test";

test("a person configures four phases, starts once and sees the results", async ({ page }) => {
  await page.getByRole("button", { name: "New campaign" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Spring");
  await dialog.getByLabel("Step by step").check();
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name: "Spring" })).toBeVisible();
  await expect(page.getByText("Not ready: 4 of 4 remaining phases lack a valid config")).toBeVisible();

  await card(page, "Domain generation").getByRole("button", { name: "Configure" }).click();
  const form = page.getByRole("dialog");
  await expect(form.getByText("How many domains are generated.")).toBeVisible();
  await form.getByLabel("suffix").check();
  await form.getByLabel("Variable length").fill("2");
  await form.getByLabel("Character set").fill(DOMAINS.character_set);
  await form.getByLabel("Top-level domain").fill("test");
  await form.getByLabel("Constant").fill("shop");
  // More than the pattern has: the server says so beside the field.
  await form.getByLabel("Number of domains").fill("1000");
  await form.getByRole("button", { name: "Save and configure next" }).click();
  await expect(form.getByText("Nothing was stored: one thing is wrong")).toBeVisible();
  await expect(form.getByLabel("Number of domains")).toHaveAttribute("aria-invalid", "true");
  await expect(form.getByText(/676/).first()).toBeVisible();
  await form.getByLabel("Number of domains").fill("300");
  await form.getByRole("button", { name: "Save and configure next" }).click();

  await expect(form.getByRole("heading", { name: "DNS validation" })).toBeVisible();
  await form.getByRole("combobox", { name: "DNS personas" }).click();
  await page.getByRole("option", { name: "sandbox-dns" }).click();
  await page.keyboard.press("Tab");
  await form.getByRole("button", { name: "Save and configure next" }).click();

  await expect(form.getByRole("heading", { name: "HTTP validation" })).toBeVisible();
  await form.getByRole("combobox", { name: "HTTP personas" }).click();
  await page.getByRole("option", { name: "sandbox-http" }).click();
  await page.keyboard.press("Tab");
  await form.getByRole("button", { name: "Save and configure next" }).click();

  await expect(form.getByRole("heading", { name: "Analysis" })).toBeVisible();
  await form.getByLabel("Keyword").fill("phasegate");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Ready: all 4 remaining phases have a valid config")).toBeVisible();
  for (const phase of ["Domain generation", "DNS validation", "HTTP validation", "Analysis"]) {
    await expect(card(page, phase).getByText("Ready", { exact: true })).toBeVisible();
  }

  await page.getByText("Full sequence", { exact: true }).click();
  await expect(page.getByRole("radio", { name: "Full sequence" })).toBeChecked();
  await page.getByRole("button", { name: "Start full sequence" }).click();
  await expect(status(page)).toHaveText("Completed");
  await expect(card(page, "Analysis").getByText(/records in/)).toBeVisible();

  const funnel = page.getByRole("region", { name: "Funnel" });
  await expect(funnel.getByText("300", { exact: true })).toBeVisible();
  await expect(page.getByRole("img", { name: /Pages by score/ })).toBeVisible();
  await page.getByRole("tab", { name: "Event log" }).click();
  const log = page.getByRole("region", { name: "Event log" });
  await expect(log.getByText("All phases completed")).toBeVisible();
  await expect(log.getByText(/started by the chain/)).toHaveCount(3);
  await expect(log.getByText("Domain generation started by hand")).toHaveCount(1);

  await page.getByRole("link", { name: "Campaigns", exact: true }).first().click();
  const row = page.getByRole("row", { name: /Spring/ });
  await expect(row.getByText("Completed")).toBeVisible();
  await expect(row.getByText("4 of 4 phases")).toBeVisible();
});

test("step by step each phase waits for its own start", async ({ page, server }) => {
  const id = await campaign(server, { name: "By hand", mode: "step_by_step" });
  await open(page, server, id);
  const later = card(page, "DNS validation").getByRole("button", { name: "Start DNS validation" });
  await expect(later).toHaveAttribute("aria-disabled", "true");
  await card(page, "Domain generation").getByRole("button", { name: "Start Domain generation" }).click();
  await expect(card(page, "Domain generation").getByText("200 records in")).toBeVisible();
  await expect(later).toHaveAttribute("aria-disabled", "false");
  await expect(status(page)).toHaveText("Idle");
  await expect(card(page, "DNS validation").getByText("Ready", { exact: true })).toBeVisible();
});

test("the list finds a campaign by its name and by its status", async ({ page, server }) => {
  await campaign(server, { name: "Needle in the hay" });
  await campaign(server, { name: "Nothing configured", configs: {} });
  await page.goto(`${server.origin}/#/campaigns`);
  await page.getByRole("searchbox", { name: "Search by name" }).fill("NEEDLE");
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("link", { name: "Needle in the hay" })).toBeVisible();
  await page.getByRole("searchbox", { name: "Search by name" }).fill("");
  await page.getByRole("combobox", { name: "Status" }).click();
  await page.getByRole("option", { name: "Failed" }).click();
  await expect(page.getByText("No campaign here is like that")).toBeVisible();
});

test("a new campaign appears in an open list by itself", async ({ page, server }) => {
  await page.goto(`${server.origin}/#/campaigns`);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await campaign(server, { name: "Made elsewhere" });
  await expect(page.getByRole("link", { name: "Made elsewhere" })).toBeVisible();
});

test("deleting asks first, and says what is lost", async ({ page, server }) => {
  const id = await campaign(server, { name: "Short-lived" });
  await open(page, server, id);
  await page.getByRole("button", { name: "More about the campaign" }).click();
  await page.getByRole("menuitem", { name: "Delete campaign" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete Short-lived?" });
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { name: "Short-lived" })).toBeVisible();
  await page.getByRole("button", { name: "More about the campaign" }).click();
  await page.getByRole("menuitem", { name: "Delete campaign" }).click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("heading", { name: "Campaigns" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Short-lived" })).toHaveCount(0);
});
