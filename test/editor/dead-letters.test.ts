/** The view of dead letters, as a user meets it: a table, one letter, edit, replay, discard. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DeadLetter } from "../../nodes/lib/delivery/contract";
import { deadLetterFile } from "../../nodes/lib/delivery/dead-letter-file";
import { flowOf, nodeRed, type Harness } from "../harness";
import { needsBrowser, openEditor, type EditorPage } from "./browser";

const SHOTS = process.env["CITYSTREAM_SHOTS"];

const letter = (n: number): DeadLetter => ({
  id: `letter-${n}`,
  message: {
    payload: n === 3 ? Buffer.from('{"broken":') : { n, site: "Seoul" },
    source: { kind: "kafka", topic: "readings", partition: 1, offset: 100 + n },
  },
  error: new TypeError(n === 3 ? "the value is not JSON" : `no such site in record ${n}`),
  node: { id: "sink", type: "citystream-influx-sink", name: "store" },
  attempts: 5,
  time: Date.UTC(2026, 0, 1) + n * 1000,
});

for (const [language, words] of [
  ["en-US", { show: "Show dead letters", replay: "Replay", yes: "Discard them", cause: "Cause" }],
  ["ko", { show: "배달 불가 레코드 보기", replay: "다시 보내기", yes: "폐기", cause: "원인" }],
] as const)
  describe(`the view of dead letters in ${language}`, () => {
    let red: Harness;
    let editor: EditorPage;
    let folder: string;

    before(async function open() {
      this.timeout(180_000);
      needsBrowser(this);
      red = await nodeRed();
      folder = mkdtempSync(path.join(tmpdir(), "citystream-view-"));
      const file = deadLetterFile({ directory: folder });
      await file.write([1, 2, 3, 4].map(letter));
      await file.close();
      await red.deploy(
        flowOf(
          {
            id: "letters",
            type: "citystream-dead-letter",
            store: "files",
            folder,
            x: 300,
            y: 300,
            wires: [["replayed"], []],
          },
          { id: "replayed", type: "test-collect" },
        ),
      );
      editor = await openEditor(red.url, language);
      editor.page.setDefaultTimeout(60_000);
    });
    after(async () => {
      await editor?.close();
      await red?.deploy([]);
      if (folder) rmSync(folder, { recursive: true, force: true });
    });

    it("opens from the form, searches, shows a letter whole, edits and replays it, discards after a question", async function opens() {
      this.timeout(240_000);
      const { page } = editor;
      await page.evaluate(`RED.editor.edit(RED.nodes.node("letters"))`);
      await page.locator(".red-ui-tray .citystream-form").waitFor();
      await page.waitForFunction(`!$(".red-ui-tray").is(":animated") && parseInt($(".red-ui-tray").css("right")) >= 0`);
      await page.locator("button", { hasText: words.show }).click();
      const view = page.locator(".citystream-letters");
      const rows = view.locator("tbody tr");
      await page.waitForFunction(`$(".citystream-letters tbody tr").length === 4`);
      assert.match(await view.locator("thead").innerText(), new RegExp(words.cause, "u"));
      const first = await rows.first().innerText();
      assert.match(first, /readings \/ 1 \/ 104/u, "the newest first, with its coordinates");
      assert.match(first, /store/u);
      assert.match(first, /no such site in record 4/u);

      await view.locator('input[type="text"]').fill("not json");
      await page.waitForFunction(`$(".citystream-letters tbody tr").length === 1`);
      await rows.first().click();
      const opened = view.locator('[data-part="letter"]');
      await opened.locator("h4").waitFor();
      assert.match(await opened.innerText(), /TypeError: the value is not JSON/u);
      assert.match(await opened.locator('[data-part="bytes"]').innerText(), /\{"broken":/u, "bytes are shown as text");
      await opened.locator('[data-part="stack"] summary').click();
      assert.match(
        await opened.locator('[data-part="stack"] pre').innerText(),
        /TypeError: the value is not JSON\n\s+at /u,
      );
      if (SHOTS) {
        mkdirSync(SHOTS, { recursive: true });
        await page.waitForFunction(`!$(".red-ui-tray").is(":animated")`);
        await page.screenshot({ path: path.join(SHOTS, `dead-letters-view.${language}.png`) });
      }

      await page.waitForFunction(
        `$("#citystream-letter-message .monaco-editor, #citystream-letter-message.ace_editor").length > 0`,
      );
      await page.evaluate(`(function() {
        var model = window.monaco && monaco.editor.getModels().filter(function(one) { return one.getValue().indexOf("$base64") >= 0; })[0];
        var value = JSON.stringify({ payload: { mended: true }, source: { topic: "readings" } });
        if (model) { model.setValue(value); } else { ace.edit("citystream-letter-message").setValue(value); }
      })()`);
      await opened.locator('[data-action="save"]').click();
      await view.locator('input[type="text"]').fill("mended");
      await page.waitForFunction(`$(".citystream-letters tbody tr").length === 1`);
      await opened.locator('[data-action="replay-one"]').click();
      const [message] = await red.arrived("replayed", 1, 60_000);
      assert.deepEqual(message?.payload, { mended: true });
      assert.equal((message?.["deadLetter"] as { id: string }).id, "letter-3");
      await view.locator('input[type="text"]').fill("");
      await page.waitForFunction(`$(".citystream-letters tbody tr").length === 3`);

      await rows.filter({ hasText: "record 4" }).locator("input").check();
      await view.locator('[data-action="replay"]').first().click();
      await red.arrived("replayed", 2, 60_000);
      await page.waitForFunction(`$(".citystream-letters tbody tr").length === 2`);

      await view.locator('[data-action="discardAll"]').click();
      await page.locator(".red-ui-notification").last().getByText(words.yes, { exact: true }).click();
      await page.waitForFunction(`$(".citystream-letters tbody tr").length === 0`);
      assert.equal(red.collected("replayed").length, 2);
      const text = await page.locator(".red-ui-tray").last().innerText();
      assert.deepEqual(text.match(/dead-letter\.word\.\S+/gu), null, "keys shown instead of words");
      if (language === "en-US") assert.doesNotMatch(text, /[가-힣]/u);
      await page.locator("#citystream-letters-close").click();
      await view.waitFor({ state: "detached" });
      assert.deepEqual(editor.problems, []);
    });

    it("opens from the button on the node", async function button() {
      this.timeout(180_000);
      const { page } = editor;
      if (await page.locator("#node-dialog-cancel").isVisible()) await page.locator("#node-dialog-cancel").click();
      await page.locator(".red-ui-tray").waitFor({ state: "detached" });
      await page.locator("#letters .red-ui-flow-node-button-button").click();
      await page.locator(".citystream-letters h3").waitFor();
      assert.match(await page.locator(".citystream-letters h3").innerText(), new RegExp(path.basename(folder), "u"));
      await page.locator("#citystream-letters-close").click();
      assert.deepEqual(editor.problems, []);
    });
  });
