import { expect } from "@playwright/test";
import { test } from "./fixtures";

test("the list shows the current runs", async ({ page, world, openPage }) => {
  await world.create("quick-success");
  await world.advance(60);
  await world.create("quick-success");
  await openPage();
  const runs = page.locator("#runs li");
  await expect(runs).toHaveText([/pending$/, /completed$/]);
});

test("a run is followed while time moves on", async ({ page, world, openPage }) => {
  await world.create("quick-success");
  await openPage();
  await page.getByRole("button", { name: "pending" }).click();
  const events = page.locator("#events li");
  await expect(events).toHaveText(["run.created"]);

  await world.advance(1);
  await expect(events).toHaveText(["run.created", "run.started", "step.started collect"]);
  await expect(page.locator("#followed")).toHaveText(/is running$/);
  await expect(page.getByRole("status")).toHaveText("Live");

  await world.advance(60);
  await expect(events.last()).toHaveText("run.completed");
  await expect(page.locator("#followed")).toHaveText(/is completed$/);
  await expect(page.locator("#runs li")).toHaveText([/completed$/]);
});

test("a run is cancelled from the page", async ({ page, world, openPage }) => {
  await world.create("long-haul");
  await world.advance(10);
  await openPage();
  await page.getByRole("button", { name: "running" }).click();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await expect(page.locator("#events li").last()).toHaveText("run.cancelled");
  await expect(page.getByRole("button", { name: "Cancel", exact: true })).toBeDisabled();
});

test("a failed run is retried from the page", async ({ page, world, openPage }) => {
  await world.create("flaky");
  await world.advance(60);
  await openPage();
  await page.getByRole("button", { name: "failed" }).click();
  await expect(page.locator("#events li")).toContainText(["step.failed send-mail"]);
  await page.getByRole("button", { name: "Retry" }).click();
  await expect(page.locator("#followed")).toHaveText(/is pending$/);
  await world.advance(60);
  await expect(page.locator("#followed")).toHaveText(/is completed$/);
});

test("a stream that breaks off is resumed", async ({ page, world, openPage }) => {
  await world.create("quick-success");
  await world.advance(60);
  await world.control("faults", { cut: { after: 3 }, count: 1 });
  await openPage();
  await page.getByRole("button", { name: "completed" }).click();
  await expect(page.getByRole("status")).toHaveText("The run has finished");
  await expect(page.locator("#events li")).toHaveCount(9);
});

test("an unknown credential shows an error", async ({ page, context, openPage }) => {
  await openPage();
  await context.clearCookies();
  await page.reload();
  await expect(page.getByRole("status")).toHaveText(/^401: Not authenticated/);
});
