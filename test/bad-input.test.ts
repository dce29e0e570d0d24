import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../nodes/lib/delivery/contract";
import { packNodes, ROOT } from "../tools/editor/nodes";
import { nodeRed, type FlowNode } from "./harness";
import { pointAtServices } from "./harness/services";

const circular: Record<string, unknown> = { name: "circular" };
circular["self"] = circular;

/** Made anew for each node: a node may change what it gets. */
const BAD: Readonly<Record<string, () => Message>> = {
  "no payload": () => ({}),
  null: () => ({ payload: null }),
  "a number": () => ({ payload: 42 }),
  "not a number": () => ({ payload: Number.NaN }),
  "broken JSON": () => ({ payload: '{"site":"a",' }),
  "an empty text": () => ({ payload: "" }),
  "an empty array": () => ({ payload: [] }),
  "an array of nulls": () => ({ payload: [null, null] }),
  "a batch of junk": () => ({ payload: [{ payload: null }, { payload: 1 }, { payload: "x" }] }),
  "a batch that holds what is no record": () => ({
    payload: [null, 5, { key: "no payload" }, { payload: { unknown: true } }, [], "x"],
  }),
  "an object without the fields": () => ({ payload: { unknown: true } }),
  "fields of wrong types": () => ({
    payload: { device_id: {}, time: [], temp: "warm", site: null, index: -1, type: 7 },
  }),
  "a circular object": () => ({ payload: circular }),
  "10 MB of text": () => ({ payload: "x".repeat(10_000_000) }),
  "10 MB of bytes": () => ({ payload: Buffer.alloc(10_000_000, 1) }),
  "wrong coordinates": () => ({ payload: { a: 1 }, source: "nowhere", key: {}, timestamp: "yesterday", headers: 5 }),
  "a topic of wrong characters": () => ({ payload: { a: 1 }, topic: "../\u0000/?*#+" }),
};

const inputs = packNodes().filter(({ declaration }) => declaration.inputs === 1);

describe("bad input", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-bad-"));
    // What npm start names: an example whose messages come from files reads these.
    process.env["CITYSTREAM_READINGS"] = path.join(ROOT, "flows/data");
  });
  afterEach(async () => {
    delete process.env["CITYSTREAM_READINGS"];
    await (await nodeRed()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  for (const { set, declaration } of inputs) {
    it(`into ${set} ends in done or in an error that says why, and what comes after flows on`, async function bad() {
      this.timeout(180_000);
      const red = await nodeRed();
      const example = JSON.parse(readFileSync(path.join(ROOT, "examples", `${set}.json`), "utf8")) as FlowNode[];
      const flow = await pointAtServices(this, example, folder);
      const target = flow.find((node) => node.type === declaration.type);
      assert.ok(target);
      const watch = { z: target["z"], scope: [target.id], x: 100, y: 400 };
      await red.deploy([
        ...flow.map((node) => (node.type === "debug" ? { ...node, type: "test-collect" } : node)),
        { id: "bad-caught", type: "catch", ...watch, uncaught: false, wires: [["bad-errors"]] },
        { id: "bad-completed", type: "complete", ...watch, wires: [["bad-done"]] },
        { id: "bad-errors", type: "test-collect", z: target["z"], x: 300, y: 400, wires: [] },
        { id: "bad-done", type: "test-collect", z: target["z"], x: 300, y: 460, wires: [] },
      ]);
      const ended = (name: string): number =>
        [...red.collected("bad-errors"), ...red.collected("bad-done")].filter(({ message }) => message["bad"] === name)
          .length;
      for (const [name, make] of Object.entries(BAD)) red.receive(target.id, { ...make(), bad: name });
      await red
        .until(`every bad message ends`, () => Object.keys(BAD).every((name) => ended(name) > 0), 90_000)
        .catch((error: Error) => {
          const open = Object.keys(BAD).filter((name) => ended(name) === 0);
          throw new Error(`${error.message}; still open: ${open.join(", ")}`);
        });
      for (const { message } of red.collected("bad-errors")) {
        const { message: text } = message["error"] as { message: string };
        assert.ok(text.length >= 10, `the error for ${String(message["bad"])} says only "${text}"`);
        assert.doesNotMatch(text, /undefined is not|cannot read prop|is not a function|\[object Object\]/iu);
      }
      const before = red.collected("bad-done").length;
      for (const inject of flow.filter((node) => node.type === "inject")) red.receive(inject.id, {});
      await red.until("good messages complete", () => red.collected("bad-done").length > before, 60_000);
    });
  }
});
