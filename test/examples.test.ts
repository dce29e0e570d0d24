import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Context } from "mocha";
import { packNodes, ROOT } from "../tools/editor/nodes";
import { nodeRed, type FlowNode } from "./harness";
import { pointAtServices } from "./harness/services";

const FOLDER = path.join(ROOT, "examples");
const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
const read = (file: string): FlowNode[] => JSON.parse(readFileSync(path.join(FOLDER, file), "utf8")) as FlowNode[];

/** What shows something to a user: in the side bar, or on a dashboard, which this Node-RED does not have. */
const shows = ({ type, z }: FlowNode): boolean => type === "debug" || (type.startsWith("ui-") && z !== undefined);

/** Nodes that show collect instead, so that the test sees what a user would see. */
const watched = (flow: readonly FlowNode[]): FlowNode[] =>
  flow.flatMap((node) => {
    if (shows(node)) return { ...node, type: "test-collect", manual: false };
    return node.type.startsWith("ui-") ? [] : node;
  });

describe("the examples", () => {
  it("hold one for every node that can be dragged from the palette", () => {
    const without = packNodes()
      .filter(({ declaration, set }) => declaration.group !== "config" && !files.includes(`${set}.json`))
      .map(({ set }) => set);
    assert.deepEqual(without, []);
  });

  for (const file of files) {
    describe(file, () => {
      let folder: string;
      beforeEach(() => {
        // Where `npm start` finds the readings that it replays.
        process.env["CITYSTREAM_READINGS"] = path.join(ROOT, "flows/data");
        folder = mkdtempSync(path.join(tmpdir(), "citystream-example-"));
      });
      afterEach(async () => {
        await (await nodeRed()).deploy([]);
        delete process.env["CITYSTREAM_READINGS"];
        rmSync(folder, { recursive: true, force: true });
      });

      it("explains itself in English, and keeps its ids apart from other flows", () => {
        const flow = read(file);
        assert.ok(
          flow.some((node) => node.type === "comment" && node["name"] !== "" && node["info"] !== ""),
          "no comment",
        );
        const words = flow.flatMap((node) => [node["label"], node["name"], node["info"]]);
        assert.deepEqual(
          words.filter((text) => /[가-힣]/u.test(String(text))),
          [],
          "its Korean belongs into flows/ko.json",
        );
        const name = path.basename(file, ".json");
        const foreign = flow.filter((node) => !node.id.startsWith(`${name}-`)).map((node) => node.id);
        assert.deepEqual(foreign, []);
      });

      it("runs: every debug node and chart gets something, no node is red", async function runs(this: Context) {
        const red = await nodeRed();
        const flow = watched(await pointAtServices(this, read(file), folder));
        red.logs.length = 0;
        await red.deploy(flow);
        for (const inject of flow.filter((node) => node.type === "inject")) red.receive(inject.id, {});
        for (const debug of flow.filter((node) => node.type === "test-collect")) {
          await red.arrived(debug.id, 1, 60_000);
        }
        const failed = flow.filter((node) => red.status(node.id)?.fill === "red").map((node) => node.id);
        assert.deepEqual(failed, []);
      });
    });
  }
});
