/** What the editor makes of the pack's texts and flows: help as it is written, and no triangle on a flow that is shipped. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { schedule } from "../../nodes/lib/schedule";
import { template } from "../../nodes/lib/template";
import { timeZone } from "../../nodes/lib/time-zone";
import { packNodes, ROOT } from "../../tools/editor/nodes";
import { NODE_REDS } from "../harness/node-reds";
import type { EditorPage } from "./browser";
import { editorOf } from "./served";

/** A property in a help text: its name, its type, and what is said of it, as plain words. */
type Property = readonly [name: string, type: string, description: string];

const plain = (markdown: string): string => markdown.replace(/[*_`\\\s]/gu, "");

/** Properties as the source has them, lines that go on joined. */
const written = (markdown: string): Property[] =>
  [...markdown.matchAll(/^ *: ([^:\n]+?) ?\(([^:\n]+)\) : (.*(?:\n(?! *: |\n|#|\d+\. ).*)*)/gmu)].map(
    ([, name = "", type = "", description = ""]) => [plain(name), plain(type), plain(description)],
  );

const shown = async ({ page }: EditorPage, type: string): Promise<Property[]> => {
  const texts = await page.evaluate(
    `$("<div>").html(RED.nodes.getNodeHelp(${JSON.stringify(type)})).find("dt").map(function() {
      var name = $(this).clone(), type = name.children(".property-type").remove().text();
      return { texts: [name.text(), type, $(this).next("dd").text()], isBoxed: $(this).parent().is("dl.message-properties") };
    }).get()`,
  );
  const all = texts as { texts: [string, string, string]; isBoxed: boolean }[];
  assert.deepEqual(
    all.filter(({ isBoxed }) => !isBoxed).map(({ texts: [name] }) => `${type}: ${name}`),
    [],
    "properties outside of a list",
  );
  return all.map(({ texts: [name, kind, description] }) => [plain(name), plain(kind), plain(description)]);
};

const FLOWS = [
  path.join(ROOT, "flows/city.json"),
  ...readdirSync(path.join(ROOT, "examples"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => path.join(ROOT, "examples", name)),
];

/** Settings that the form looks at, as the node then judges them. */
const LOOKS = [
  {
    type: "citystream-hdfs-sink",
    field: "rotateSchedule",
    judge: (value: string) => void schedule(value, "UTC", "Schedule"),
    right: ["0 * * * *", "*/5 9-17 * * MON-FRI", "0 0 3 L * ?", "15 30 2 * * 5#L", "@hourly"],
    wrong: ["every hour", "0 * * *", "3:00"],
  },
  {
    type: "citystream-hdfs-sink",
    field: "zone",
    judge: (value: string) => void timeZone(value, "Time zone"),
    right: ["Asia/Seoul", "utc", "+09:00", "-0330", "+9"],
    wrong: ["Seoul", "KST+9", "Asia/Soul"],
  },
  {
    type: "citystream-hdfs-sink",
    field: "directory",
    judge: (value: string) => void template(value, "Directory"),
    right: ["air", "{{payload.site}}/a", "{a}/{{ topic }}", '{{payload["x}y"]}}', "{{a}}{{b}}"],
    wrong: ["{{payload.site", "{{}}", "{{ }}"],
  },
] as const;

for (const version of NODE_REDS)
  for (const language of ["en-US", "ko"] as const)
    describe(`the texts of ${version.title} in ${language}`, () => {
      const browser = editorOf(version, language);

      it("show every property of every help text whole", async () => {
        const help = language === "ko" ? "help.ko.md" : "help.md";
        for (const { set, source, declaration } of packNodes()) {
          const expected = written(readFileSync(path.join(source, help), "utf8"));
          assert.deepEqual(await shown(browser.editor, declaration.type), expected, set);
        }
      });

      it("say what is wrong with a schedule, a time zone and a template, and take all that the node takes", async () => {
        for (const { type, field, judge, right, wrong } of LOOKS)
          for (const value of [...right, ...wrong]) {
            if ((right as readonly string[]).includes(value)) judge(value);
            else assert.throws(() => judge(value), value);
            const said = await browser.editor.page.evaluate<true | string>(
              `RED.nodes.getType("${type}").defaults.${field}.validate.call({ _: RED.nodes.getType("${type}")._, ${field}: ${JSON.stringify(value)} }, ${JSON.stringify(value)}, {})`,
            );
            const label = language === "ko" ? /[\uAC00-\uD7A3]/u : /^(?:Schedule|Time zone|Directory): \w/u;
            if ((wrong as readonly string[]).includes(value)) assert.match(String(said), label, value);
            else assert.equal(said, true, value);
          }
      });

      if (language === "en-US")
        it("find nothing wrong with the flows that come with the pack, nor with older ones that lack a setting", async () => {
          for (const file of FLOWS) {
            const flow = JSON.parse(readFileSync(file, "utf8")) as { type: string }[];
            for (const without of [[], ["breakerFailures", "deadLetterSize", "stateKept", "keys"]]) {
              const nodes = flow.map((node) =>
                Object.fromEntries(Object.entries(node).filter(([name]) => !without.includes(name))),
              );
              const wrong = await browser.editor.page.evaluate(
                `(function() {
                  var wrong = [];
                  var imported = RED.nodes.import(${JSON.stringify(nodes)}, { generateIds: true }).nodes;
                  imported.filter(function(node) { return /^citystream-/.test(node.type); }).forEach(function(node) {
                    if (!RED.editor.validateNode(node)) { wrong.push(node.type + ": " + node.validationErrors.join("; ")); }
                  });
                  return wrong;
                })()`,
              );
              assert.deepEqual(wrong, [], path.basename(file));
            }
          }
          assert.deepEqual(browser.editor.problems.splice(0), []);
        });
    });
