import { campaign } from "./support/given";
import { expect, test } from "./support/test";

test("a persona is created, probed for real, edited and deleted", async ({ page, server }) => {
  const { items } = await server.call("GET", "/resources/dns_persona");
  const resolver: string = items.find((one: { id: string }) => one.id === "sandbox-dns").document
    .resolvers[0];
  await page.getByRole("link", { name: "Resources" }).first().click();
  await page.getByRole("button", { name: "New DNS persona" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Id").fill("mine");
  await form.getByRole("combobox", { name: "Resolvers" }).fill(resolver);
  await page.keyboard.press("Enter");
  await form.getByLabel("Timeout (ms)").fill("0");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByLabel("Timeout (ms)")).toHaveAttribute("aria-invalid", "true");
  await form.getByLabel("Timeout (ms)").fill("900");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form).toHaveCount(0);
  const row = page.getByRole("row", { name: /mine/ });
  await expect(row.getByText("Enabled")).toBeVisible();

  await row.getByRole("button", { name: "Probe mine" }).click();
  const probe = page.getByRole("dialog");
  await probe.getByLabel("Domain").fill("aaashop.test");
  await probe.getByRole("button", { name: "Try it" }).click();
  await expect(probe.getByRole("status", { name: "Result" })).toContainText("status");
  await probe.getByRole("button", { name: "Close" }).last().click();

  await row.getByRole("button", { name: "Edit mine" }).click();
  await form.getByLabel("Enabled").uncheck();
  await form.getByRole("button", { name: "Save" }).click();
  await expect(row.getByText("Disabled")).toBeVisible();

  await row.getByRole("button", { name: "Delete mine" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(row).toHaveCount(0);
});

test("a persona that a campaign uses can't be deleted, and it is said by whom", async ({ page, server }) => {
  await campaign(server, { name: "Its user" });
  await page.goto(`${server.origin}/#/resources/dns_persona`);
  await page.getByRole("button", { name: "Delete sandbox-dns" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  const refusal = page.getByRole("alert");
  await expect(refusal).toContainText("sandbox-dns is used by dns_validation of");
  await expect(refusal.getByRole("link", { name: "Its user" })).toBeVisible();
  await expect(page.getByRole("row", { name: /sandbox-dns/ })).toBeVisible();
});

test("a password is stored, never shown, kept by an edit and removed when asked", async ({
  page,
  server,
}) => {
  await page.goto(`${server.origin}/#/resources/proxy`);
  await page.getByRole("button", { name: "New Proxy" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Id").fill("guarded");
  await form.getByLabel("socks5").check();
  await form.getByLabel("Host").fill("proxy.example.net");
  await form.getByLabel("Port").fill("1080");
  await form.getByLabel("User name").fill("me");
  await form.getByRole("textbox", { name: "Password" }).fill("sesame");
  await form.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("row", { name: /guarded/ });
  await expect(row).toContainText("password stored");

  await row.getByRole("button", { name: "Edit guarded" }).click();
  await expect(form.getByRole("textbox", { name: "Password" })).toHaveValue("");
  await form.getByLabel("Port").fill("1081");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("1081");
  await expect(row).toContainText("password stored");
  await expect(page.locator("body")).not.toContainText("sesame");

  await row.getByRole("button", { name: "Edit guarded" }).click();
  await form.getByLabel("Remove the stored password").check();
  await form.getByRole("button", { name: "Save" }).click();
  await expect(row).not.toContainText("password stored");
});

test("a form makes a persona that is missing, without being left", async ({ page, server }) => {
  const id = await campaign(server, { name: "Needs a persona", configs: {} });
  await page.goto(`${server.origin}/#/campaigns/${id}`);
  await page.getByRole("button", { name: "Configure HTTP validation" }).click();
  const form = page.getByRole("dialog", { name: "HTTP validation" });
  await form.getByRole("button", { name: "New HTTP persona" }).click();
  const inner = page.getByRole("dialog", { name: "New HTTP persona" });
  await inner.getByLabel("Id").fill("browser");
  await inner.getByLabel("User agent").fill("Example/1.0");
  await inner.getByRole("button", { name: "Save" }).click();
  await expect(inner).toHaveCount(0);
  await expect(form.getByText("browser", { exact: true }).first()).toBeVisible();
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("button", { name: "Edit config of HTTP validation" })).toBeVisible();
});

test("a config that was changed elsewhere meanwhile is not overwritten", async ({ page, server }) => {
  const id = await campaign(server, { name: "Two at once" });
  await page.goto(`${server.origin}/#/campaigns/${id}`);
  await page.getByRole("button", { name: "Edit config of Analysis" }).click();
  const form = page.getByRole("dialog", { name: "Analysis" });
  await form.getByLabel("Keyword").fill("mine");
  await server.call("PUT", `/campaigns/${id}/phases/analysis/config`, { keyword: "theirs" });
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await expect(form.getByText("changed elsewhere")).toBeVisible();
  await form.getByRole("button", { name: "Show what is stored" }).click();
  await expect(form.getByLabel("Keyword")).toHaveValue("theirs");
});

test("closing a form with changes asks first", async ({ page, server }) => {
  const id = await campaign(server, { name: "Changed my mind" });
  await page.goto(`${server.origin}/#/campaigns/${id}`);
  await page.getByRole("button", { name: "Edit config of Analysis" }).click();
  const form = page.getByRole("dialog", { name: "Analysis" });
  await form.getByLabel("Keyword").fill("other");
  await page.keyboard.press("Escape");
  const question = page.getByRole("dialog", { name: "Discard the changes?" });
  await question.getByRole("button", { name: "Cancel" }).click();
  await expect(form.getByLabel("Keyword")).toHaveValue("other");
  await form.getByRole("button", { name: "Cancel" }).click();
  await question.getByRole("button", { name: "Discard" }).click();
  await expect(form).toHaveCount(0);
});
