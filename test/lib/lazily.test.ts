import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { lazily } from "../../nodes/lib/lazily";
import { packNodes } from "../../tools/editor/nodes";

describe("lazily", () => {
  it("makes a value when it is first asked for, and once", () => {
    let made = 0;
    const value = lazily(() => {
      made++;
      return undefined;
    });
    assert.equal(made, 0);
    assert.deepEqual([value(), value(), made], [undefined, undefined, 1]);
  });

  it("leaves the libraries of nodes that no flow has unloaded", () => {
    const files = packNodes().map(({ output, set }) => path.join(output, `${set}.js`));
    const program = `for (const file of ${JSON.stringify(files)}) require(file); console.log(Object.keys(require.cache).join("\\n"))`;
    const loaded = execFileSync(process.execPath, ["-e", program], { encoding: "utf8" });
    for (const name of ["kafka-in.js", "influx-sink.js", "mqtt-in.js"]) assert.match(loaded, new RegExp(name, "u"));
    const libraries = /(?:node_modules\/(?:mqtt|avsc|aedes|@influxdata)|vendor\/(?:luxon|fast-xml-parser))\b.*/gu;
    assert.deepEqual(loaded.replaceAll("\\", "/").match(libraries), null);
  });
});
