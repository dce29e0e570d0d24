import assert from "node:assert/strict";
import { serviceFor } from "../../tools/services/for-test";
import { NODE_REDS } from "../harness/node-reds";
import { editorOf } from "./served";

/** Each version in another language. */
const EDITORS = [
  { version: NODE_REDS[0], language: "en-US", test: "Test connection", away: /^✘ No Kafka broker at 127\.0\.0\.1:1 / },
  { version: NODE_REDS[1], language: "ko", test: "연결 시험", away: /^✘ 127\.0\.0\.1:1에 Kafka 브로커가 없습니다/ },
] as const;

for (const { version, language, test, away } of EDITORS) {
  describe(`editing in the browser, ${version.title} in ${language}`, () => {
    const browser = editorOf(version, language);

    it("drags a node from the palette, keeps what is typed, and one output a lane", async () => {
      const { page } = browser.editor;
      await page.locator("#red-ui-palette-search input").pressSequentially("priority");
      const entry = page.locator('.red-ui-palette-node[data-palette-type="citystream-priority-weigher"]');
      await page.locator('.red-ui-palette-node[data-palette-type="inject"]').waitFor({ state: "hidden" });
      await page.waitForFunction(`$("#red-ui-palette :animated").length === 0`);
      await entry.scrollIntoViewIfNeeded();
      const from = await entry.boundingBox();
      assert.ok(from);
      await page.mouse.move(from.x + 20, from.y + 10);
      await page.mouse.down();
      await page.mouse.move(500, 300, { steps: 15 });
      await page.mouse.up();
      await page.waitForFunction(`RED.nodes.filterNodes({ type: "citystream-priority-weigher" }).length === 1`);
      await page.evaluate(`RED.editor.edit(RED.nodes.filterNodes({ type: "citystream-priority-weigher" })[0])`);
      const form = page.locator(".red-ui-tray .citystream-form");
      await form.waitFor();
      await page.waitForFunction(`parseInt($(".red-ui-tray").css("right")) >= 0 && !$(".red-ui-tray").is(":animated")`);
      await form.locator("#node-input-name").pressSequentially("weigh");
      const lanes = form.locator(".form-row", { has: page.locator("#node-input-lanes-rows") });
      await lanes.locator(".red-ui-editableList-addButton").click();
      await lanes.locator('[data-column="lane"]').nth(2).pressSequentially("urgent");
      await lanes.locator('[data-column="from"]').nth(2).fill("5");
      await page.locator("#node-dialog-ok").click();
      await page.locator(".red-ui-tray").waitFor({ state: "detached" });
      const saved = await page.evaluate<{ name: string; outputs: number; lanes: unknown[]; valid: boolean }>(
        `(function() { var node = RED.nodes.filterNodes({ type: "citystream-priority-weigher" })[0];
        return { name: node.name, outputs: node.outputs, lanes: node.lanes, valid: node.valid }; })()`,
      );
      assert.equal(saved.name, "weigh");
      assert.equal(saved.outputs, 3);
      assert.deepEqual(saved.lanes[2], { lane: "urgent", from: "5" });
      assert.equal(saved.valid, true);
      assert.deepEqual(browser.editor.problems, []);
    });

    it("shows the settings of the engine that is chosen, and no other's", async () => {
      const { page } = browser.editor;
      await page.evaluate(`(function() {
        var defaults = RED.nodes.getType("citystream-lstm-predictor").defaults;
        var node = { id: "engines", type: "citystream-lstm-predictor", x: 200, y: 200, wires: [], z: RED.workspaces.active() };
        Object.keys(defaults).forEach(function(name) { node[name] = defaults[name].value; });
        RED.view.importNodes([node], { generateIds: false, addFlow: false, touchImport: true, notify: false });
        RED.editor.edit(RED.nodes.node("engines"));
      })()`);
      const form = page.locator(".red-ui-tray .citystream-form");
      await form.waitFor();
      const shown = () =>
        Promise.all(
          ["server", "fallback"].map((name) =>
            form.locator(".form-row", { has: page.locator(`[for="node-input-${name}"]`) }).isVisible(),
          ),
        );
      for (const [engine, visible] of [
        ["built-in", false],
        ["server", true],
        ["onnxruntime", false],
        ["tfjs", false],
      ] as const) {
        await form.locator("#node-input-engine").selectOption(engine);
        assert.deepEqual(await shown(), [visible, visible], engine);
      }
      await page.locator("#node-dialog-ok").click();
      await page.locator(".red-ui-tray").waitFor({ state: "detached" });
      const valid = (engine: string): Promise<boolean> =>
        page.evaluate(`(function() {
          var node = RED.nodes.node("engines");
          node.engine = "${engine}";
          RED.editor.validateNode(node);
          return node.valid;
        })()`);
      assert.equal(await page.evaluate(`RED.nodes.node("engines").engine`), "tfjs");
      assert.deepEqual([await valid("tfjs"), await valid("server")], [true, false], "a server must be chosen");
      assert.deepEqual(browser.editor.problems, []);
    });

    it("tests a connection from the form: what was found, or what is wrong", async function connects() {
      const kafka = await serviceFor(this, "kafka");
      const { page } = browser.editor;
      await page.evaluate(`RED.editor.editConfig("", "citystream-kafka-cluster", "_ADD_")`);
      const form = page.locator(".red-ui-tray .citystream-form");
      await form.waitFor();
      const found = form.locator('[role="status"]');
      const button = form.locator("button", { hasText: test });
      await form.locator("#node-config-input-brokers").fill(kafka.brokers);
      await button.click();
      await found.filter({ hasText: "✔" }).waitFor();
      await form.locator("#node-config-input-brokers").fill("127.0.0.1:1");
      await button.click();
      await found.filter({ hasText: "✘" }).waitFor();
      assert.match(await found.innerText(), away);
      await page.locator("#node-config-dialog-cancel").click();
      assert.deepEqual(browser.editor.problems, []);
    });
  });
}
