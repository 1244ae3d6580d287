import { mkdirSync } from "node:fs";
import { CONFIGS, campaign, DOMAINS, slowPersona, until, waitingCampaign } from "./support/given";
import { card, expect, open, status, test } from "./support/test";

const FOLDER = process.env.SCREENSHOTS;

for (const scheme of FOLDER ? (["light", "dark"] as const) : []) {
  test(`pictures of every screen in ${scheme} colours`, async ({ page, server }) => {
    mkdirSync(FOLDER ?? "", { recursive: true });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const picture = (name: string) =>
      page.screenshot({ path: `${FOLDER}/${name}-${scheme}.png`, animations: "disabled" });
    const { http_validation: _, ...some } = CONFIGS;

    await slowPersona(server, "one-by-one", 60);
    await server.call("PUT", "/resources/proxy/down", { protocol: "socks5", host: "127.0.0.1", port: 9 });
    const done = await campaign(server, {
      name: "Spring shops",
      configs: { ...CONFIGS, domain_generation: { ...DOMAINS, num_domains: 2_000 } },
    });
    await server.call("POST", `/campaigns/${done}/phases/domain_generation/start`);
    await until(server, done, "completed");
    const failed = await campaign(server, {
      name: "Through the office proxy",
      configs: { ...CONFIGS, http_validation: { personaIds: ["sandbox-http"], proxyId: "down" } },
    });
    await server.call("POST", `/campaigns/${failed}/phases/domain_generation/start`);
    await until(server, failed, "failed");
    const bare = await campaign(server, { name: "Autumn bakeries", configs: some });
    const hand = await campaign(server, { name: "One phase at a time", mode: "step_by_step" });
    await server.call("POST", `/campaigns/${hand}/phases/domain_generation/start`);
    await until(server, hand, "idle");
    const waiting = await waitingCampaign(server, "Winter markets");
    const running = await campaign(server, {
      name: "Summer festivals",
      configs: {
        ...CONFIGS,
        domain_generation: { ...DOMAINS, num_domains: 1_500 },
        dns_validation: { personaIds: ["one-by-one"] },
      },
    });

    const attributes = { team: "sales", region: "North & South", year: "2026" };
    await server.call("PATCH", `/campaigns/${done}`, { attributes }, { "phasegate-actor": "J%C3%B6rg" });
    const asking = { "phasegate-actor": "Ada", "phasegate-reason": "the fair comes first" };
    await server.call("PATCH", `/campaigns/${bare}`, { attributes: { team: "sales" } }, asking);
    await open(page, server, bare);
    await picture("configured-in-part");
    await page.getByRole("tab", { name: "Event log" }).click();
    await expect(page.getByText("By Ada: the fair comes first")).toBeVisible();
    await picture("event-log-asked");
    await page.getByRole("button", { name: "More about the campaign" }).click();
    await page.getByRole("menuitem", { name: "Name and attributes" }).click();
    await page.getByRole("button", { name: "Add an attribute" }).click();
    await picture("name-and-attributes");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Start full sequence" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await picture("refused");
    await page.getByRole("button", { name: "Edit config of Domain generation" }).click();
    await expect(page.getByLabel("Number of domains")).toBeVisible();
    await page.getByLabel("Number of domains").fill("100000000");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText(/Nothing was stored/)).toBeVisible();
    await page.getByLabel("Number of domains").scrollIntoViewIfNeeded();
    await picture("form");

    await open(page, server, running);
    await page.getByRole("button", { name: "Start full sequence" }).click();
    await expect(card(page, "DNS validation").getByText(/per second, .* left/)).toBeVisible();
    await expect(card(page, "DNS validation").getByText(/^[4-9]\d\d of 1,500/)).toBeVisible();
    await picture("running");
    await page.goto(`${server.origin}/#/campaigns`);
    await expect(page.getByRole("link", { name: "Summer festivals" }).first()).toBeVisible();
    await picture("campaigns");
    await page.getByRole("button", { name: "New campaign" }).click();
    await expect(page.getByRole("dialog").getByLabel("Name")).toBeFocused();
    await picture("new-campaign");

    await open(page, server, running);
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(status(page)).toHaveText("Paused");
    await picture("paused");
    await server.call("POST", `/campaigns/${running}/stop`);
    await open(page, server, failed);
    await expect(status(page)).toHaveText("Failed");
    await picture("failed");
    await open(page, server, hand);
    await picture("step-by-step");

    await open(page, server, waiting);
    await expect(page.getByText("The chain waits for configuration")).toBeVisible();
    await picture("waiting");
    await server.call("PUT", `/campaigns/${waiting}/phases/http_validation/config`, CONFIGS.http_validation);
    await expect(page.getByText("DNS validation is ready", { exact: true })).toBeVisible();
    await picture("ready-to-go-on");

    await open(page, server, done);
    await expect(page.getByRole("img", { name: /Pages by score/ })).toBeVisible();
    await expect(page.getByRole("region", { name: "Records" }).getByRole("row").nth(1)).toBeVisible();
    await picture("results");
    await page.setViewportSize({ width: 1280, height: 1900 });
    await picture("results-whole");
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole("tab", { name: "Event log" }).click();
    await expect(page.getByText("All phases completed")).toBeVisible();
    await picture("event-log");

    await page.goto(`${server.origin}/#/resources/http_persona`);
    await expect(page.getByRole("row", { name: /sandbox-http/ })).toBeVisible();
    await picture("resources");
    await page.getByRole("button", { name: "Edit sandbox-http" }).click();
    await expect(page.getByLabel("User agent")).toBeVisible();
    await picture("resource");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Probe sandbox-http" }).click();
    await page.getByLabel("Domain").fill("aaashop.test");
    await page.getByRole("button", { name: "Try it" }).click();
    await expect(page.getByRole("status", { name: "Result" })).toBeVisible();
    await picture("probe");

    for (const [width, name] of [
      [360, "narrow"],
      [1920, "wide"],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await open(page, server, done);
      await expect(page.getByRole("img", { name: /Pages by score/ })).toBeVisible();
      await picture(name);
    }
    await page.setViewportSize({ width: 360, height: 900 });
    await open(page, server, bare);
    await picture("narrow-configured-in-part");
    await page.setViewportSize({ width: 1280, height: 900 });
  });
}
