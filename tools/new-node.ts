/** `npm run new <group> <name>`: a working node to start from, with its words, help, example and test. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { flowWords } from "./editor/flow-words";
import { GROUPS, ROOT } from "./editor/nodes";

const [group = "", name = ""] = process.argv.slice(2);

if (
  !(GROUPS as readonly string[]).includes(group) ||
  group === "config" ||
  !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/u.test(name)
) {
  console.error(`Usage: npm run new <source|transform|sink|control> <name>, for example: npm run new sink http-out`);
  process.exit(1);
}
const folder = path.join(ROOT, "nodes", group, name);
if (existsSync(folder)) {
  console.error(`nodes/${group}/${name} exists already; choose another name or edit what is there.`);
  process.exit(1);
}

const label = name.replaceAll("-", " ");
const shows = `What ${label} shows`;
const id = (part: string): string => `${name}-${part}`;
const words = flowWords();
const files: Record<string, string> = {
  [`nodes/${group}/${name}/declaration.ts`]: `import { declareNode } from "../../lib/declare";
import { text } from "../../lib/fields";

export const declaration = declareNode({
  type: "citystream-${name}",
  group: "${group}",
  label: "${label}",
  icon: "font-awesome/fa-cube",
  inputs: 1,
  outputs: ["done"],
  fields: {
    greeting: text({ label: "Greeting", default: "hello", required: true, hint: "Put into msg.greeting." }),
  },
});
`,
  [`nodes/${group}/${name}/${name}.ts`]: `import { Rejected } from "../../lib/errors";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";

export = defineNode(declaration, (node) => ({
  receive(message) {
    if (message.payload === undefined) throw new Rejected("msg.payload is missing; connect a node that sets it");
    node.send({ ...message, greeting: node.settings.greeting });
  },
}));
`,
  [`nodes/${group}/${name}/help.md`]: `What this node is for, in one sentence.

### Inputs

: payload (any) : what it reads.

### Outputs

: greeting (string) : what it adds.
`,
  [`nodes/${group}/${name}/help.ko.md`]: `이 노드의 용도를 한 문장으로 설명합니다.

### 입력

: payload (any) : 읽는 값입니다.

### 출력

: greeting (string) : 추가하는 값입니다.
`,
  [`nodes/${group}/${name}/ko.json`]: `${JSON.stringify(
    {
      label: label,
      field: { greeting: "인사말" },
      hint: { greeting: "msg.greeting에 넣습니다." },
      output: { "0": "완료" },
    },
    null,
    2,
  )}
`,
  [`examples/${name}.json`]: `${JSON.stringify(
    [
      { id: id("tab"), type: "tab", label, disabled: false, info: "" },
      {
        id: id("comment"),
        type: "comment",
        z: id("tab"),
        name: shows,
        info: "Press the button; the debug side bar shows the message.",
        x: 180,
        y: 60,
        wires: [],
      },
      {
        id: id("inject"),
        type: "inject",
        z: id("tab"),
        name: "",
        props: [{ p: "payload" }],
        payload: "1",
        payloadType: "num",
        once: true,
        x: 140,
        y: 120,
        wires: [[id("node")]],
      },
      {
        id: id("node"),
        type: `citystream-${name}`,
        z: id("tab"),
        name: "",
        greeting: "hello",
        x: 320,
        y: 120,
        wires: [[id("debug")]],
      },
      {
        id: id("debug"),
        type: "debug",
        z: id("tab"),
        name: "",
        active: true,
        complete: "true",
        x: 500,
        y: 120,
        wires: [],
      },
    ],
    null,
    2,
  )}
`,
  "flows/ko.json": `${JSON.stringify(
    {
      ...words,
      texts: {
        ...words.texts,
        [label]: label,
        [shows]: `${label} 노드가 하는 일`,
        "Press the button; the debug side bar shows the message.": "버튼을 누르면 디버그 사이드바에 메시지가 보입니다.",
      },
    },
    null,
    2,
  )}
`,
  [`test/${group}/${name}.test.ts`]: `import assert from "node:assert/strict";
import { flowOf, nodeRed } from "../harness";

const flow = (settings: Record<string, unknown> = {}) =>
  flowOf(
    { id: "node", type: "citystream-${name}", greeting: "hello", ...settings, wires: [["out"]] },
    { id: "out", type: "test-collect" },
  );

describe("${label}", () => {
  it("adds its greeting", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { payload: 1 });
    const [message] = await red.arrived("out", 1);
    assert.equal(message?.["greeting"], "hello");
  });

  it("fails a message without payload, saying so", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", {});
    await red.until("the node shows the failure", () => red.status("node")?.fill === "red");
    assert.equal(red.collected("out").length, 0);
  });

  it("shows a wrong setting", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ greeting: "" }));
    await red.until("the node is red", () => red.status("node")?.fill === "red");
  });
});
`,
};
for (const [file, content] of Object.entries(files)) {
  mkdirSync(path.dirname(path.join(ROOT, file)), { recursive: true });
  writeFileSync(path.join(ROOT, file), content);
  console.log(`wrote ${file}`);
}
console.log(
  `It is called "${label}" in Korean too: name it in its ko.json and in flows/ko.json, or a test of the flows fails.`,
);
console.log(`Next: npm run build, npm run dev, npx mocha dist/test/${group}/${name}.test.js, npm run check`);
