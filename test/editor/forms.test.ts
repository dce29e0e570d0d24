import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { english, korean, type Words } from "../../tools/editor/catalogue";
import { packNodes, type PackNode } from "../../tools/editor/nodes";
import { NODE_REDS } from "../harness/node-reds";
import type { EditorPage } from "./browser";
import { editorOf } from "./served";

/** Where CITYSTREAM_SHOTS names a folder, every form is photographed there. */
const SHOTS = process.env["CITYSTREAM_SHOTS"];

/** Each its own: the editor draws a node of the same id into what it drew before. */
const idOf = (set: string): string => `form-${set}`;

/** Puts a node on the workspace, opens its form and answers what a user can read in it. */
async function openForm(editor: EditorPage, { set, declaration }: PackNode): Promise<string> {
  const { page } = editor;
  if (declaration.group === "config") {
    await page.evaluate(`RED.editor.editConfig("", ${JSON.stringify(declaration.type)}, "_ADD_")`);
  } else {
    await page.evaluate(`(function() {
      var type = ${JSON.stringify(declaration.type)};
      var node = { id: ${JSON.stringify(idOf(set))}, type: type, x: 200, y: 200, wires: [], z: RED.workspaces.active() };
      var defaults = RED.nodes.getType(type).defaults;
      Object.keys(defaults).forEach(function(name) { node[name] = defaults[name].value; });
      RED.view.importNodes([node], { generateIds: false, addFlow: false, touchImport: true, notify: false });
      RED.editor.edit(RED.nodes.node(node.id));
    })()`);
  }
  const form = page.locator(".red-ui-tray .citystream-form");
  await form.waitFor();
  await page.evaluate(`$(".citystream-form details").attr("open", true)`);
  await page.waitForFunction(`!$(".red-ui-tray").is(":animated") && parseInt($(".red-ui-tray").css("right")) >= 0`);
  return form.innerText();
}

interface Shown {
  /** As the page names it: `[placeholder]` before it where it fills that attribute. */
  readonly key: string;
  readonly text: string;
}

/** Every word of the open form that comes from a catalogue. A key without a word leaves its place empty. */
const shownWords = ({ page }: EditorPage): Promise<Shown[]> =>
  page.evaluate<Shown[]>(
    `$(".red-ui-tray .citystream-form [data-i18n]").get().map(function(element) {
      var key = $(element).attr("data-i18n");
      return { key: key, text: /^\\[placeholder\\]/.test(key) ? $(element).attr("placeholder") : $(element).text() };
    })`,
  );

/** The word of a catalogue by its dotted key; option values may have dots of their own. */
function wordOf(words: Words, key: string): string | undefined {
  let found: string | Words | undefined = words;
  let rest = key;
  while (typeof found === "object") {
    const here: Words = found;
    const name = Object.keys(here).find((one) => rest === one || rest.startsWith(`${one}.`));
    if (name === undefined) return undefined;
    found = here[name];
    rest = rest.slice(name.length + 1);
  }
  return found;
}

async function closeForm({ page }: EditorPage, { set, declaration }: PackNode): Promise<void> {
  await page.locator(declaration.group === "config" ? "#node-config-dialog-cancel" : "#node-dialog-cancel").click();
  await page.locator(".red-ui-tray").waitFor({ state: "detached" });
  if (declaration.group !== "config")
    await page.evaluate(`RED.nodes.remove(${JSON.stringify(idOf(set))}); RED.view.redraw(true)`);
}

/** Every form in both languages under 4.1; under 5 in one, Korean: there its words and its scripts can go wrong. */
const EDITORS = [
  { version: NODE_REDS[0], language: "en-US" },
  { version: NODE_REDS[0], language: "ko" },
  { version: NODE_REDS[1], language: "ko" },
] as const;

for (const { version, language } of EDITORS) {
  describe(`the forms of ${version.title} in ${language}`, () => {
    const browser = editorOf(version, language);

    for (const node of packNodes()) {
      it(`${node.set} opens, every word in place, and closes`, async () => {
        const text = await openForm(browser.editor, node);
        if (SHOTS) {
          mkdirSync(SHOTS, { recursive: true });
          await browser.editor.page.screenshot({
            path: path.join(SHOTS, `${node.set}.${language}.${version.version}.png`),
          });
        }
        const keys = text.match(
          new RegExp(`${node.set}\\.(form|field|hint|section|option|column|placeholder|word)\\.\\S*`, "gu"),
        );
        assert.deepEqual(keys, null, "keys shown instead of words");
        const words = language === "ko" ? korean(node).words : english(node);
        const shown = await shownWords(browser.editor);
        assert.ok(shown.length > 1);
        for (const { key, text: word } of shown) {
          const plain = key.replace(/^\[placeholder\]/u, "").replace(/^.*:/u, "");
          assert.ok(plain.startsWith(`${node.set}.`), key);
          assert.equal(word, wordOf(words, plain.slice(node.set.length + 1)), key);
        }
        if (language === "ko") assert.match(text, /[가-힣]/u);
        else assert.doesNotMatch(text, /[가-힣]/u);
        await closeForm(browser.editor, node);
        // Taken out, so that the next form is not blamed for them.
        assert.deepEqual(browser.editor.problems.splice(0), []);
      });
    }
  });
}
