import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { flowOf, nodeRed, type Harness } from "../harness";
import { errorOf } from "./read";

const CLASSES = [
  { name: "urgent", from: 1, share: 3, useful: "", most: "" },
  { name: "ordinary", from: 0, share: 1, useful: "", most: "" },
];

const flow = (settings: Record<string, unknown> = {}) =>
  flowOf(
    {
      id: "node",
      type: "citystream-priority-lanes",
      classes: CLASSES,
      atOnce: 1,
      ...settings,
      wires: [["next"], ["shed"], ["report"]],
    },
    { id: "next", type: "test-collect", manual: true },
    { id: "shed", type: "test-collect" },
    { id: "report", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

/** What lies that deep in a message. */
const inside = (message: unknown, ...names: string[]): unknown =>
  names.reduce((value, name) => (value as Record<string, unknown> | undefined)?.[name], message);

/** Finishes what is below one after the other until so many have come; their payloads. */
async function drained(red: Harness, count: number, limit?: number): Promise<unknown[]> {
  let finished = 0;
  await red.until(
    `${count} have passed`,
    () => {
      const below = red.collected("next");
      for (; finished < below.length; finished++) below[finished]?.done();
      return finished >= count;
    },
    limit,
    () => finished,
  );
  return red.collected("next").map(({ message }) => message.payload);
}

describe("priority-lanes", () => {
  after(async () => (await nodeRed()).deploy([]));

  it("lets messages of any source pass by priority, as many at a time as it may", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ atOnce: 2 }));
    [0, 0, 0, 1, "7", 2].forEach((priority, payload) => red.receive("node", { payload, priority, topic: "t" }));
    await red.arrived("next", 2);
    assert.equal(red.collected("next").length, 2);
    await red.until("what waits shows", () => red.status("node")?.text === "records waiting 4");
    assert.deepEqual(await drained(red, 6), [0, 1, 3, 5, 2, 4]);
    assert.equal(red.collected("next")[5]?.message.topic, "t");
    await red.until("it is idle", () => red.status("node")?.text?.startsWith("ready") ?? false);
  });

  it("gives classes their shares, keys their turns and the earliest deadline the lead", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ between: "weighted", fair: true, key: "key", deadline: "until" }));
    red.receive("node", { payload: "first", key: "a" });
    for (let n = 0; n < 4; n++) red.receive("node", { payload: `u${n}`, priority: 1, key: n === 3 ? "b" : "a" });
    red.receive("node", { payload: "o0", key: "a" });
    red.receive("node", { payload: "o1", key: "a", until: "2038-01-01T00:00:00Z" });
    assert.deepEqual(await drained(red, 7), ["first", "u0", "u3", "u1", "u2", "o1", "o0"]);
  });

  it("frees its place below when a message fails there, and fails nothing itself", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (let payload = 0; payload < 3; payload++) red.receive("node", { payload });
    await red.arrived("next", 1);
    red.collected("next")[0]?.done(new Error("refused"));
    await red.arrived("next", 2);
    assert.deepEqual(await drained(red, 3), [0, 1, 2]);
    assert.equal(red.collected("caught").length, 0);
  });

  it("keeps messages whole on disk, what no file can hold in memory, and the order exact", async () => {
    const red = await nodeRed();
    const folder = path.join(red.userDir, "citystream/lanes/node");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "00000000.stash"), "left by a killed process");
    await red.deploy(flow({ memory: 0.05 }));
    await red.until("what was left is gone", () => readdirSync(folder).length === 0);
    const res = { end: () => "answered" };
    const message = (n: number) => ({
      payload: { n, text: "x".repeat(500), bytes: Buffer.alloc(300, n), when: new Date(n), values: Float64Array.of(n) },
      priority: n % 3,
      ...(n % 10 === 0 && { res }),
    });
    const ids = new Map<number, unknown>();
    for (let n = 0; n < 1000; n++) {
      const sent = { ...message(n), _msgid: `id${n}` };
      ids.set(n, sent._msgid);
      red.receive("node", sent);
    }
    await red.until("some are on disk", () => readdirSync(folder).length > 0);
    red.receive("node", { action: "report" });
    const [report] = await red.arrived("report", 1);
    assert.ok(Number(inside(report, "payload", "disk", "messages")) > 900, JSON.stringify(report));
    await red.until("it shows", () => red.status("node")?.text === "records, disk in use 999");
    await drained(red, 1000, 60_000);
    const order = red.collected("next").map(({ message: passed }) => Number(inside(passed, "payload", "n")));
    const byClass = (least: number, most: number) =>
      Array.from({ length: 999 }, (_, n) => n + 1).filter((n) => n % 3 >= least && n % 3 <= most);
    assert.deepEqual(order, [0, ...byClass(1, 2), ...byClass(0, 0)]);
    for (const { message: passed } of red.collected("next")) {
      const n = Number(inside(passed, "payload", "n"));
      const { _delivery: _, _msgid, ...rest } = passed;
      assert.equal(_msgid, ids.get(n));
      assert.deepEqual(rest, message(n));
    }
    await red.until("no file is left", () => readdirSync(folder).length === 0);
  });

  it("is full without a disk: those that can't wait get an error, or the oldest of the lowest class are shed", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ maxRecords: 2, disk: 0 }));
    for (let payload = 0; payload < 5; payload++) red.receive("node", { payload });
    const caught = await red.arrived("caught", 2);
    assert.match(errorOf(caught[0]), /there is no more room: 2 wait/);
    assert.deepEqual(
      caught.map(({ payload }) => payload),
      [3, 4],
    );
    assert.deepEqual(await drained(red, 3), [0, 1, 2]);
    await red.deploy(flow({ maxRecords: 2, disk: 0, full: "shed" }));
    for (let payload = 0; payload < 5; payload++) red.receive("node", { payload, priority: payload % 2 });
    const shed = await red.arrived("shed", 2);
    assert.deepEqual(
      shed.map(({ payload }) => payload),
      [2, 4],
    );
    assert.equal(inside(shed[0], "shed", "reason"), "full");
    assert.equal(inside(shed[0], "shed", "class"), "ordinary");
    assert.deepEqual(await drained(red, 3), [0, 1, 3]);
  });

  it("warns of what is lost when it closes, since no source brings it again, and lets go of the disk", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ memory: 0 }));
    for (let payload = 0; payload < 5; payload++) red.receive("node", { payload });
    const folder = path.join(red.userDir, "citystream/lanes/node");
    await red.until("some are on disk", () => existsSync(folder) && readdirSync(folder).length > 0);
    red.logs.length = 0;
    await red.deploy(flow(), "nodes");
    assert.ok(
      red.logs.some(({ msg }) => /4 messages waited that no source brings again: they are lost/.test(String(msg))),
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it("takes bad input of every kind and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ fair: true, key: "payload.id", deadline: "until", memory: 0 }));
    for (const payload of [null, undefined, 5, "text", Buffer.alloc(1_000_000), [], [1], {}, { id: {} }])
      red.receive("node", { payload });
    const caught = await red.arrived("caught", 9);
    for (const message of caught) assert.match(errorOf(message), /Key: payload.id is .* in this record/);
    red.receive("node", { payload: { id: 1 }, until: "tomorrow" });
    assert.match(errorOf((await red.arrived("caught", 10))[9]), /Deadline: until is "tomorrow" in this record/);
    red.receive("node", { payload: { id: 1 } });
    red.receive("node", { payload: [{ payload: { id: 2 } }, 7, { payload: null }] });
    await drained(red, 2);
    assert.match(errorOf((await red.arrived("caught", 11))[10]), /2 of 3 records did not pass: element 1 of the batch/);
  });

  it("reports what waits at its interval", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ interval: 0.05 }));
    const [, report] = await red.arrived("report", 2);
    assert.equal(inside(report, "payload", "waiting"), 0);
    assert.equal(report?.topic, "lanes");
  });

  for (const [what, settings, message] of [
    ["no limit at all", { atOnce: "", rate: "" }, /At a time, Per second: set one of them/],
    ["turns of keys without a key", { fair: true }, /Key: name it, since keys take turns/],
    ["an order without a key", { keepOrder: true }, /Key: name it, since a key's order is kept/],
    ["an order of whole batches", { keepOrder: true, key: "k", batches: "whole" }, /Batches: a batch that stays whole/],
    [
      "two classes from one priority",
      { classes: [CLASSES[0], { ...CLASSES[1], from: 1 }] },
      /Classes: two begin at priority 1/,
    ],
    ["a time that is none", { ageing: "soon" }, /Waited long: "soon" does not have the expected form/],
    ["a path that can't be read", { deadline: "payload[" }, /Deadline: "payload\[" is not a property path/],
    [
      "a bound where order is kept",
      { keepOrder: true, key: "k", classes: [{ ...CLASSES[0], most: 3 }] },
      /Classes: "urgent", At most: leave it empty/,
    ],
  ] as const) {
    it(`shows what to change when set to ${what}, and fails messages instead of losing them`, async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        JSON.stringify(red.logs),
      );
      red.receive("node", { payload: 1 });
      assert.match(errorOf((await red.arrived("caught", 1))[0]), message);
    });
  }

  it("keeps what waits in memory, red, when its folder can't be used", async () => {
    const red = await nodeRed();
    writeFileSync(path.join(red.userDir, "file"), "");
    red.logs.length = 0;
    await red.deploy(flow({ memory: 0, folder: "file" }));
    for (let payload = 0; payload < 3; payload++) red.receive("node", { payload });
    await red.until("it says so", () =>
      red.logs.some(({ msg }) => /Folder: the folder .* can't be used/.test(String(msg))),
    );
    await red.until("it is red", () => red.status("node")?.fill === "red");
    assert.deepEqual(await drained(red, 3), [0, 1, 2]);
  });
});
