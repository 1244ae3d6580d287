import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import type { Page, Route } from "@playwright/test";
import { CONFIGS, campaign, until, waitingCampaign } from "./support/given";
import { expect, open, status, test } from "./support/test";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What the rules of WCAG 2.2 AA, and axe's own of good practice, find on the page. */
async function violations(page: Page) {
  // Through the debugger, for the page's policy lets no other script in.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    // @ts-expect-error: axe is not of this page
    const { violations } = await window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.map((one: { id: string; nodes: { html: string; failureSummary: string }[] }) => ({
      rule: one.id,
      at: one.nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
    }));
  });
}

for (const scheme of ["light", "dark"] as const) {
  test(`no screen breaks a rule of accessibility in ${scheme} colours`, async ({ page, server }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const empty = await campaign(server, { name: "Empty", configs: {} });
    const full = await campaign(server, { name: "Full", configs: CONFIGS });
    await server.call("POST", `/campaigns/${full}/phases/domain_generation/start`);
    await until(server, full, "completed");
    const at = async (screen: string) => expect(await violations(page), screen).toEqual([]);

    await page.goto(`${server.origin}/#/campaigns`);
    await expect(page.getByRole("link", { name: "Full" }).first()).toBeVisible();
    await at("the list");
    await page.getByRole("button", { name: "New campaign" }).click();
    await expect(page.getByRole("dialog").getByLabel("Name")).toBeFocused();
    await at("a new campaign");
    await page.keyboard.press("Escape");

    await server.call("PATCH", `/campaigns/${empty}`, { attributes: { team: "blue" } });
    await open(page, server, empty);
    await page.getByRole("button", { name: "More about the campaign" }).click();
    await page.getByRole("menuitem", { name: "Name and attributes" }).click();
    await expect(page.getByRole("dialog").getByLabel("Value of team")).toHaveValue("blue");
    await at("name and attributes");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Start full sequence" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await at("a refused start");
    await page.getByRole("button", { name: "Configure Domain generation", exact: true }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText(/Nothing was stored/)).toBeVisible();
    await at("a form with errors");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Configure DNS validation", exact: true }).click();
    await page.getByRole("combobox", { name: "DNS personas" }).click();
    await expect(page.getByRole("option").first()).toBeVisible();
    await at("a form with a list to pick from");

    await open(page, server, await waitingCampaign(server, "Waiting"));
    await expect(page.getByText("The chain waits for configuration")).toBeVisible();
    await at("a chain that waits");

    await open(page, server, full);
    await expect(status(page)).toHaveText("Completed");
    await expect(page.getByRole("img", { name: /Pages by score/ })).toBeVisible();
    await expect(page.getByRole("region", { name: "Records" }).getByRole("row").nth(1)).toBeVisible();
    await at("results");
    await page.getByRole("tab", { name: "Event log" }).click();
    await expect(page.getByText("All phases completed")).toBeVisible();
    await at("the event log");

    await page.goto(`${server.origin}/#/resources/http_persona`);
    await expect(page.getByRole("row", { name: /sandbox-http/ })).toBeVisible();
    await at("resources");
    await page.getByRole("button", { name: "Edit sandbox-http" }).click();
    await expect(page.getByLabel("User agent")).toBeVisible();
    await at("a resource");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Probe sandbox-http" }).click();
    await page.getByLabel("Domain").fill("aaashop.test");
    await page.getByRole("button", { name: "Try it" }).click();
    await expect(page.getByRole("status", { name: "Result" })).toBeVisible();
    await at("a probe");
  });
}

test("the whole way is gone by keyboard alone", async ({ page, server }) => {
  const { analysis: _, ...configs } = CONFIGS;
  const id = await campaign(server, { name: "By keyboard", configs });
  await open(page, server, id);
  await expect(page).toHaveTitle("By keyboard · Phasegate");
  await expect(page.getByRole("main")).toBeFocused();
  await page.reload();
  await expect(page.getByRole("button", { name: "Start full sequence" })).toBeVisible();
  const reach = async (name: string) => {
    for (let pressed = 0; pressed < 60; pressed++) {
      await page.keyboard.press("Tab");
      const focused = page.locator(":focus");
      const label = (await focused.getAttribute("aria-label")) ?? (await focused.textContent());
      if (label === name) {
        return;
      }
    }
    throw new Error(`Tab never comes to ${name}`);
  };
  await page.keyboard.press("Tab");
  await expect(page.getByText("Skip to the content")).toBeFocused();
  await reach("Start full sequence");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Configure now: Analysis" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog").getByLabel("Keyword")).toBeVisible();
  await page.getByRole("dialog").getByLabel("Keyword").focus();
  await page.keyboard.type("phasegate");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  // What opened the form is gone with what was missing.
  await expect(page.getByRole("main")).toBeFocused();
  await reach("Start full sequence");
  await page.keyboard.press("Enter");
  await expect(status(page)).toHaveText("Completed");
});

test("the focus goes to the content when the button that has it leaves", async ({ page, server }) => {
  const id = await campaign(server, { name: "Started elsewhere", configs: CONFIGS });
  await open(page, server, id);
  const start = page.getByRole("button", { name: "Start full sequence" });
  await start.focus();
  await server.call("POST", `/campaigns/${id}/phases/domain_generation/start`);
  await expect(status(page)).toHaveText("Completed");
  await expect(start).toHaveCount(0);
  await expect(page.getByRole("main")).toBeFocused();
});

test("the header fits a window of 360 pixels in every state of the connection", async ({
  page,
  server,
  allowFailures,
}) => {
  allowFailures.allowed = true;
  await page.setViewportSize({ width: 360, height: 800 });
  const states: [string, (route: Route) => unknown][] = [
    // Neither answered nor refused.
    ["Connecting", () => {}],
    ["Offline", (route) => route.abort()],
    ["Live", (route) => route.continue()],
  ];
  for (const [label, answer] of states) {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.route(/\/api\/v1\/events/, answer);
    await page.goto(`${server.origin}/#/campaigns`);
    await page.reload();
    await expect(page.getByText(label, { exact: true })).toBeVisible();
    expect(await overflow(page), label).toBe(0);
  }
});

for (const width of [360, 1920]) {
  test(`every screen fits a window of ${width} pixels`, async ({ page, server }) => {
    await page.setViewportSize({ width, height: 800 });
    const id = await campaign(server, {
      name: "A name that is rather long for a narrow window",
      configs: CONFIGS,
    });
    await server.call("POST", `/campaigns/${id}/phases/domain_generation/start`);
    await until(server, id, "completed");
    const fits = () => overflow(page);
    await page.goto(`${server.origin}/#/campaigns`);
    await expect(page.getByRole("link", { name: /rather long/ }).first()).toBeVisible();
    expect(await fits(), "the list").toBe(0);
    await open(page, server, id);
    await expect(page.getByRole("region", { name: "Records" }).getByRole("row").nth(1)).toBeVisible();
    expect(await fits(), "a campaign").toBe(0);
    await page.getByRole("button", { name: "View config of Domain generation" }).click();
    await expect(page.getByLabel("Number of domains")).toBeVisible();
    expect(await fits(), "a form").toBe(0);
    await page.goto(`${server.origin}/#/resources/dns_persona`);
    await expect(page.getByRole("row", { name: /sandbox-dns/ })).toBeVisible();
    expect(await fits(), "resources").toBe(0);
  });
}

test("the first load has less than 250 KiB of script, packed", async ({ page, server }) => {
  let bytes = 0;
  page.on("response", async (response) => {
    if (response.request().resourceType() === "script") {
      bytes += gzipSync(await response.body()).length;
    }
  });
  await page.goto(`${server.origin}/?fresh`);
  await expect(page.getByRole("heading", { name: "Campaigns" })).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(250 * 1024);
});

test("a browser without the token is told how to log in", async ({ browser, server }) => {
  const stranger = await browser.newContext();
  const page = await stranger.newPage();
  await page.goto(server.origin);
  await expect(page.getByText("You are not logged in")).toBeVisible();
  await expect(page.getByText(/login link/)).toBeVisible();
  await stranger.close();
});

/** How many pixels of the page are beyond the window's edge. */
function overflow(page: Page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
