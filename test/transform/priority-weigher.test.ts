import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed } from "../harness";
import { startChild } from "../harness/child";
import { at, errorOf } from "./read";

const SETTINGS = {
  key: "payload.id",
  weighed: [
    { field: "temp", error: "-999" },
    { field: "hum", error: "" },
  ],
};

const flow = (settings: Record<string, unknown> = {}) =>
  flowOf(
    {
      id: "node",
      type: "citystream-priority-weigher",
      ...SETTINGS,
      ...settings,
      wires: [["urgent"], ["batch"], ["third"]],
    },
    { id: "urgent", type: "test-collect" },
    { id: "batch", type: "test-collect" },
    { id: "third", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

const record = (id: unknown, temp: unknown, hum: unknown, timestamp?: number) => ({
  payload: { id, temp, hum },
  ...(timestamp !== undefined && { timestamp }),
});

type Element = { payload: { id: string }; priority: number };

describe("priority-weigher", () => {
  it("sends the published example by its lanes", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { ...record("a", 22, 61), topic: "t" });
    red.receive("node", record("b", 25, 56));
    red.receive("node", { ...record("b", 28, 48), topic: "t" });
    const [urgent] = await red.arrived("urgent", 1);
    const batch = await red.arrived("batch", 2);
    assert.deepEqual(urgent?.payload, { id: "b", temp: 28, hum: 48 });
    assert.deepEqual([urgent?.["priority"], urgent?.topic], [1, "t"]);
    assert.deepEqual(
      batch.map((message) => message["priority"]),
      [0, 0],
    );
  });

  it("parts a batch into lanes, each in order, and names what cannot be weighed", async () => {
    const red = await nodeRed();
    await red.deploy(
      flow({
        combine: "sum",
        lanes: [
          { lane: "ordinary", from: 0 },
          { lane: "urgent", from: 2 },
          { lane: "change", from: "1" },
        ],
      }),
    );
    const payload = [
      record("a", 20, 50, 1),
      record("a", 30, 60, 2),
      record(null, 20, 50, 3),
      record("a", 33, 60, 4),
      7,
      record("a", 33, 60, 5),
      record("a", 10, 60, 3),
    ];
    red.receive("node", { payload, topic: "t" });
    const [ordinary] = await red.arrived("urgent", 1);
    const [urgent] = await red.arrived("batch", 1);
    const [change] = await red.arrived("third", 1);
    const read = (message: typeof ordinary) =>
      at<(Element & { timestamp: number })[]>(message, "payload").map((e) => [e.timestamp, e.priority]);
    assert.deepEqual(read(ordinary), [
      [1, 0],
      [5, 0],
      [3, 0],
    ]);
    assert.deepEqual(read(urgent), [[2, 7]]);
    assert.deepEqual(read(change), [[4, 1]]);
    assert.equal(urgent?.topic, "t");
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /2 of 7 records could not be weighed: Key: payload.id is null in this record/);
  });

  it("keeps a priority that a record has, and weighs the next against it", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { ...record("a", 10, 50), priority: 9 });
    red.receive("node", { ...record("a", 20, 50), priority: 0 });
    red.receive("node", { ...record("a", 20, 60), priority: "high" });
    const urgent = await red.arrived("urgent", 2);
    assert.deepEqual(
      urgent.map((message) => message["priority"]),
      [9, 2],
    );
    await red.arrived("batch", 1);
  });

  it("weighs a shared, frozen batch without touching it", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const elements = [record("a", 10, 50), record("a", 20, 50)].map((element) => Object.freeze(element));
    red.receive("node", { payload: Object.freeze(elements) });
    const [urgent] = await red.arrived("urgent", 1);
    assert.equal(at<Element[]>(urgent, "payload")[0]?.priority, 10);
    assert.equal("priority" in elements[1]!, false);
  });

  it("takes bad input of every kind and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (const payload of [null, undefined, 5, "text", Buffer.alloc(10_000_000), [], [1], {}, { id: {} }])
      red.receive("node", { payload });
    const caught = await red.arrived("caught", 9);
    for (const message of caught)
      assert.match(errorOf(message), /Key: payload.id is .* in this record; it must be text or a number/);
    for (const temp of ["20", null, NaN, {}, -999]) red.receive("node", record("a", temp, undefined));
    red.receive("node", record("a", 10, undefined, "never" as never));
    await red.arrived("batch", 6);
  });

  it("says so when more keys come than it remembers", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ keys: 2 }));
    red.logs.length = 0;
    for (const id of ["a", "b", "c", "d"]) red.receive("node", record(id, 1, 1));
    await red.until("the warning", () => red.logs.some((entry) => /2 keys are remembered/.test(String(entry.msg))));
    assert.equal(red.logs.filter((entry) => /2 keys are remembered/.test(String(entry.msg))).length, 1);
  });

  for (const [what, settings, message] of [
    ["no field", { weighed: [] }, /Fields: needs at least 1 row/],
    ["a step of 0", { step: 0 }, /Step: 0 is below/],
    ["a path that cannot be read", { key: "payload[" }, /Key: "payload\[" is not a property path/],
    [
      "two lanes from one priority",
      {
        lanes: [
          { lane: "a", from: 1 },
          { lane: "b", from: 1 },
        ],
      },
      /"a" and "b" both begin at priority 1/,
    ],
    ["a state kept elsewhere", { stateKept: "redis" }, /State: "redis" is not one of/],
  ] as const) {
    it(`shows what to change when set to ${what}, and fails messages instead of losing them`, async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        JSON.stringify(red.logs),
      );
      red.receive("node", record("a", 1, 1));
      const [caught] = await red.arrived("caught", 1);
      assert.match(errorOf(caught), message);
    });
  }

  it("remembers over a redeploy in mid-stream when its state is on disk, and begins anew when its fields change", async () => {
    const red = await nodeRed();
    const stateFolder = mkdtempSync(path.join(tmpdir(), "citystream-weigher-"));
    const kept = { stateKept: "disk", checkpointEvery: 0.05, stateFolder };
    try {
      await red.deploy(flow(kept));
      for (let i = 0; i < 5000; i++) red.receive("node", record(`k${i}`, 10, 50, 5));
      await red.until("all are weighed", () => red.collected("batch").length === 5000);
      await red.deploy(flow({ ...kept, name: "another" }), "nodes");
      red.receive("node", record("k0", 20, 50, 6));
      red.receive("node", record("k4999", 90, 50, 4));
      red.receive("node", record("k4999", 11, 50, 6));
      const urgent = await red.arrived("urgent", 2);
      assert.deepEqual(
        urgent.map((message) => message["priority"]),
        [10, 1],
      );
      await red.deploy(flow({ ...kept, weighed: [{ field: "temp", error: "" }] }), "nodes");
      red.receive("node", record("k0", 90, 50, 7));
      assert.equal((await red.arrived("batch", 5002)).at(-1)?.["priority"], 0);
      await red.deploy([]);
    } finally {
      rmSync(stateFolder, { recursive: true, force: true });
    }
  });

  it("forgets over a redeploy with its state in memory", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", record("a", 10, 50));
    await red.arrived("batch", 1);
    await red.deploy(flow({ combine: "sum" }), "nodes");
    red.receive("node", record("a", 20, 50));
    await red.arrived("batch", 2);
  });

  it("remembers over a restart of Node-RED", async () => {
    const userDir = mkdtempSync(path.join(tmpdir(), "citystream-weigher-"));
    const flowFile = path.join(userDir, "flow.json");
    const wired = { x: 1, y: 1, z: "tab" };
    writeFileSync(
      flowFile,
      JSON.stringify([
        { id: "tab", type: "tab", label: "t" },
        { id: "in", type: "http in", url: "/weigh", method: "post", ...wired, wires: [["node"]] },
        {
          id: "node",
          type: "citystream-priority-weigher",
          ...SETTINGS,
          stateKept: "disk",
          checkpointEvery: 0.05,
          ...wired,
          wires: [["reply"], ["reply"]],
        },
        { id: "reply", type: "template", field: "payload", template: "{{priority}}", ...wired, wires: [["answer"]] },
        { id: "answer", type: "http response", ...wired, wires: [] },
      ]),
    );
    const post = async (url: string, temp: number): Promise<string> => {
      const body = JSON.stringify({ id: "a", temp, hum: 50 });
      const headers = { "content-type": "application/json" };
      return (await fetch(`${url}/api/weigh`, { method: "POST", body, headers })).text();
    };
    try {
      const before = await startChild({ userDir, flowFile });
      assert.equal(await post(before.url, 10), "0");
      await before.stop();
      const after = await startChild({ userDir, flowFile });
      try {
        assert.equal(await post(after.url, 14), "4");
      } finally {
        await after.stop();
      }
    } finally {
      rmSync(userDir, { recursive: true, force: true });
    }
  });
});
