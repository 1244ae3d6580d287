import { campaign } from "./support/given";
import { expect, open, test } from "./support/test";

test("a person gives a campaign attributes, and finds it by them", async ({ page, server }) => {
  const id = await campaign(server, { name: "Spring fairs" });
  await campaign(server, { name: "Autumn fairs" });
  await open(page, server, id);
  const openForm = async () => {
    await page.getByRole("button", { name: "More about the campaign" }).click();
    await page.getByRole("menuitem", { name: "Name and attributes" }).click();
  };
  await openForm();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Name" }).fill("Spring markets");
  await dialog.getByRole("button", { name: "Add an attribute" }).click();
  await dialog.getByLabel("Key").fill("Team");
  await dialog.getByLabel("Value of Team").fill("red & white");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText(/the attribute "Team" can't be set/)).toBeVisible();
  await dialog.getByLabel("Key").fill("team");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("heading", { name: "Spring markets" })).toBeVisible();
  const shown = page.getByRole("list", { name: "Attributes" });
  await expect(shown.getByText("team red & white")).toBeVisible();

  await page.getByRole("link", { name: "Campaigns", exact: true }).first().click();
  await expect(page.getByRole("row", { name: /Autumn fairs/ })).toBeVisible();
  const filter = page.getByRole("searchbox", { name: "Filter by attribute" });
  await filter.fill("team=red & white");
  await expect(page.getByRole("row", { name: /Autumn fairs/ })).toBeHidden();
  const row = page.getByRole("row", { name: /Spring markets/ });
  await expect(row.getByText("team red & white")).toBeVisible();
  await filter.fill("team=nobody");
  await expect(page.getByText("No campaign here is like that")).toBeVisible();
  await filter.fill("team=");
  await expect(page.getByRole("row", { name: /Autumn fairs/ })).toBeVisible();

  await row.getByRole("link", { name: "Spring markets" }).click();
  await openForm();
  await dialog.getByRole("button", { name: "Remove team" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(shown).toBeHidden();
  expect((await server.call("GET", `/campaigns/${id}`)).attributes).toEqual({});
  await page.getByRole("tab", { name: "Event log" }).click();
  const log = page.getByRole("region", { name: "Event log" });
  await expect(log.getByText("Spring markets, team red & white")).toBeVisible();
  await expect(log.getByText("without team")).toBeVisible();
});

test("what somebody else says of a campaign meanwhile stays", async ({ page, server }) => {
  const id = await campaign(server, { name: "Shared" });
  await server.call("PATCH", `/campaigns/${id}`, { attributes: { team: "blue", year: "2026" } });
  await open(page, server, id);
  await page.getByRole("button", { name: "More about the campaign" }).click();
  await page.getByRole("menuitem", { name: "Name and attributes" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Value of year").fill("2027");
  await server.call("PATCH", `/campaigns/${id}`, { name: "Renamed", attributes: { team: "red" } });
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  const { name, attributes } = await server.call("GET", `/campaigns/${id}`);
  expect([name, attributes]).toEqual(["Renamed", { team: "red", year: "2027" }]);
});

test("the log tells who asked for something, and why", async ({ page, server }) => {
  const id = await campaign(server, { name: "Asked for" });
  await server.call(
    "PATCH",
    `/campaigns/${id}/mode`,
    { mode: "step_by_step" },
    { "phasegate-actor": "J%C3%B6rg", "phasegate-reason": "one at a time" },
  );
  await open(page, server, id);
  await page.getByRole("tab", { name: "Event log" }).click();
  const log = page.getByRole("region", { name: "Event log" });
  await expect(log.getByText("By Jörg: one at a time", { exact: true })).toHaveCount(1);
  await expect(log.getByText(/^By /)).toHaveCount(1);
});
