/** The view of forecasts, as a user meets it: the last forecasts beside what came true, and the errors by horizon. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { flowOf, nodeRed, type Harness } from "../harness";
import { needsBrowser, openEditor, type EditorPage } from "./browser";

const SHOTS = process.env["CITYSTREAM_SHOTS"];
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 5);

/** A day's wave with a week's; forecasts are the better the nearer. */
const truth = (hour: number): number =>
  60 + 25 * Math.sin((hour * Math.PI) / 12) + 15 * Math.sin((hour * Math.PI) / 84);
const noise = (hour: number): number => 9 * Math.sin(hour * 12.9898) * Math.cos(hour * 78.233);

function record(hour: number, key: string, wrong: number) {
  const at = START + hour * HOUR;
  const values = (share: number): Record<string, number> =>
    Object.fromEntries(
      [1, 6, 24].map((ahead) => [
        `${ahead}h`,
        share * (truth(hour + ahead) + wrong) + noise(hour * ahead) * Math.sqrt(ahead) * 0.4,
      ]),
    );
  const band = (given: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(given).map(([horizon, value]) => [
        horizon,
        { "0.1": value - 5 * Math.sqrt(parseInt(horizon)), "0.9": value + 5 * Math.sqrt(parseInt(horizon)) },
      ]),
    );
  const [fine, coarse] = [values(1), values(1.4)];
  return {
    payload: { "PM2.5": truth(hour), PM10: 1.4 * truth(hour) },
    forecast: {
      ready: true,
      model: "city-air",
      version: "1.2.0",
      key,
      at,
      step: HOUR,
      values: { "PM2.5": fine, PM10: coarse },
      quantiles: { "PM2.5": band(fine) },
      testError: { "PM2.5": { "1h": 4, "6h": 9, "24h": 14 }, PM10: { "1h": 5, "6h": 11, "24h": 16 } },
      horizons: { "1h": HOUR, "6h": 6 * HOUR, "24h": 24 * HOUR },
      actual: { "PM2.5": hour % 29 === 0 ? null : truth(hour), PM10: 1.4 * truth(hour) },
    },
  };
}

for (const [language, words] of [
  [
    "en-US",
    { show: "Show forecasts and errors", title: /Error by horizon/u, drift: /no longer holds/u, skill: "skill" },
  ],
  ["ko", { show: "예측과 오차 보기", title: /예측 시점별 오차/u, drift: /더는 맞지 않습니다/u, skill: "스킬" }],
] as const)
  describe(`the view of forecasts in ${language}`, () => {
    let red: Harness;
    let editor: EditorPage;

    before(async function open() {
      this.timeout(180_000);
      needsBrowser(this);
      red = await nodeRed();
      await red.deploy(
        flowOf(
          {
            id: "monitor",
            type: "citystream-forecast-monitor",
            stateKept: "memory",
            window: 240,
            least: 100,
            band: 0,
            x: 300,
            y: 300,
            wires: [["out"], ["drift"]],
          },
          { id: "out", type: "test-collect" },
          { id: "drift", type: "test-collect" },
        ),
      );
      const payload = Array.from({ length: 200 }, (_, hour) => [
        record(hour, "Dongsi", 0),
        record(hour, "Aotizhongxin", 3),
      ]);
      red.receive("monitor", { payload: payload.flat() });
      await red.arrived("out", 1);
      editor = await openEditor(red.url, language);
      editor.page.setDefaultTimeout(60_000);
    });
    after(async () => {
      await editor?.close();
      await red?.deploy([]);
    });

    it("opens from the form, draws a series with its band, the errors by horizon and the scores, and follows what comes", async function opens() {
      this.timeout(240_000);
      const { page } = editor;
      await page.evaluate(`RED.editor.edit(RED.nodes.node("monitor"))`);
      await page.locator(".red-ui-tray .citystream-form").waitFor();
      await page.waitForFunction(`!$(".red-ui-tray").is(":animated") && parseInt($(".red-ui-tray").css("right")) >= 0`);
      await page.locator("button", { hasText: words.show }).click();
      const view = page.locator(".citystream-forecasts");
      const line = view.locator('[data-part="forecasts"] svg');
      await line.locator('[data-part="actual"]').waitFor({ state: "attached" });
      assert.match((await line.getAttribute("aria-label")) ?? "", /PM2\.5.*Aotizhongxin|1h.*PM2\.5|PM2\.5.*1h/u);
      assert.equal(await line.locator('[data-part="band"]').count(), 1);
      assert.deepEqual(await view.locator("select").nth(1).locator("option").allInnerTexts(), [
        "Aotizhongxin",
        "Dongsi",
      ]);
      assert.match(await view.innerText(), words.title);
      assert.equal(await view.locator('[data-part="errors"] svg').count(), 2, "a picture for each target");
      assert.equal(await view.locator('[data-part="errors"] [data-part="rmse"]').count(), 6);
      assert.match(await view.locator("thead").innerText(), new RegExp(words.skill, "u"));
      assert.equal(await view.locator("tbody tr").count(), 6);
      assert.match(await view.locator("tbody tr").first().innerText(), /PM2\.5 1h/u);
      const shot = async (name: string): Promise<void> => {
        if (!SHOTS) return;
        mkdirSync(SHOTS, { recursive: true });
        await page.waitForFunction(`!$(".red-ui-tray").is(":animated")`);
        await page.screenshot({ path: path.join(SHOTS, `forecast-monitor-${name}.${language}.png`) });
      };
      await view.locator("select").nth(2).selectOption("PM2.5 24h");
      await page.waitForFunction(`$('.citystream-forecasts [data-part="band"]').length > 0`);
      await shot("view");
      await view.locator("select").nth(2).selectOption("PM10 6h");
      await page.waitForFunction(`$('.citystream-forecasts [data-part="band"]').length === 0`);
      await view.locator("select").nth(1).selectOption("Dongsi");
      await page.waitForFunction(`/Dongsi/.test($(".citystream-forecasts select").eq(1).val())`);

      const wrong = Array.from({ length: 30 }, (_, hour) => record(200 + hour, "Dongsi", 90));
      red.receive("monitor", { payload: wrong });
      await view.locator('[role="status"]', { hasText: words.drift }).waitFor();
      await page.evaluate(`RED.menu.setSelected("menu-item-sidebar", false)`);
      await page.setViewportSize({ width: 700, height: 900 });
      await page.waitForFunction(`$('[data-part="forecasts"] svg').width() <= $('[data-part="forecasts"]').width()`);
      await shot("narrow");
      await page.evaluate(`RED.menu.setSelected("menu-item-sidebar", true)`);
      await page.setViewportSize({ width: 1400, height: 900 });
      const text = await page.locator(".red-ui-tray").last().innerText();
      assert.deepEqual(text.match(/forecast-monitor\.word\.\S+/gu), null, "keys shown instead of words");
      if (language === "en-US") assert.doesNotMatch(text, /[가-힣]/u);
      await page.locator("#citystream-forecasts-close").click();
      await view.waitFor({ state: "detached" });
      assert.deepEqual(editor.problems, []);
    });

    it("opens from the button on the node, and says that nothing came so far", async function button() {
      this.timeout(180_000);
      const { page } = editor;
      if (await page.locator("#node-dialog-cancel").isVisible()) await page.locator("#node-dialog-cancel").click();
      await page.locator(".red-ui-tray").waitFor({ state: "detached" });
      red.receive("monitor", { reset: true });
      await page.locator("#monitor .red-ui-flow-node-button-button").click();
      const state = page.locator('.citystream-forecasts [role="status"]');
      await state.filter({ hasText: language === "ko" ? "아직 예측이" : "No forecast has come" }).waitFor();
      await page.locator("#citystream-forecasts-close").click();
      assert.deepEqual(editor.problems, []);
    });
  });
