import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { lanesOf, passOn } from "../../tools/test-lanes";

describe("the lanes of npm test", () => {
  const sources = ["/t/faults/kill.test.ts", "/t/install.test.ts", "/t/lib/batch.test.ts", "/t/sink/a.test.ts"];

  it("hold each test once", () => {
    const lanes = lanesOf(sources, "/t", true);
    assert.equal(lanes.length, 2);
    assert.deepEqual(lanes.flat().sort(), sources);
  });

  it("are one where the machine is small, or all tests are of one lane", () => {
    assert.deepEqual(lanesOf(sources, "/t", false), [sources]);
    assert.deepEqual(lanesOf(sources.slice(2), "/t", true), [sources.slice(2)]);
    assert.deepEqual(lanesOf([], "/t", true), [[]]);
  });

  it("mark their lines, the last one too", async () => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    passOn(from, to, "2 ");
    from.end("a\n\nb");
    let written = "";
    for await (const chunk of to) {
      written += String(chunk);
      if (written.includes("b")) break;
    }
    assert.equal(written, "2 a\n2 \n2 b\n");
  });
});
