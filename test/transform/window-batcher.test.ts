import assert from "node:assert/strict";
import { nodeRed } from "../harness";
import { at, errorOf } from "./read";
import { flow, MINUTE, record, T0, values, windowOf } from "./windows";

describe("window-batcher", () => {
  it("sends the records of a window per key, in order, when event time has passed it", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (const [key, seconds, value, offset] of [
      ["a", 30, 2, 1],
      ["b", 5, 9, 2],
      ["a", 10, 1, 3],
      ["a", 30, 3, 4],
    ] as const)
      red.receive("node", { ...record(key, seconds, value, offset), topic: "sensors", priority: value });
    red.receive("node", record("a", 60, 4, 5));
    const [a, b] = await red.arrived("windows", 2);
    assert.deepEqual(values(a), [1, 2, 3]);
    assert.deepEqual(windowOf(a), {
      key: "a",
      start: T0,
      end: T0 + MINUTE,
      count: 3,
      reason: "time",
      late: false,
      partial: true,
    });
    assert.deepEqual([a?.topic, a?.["key"], a?.["timestamp"], a?.["priority"]], ["sensors", "a", T0 + 30_000, 3]);
    assert.deepEqual(a?.["source"], {
      kind: "kafka",
      ranges: [{ topic: "t", partition: 0, first: "1", last: "4", count: 3 }],
    });
    assert.deepEqual(values(b), [9]);
    assert.equal(red.collected("late").length, 0);
  });

  it("spreads a batch into its windows, and sends what is late as a batch", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const payload = [
      record("a", 0, 1),
      record("b", 1, 2),
      record("a", 61, 3),
      record("a", 5, 4),
      record("b", 6, 5),
      record("a", 130, 6),
    ];
    red.receive("node", { payload, topic: "t" });
    const windows = await red.arrived("windows", 3);
    assert.deepEqual(
      windows.map((message) => [windowOf(message).key, values(message)]),
      [
        ["a", [1]],
        ["b", [2]],
        ["a", [3]],
      ],
    );
    const [late] = await red.arrived("late", 1);
    assert.deepEqual(values(late), [4, 5]);
    assert.equal(late?.topic, "t");
    const { window } = at<{ window: Window }[]>(late, "payload")[0] ?? {};
    assert.deepEqual(window, { key: "a", start: T0, end: T0 + MINUTE, count: 1, reason: "late", late: true });
  });

  it("hops: a record is in every window of its time", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ hop: "20 s" }));
    for (const seconds of [0, 25, 45, 70, 200]) red.receive("node", record("a", seconds, seconds));
    const windows = await red.arrived("windows", 6);
    assert.deepEqual(
      windows.map((message) => [(windowOf(message).start - T0) / 1000, values(message)]),
      [
        [-40, [0]],
        [-20, [0, 25]],
        [0, [0, 25, 45]],
        [20, [25, 45, 70]],
        [40, [45, 70]],
        [60, [70]],
      ],
    );
  });

  it("keeps what a node below does to one window out of the next", async () => {
    const red = await nodeRed();
    const [tab, node, windows] = flow({ hop: "30 s" });
    assert.ok(tab && node && windows);
    const func = "for (const one of msg.payload) one.payload.value += 100; return msg;";
    const spoil = { id: "spoil", type: "function", z: "tab", x: 1, y: 1, func, outputs: 1, wires: [["windows"]] };
    await red.deploy([tab, { ...node, wires: [["spoil"], []] }, spoil, windows]);
    for (const seconds of [40, 61, 130]) red.receive("node", record("a", seconds, { value: seconds }));
    const came = await red.arrived("windows", 3);
    assert.deepEqual(came.map(values), [[{ value: 140 }], [{ value: 140 }, { value: 161 }], [{ value: 161 }]]);
  });

  it("sends by processing time without further records", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ by: "processing", size: "100 ms" }));
    red.receive("node", { key: "a", payload: 1 });
    const [window] = await red.arrived("windows", 1);
    assert.deepEqual(values(window), [1]);
    assert.equal(windowOf(window).end - windowOf(window).start, 100);
  });

  it("sends by count", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ by: "count", records: 3, recordsHop: 1 }));
    for (let i = 0; i < 5; i++) red.receive("node", record("a", i, i));
    const windows = await red.arrived("windows", 3);
    assert.deepEqual(windows.map(values), [
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 4],
    ]);
    assert.equal(windowOf(windows[0]).reason, "count");
  });

  it("sends the last window of a stopped stream after the silence that is set", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ silence: "100 ms" }));
    red.receive("node", record("a", 0, 1));
    const [window] = await red.arrived("windows", 1);
    assert.equal(windowOf(window).reason, "silence");
    red.receive("node", record("a", 1, 2));
    const [late] = await red.arrived("late", 1);
    assert.deepEqual([late?.payload, windowOf(late).late], [2, true]);
  });

  it("makes a matrix on a grid of steps, gaps filled", async () => {
    const red = await nodeRed();
    const features = [
      { field: "air.pm", as: "pm" },
      { field: "temp", as: "" },
    ];
    await red.deploy(flow({ emit: "matrix", features, step: "10 s", fill: "linear", fillLimit: 2 }));
    for (const [seconds, pm, temp] of [
      [0, 10, 1],
      [30, 40, null],
      [50, 60, 5],
    ] as const)
      red.receive("node", record("a", seconds, { air: { pm }, temp }));
    red.receive("node", record("a", 60, {}));
    const [message] = await red.arrived("windows", 1);
    assert.ok(message?.payload instanceof Float32Array);
    assert.deepEqual([...message.payload], [10, 1, 20, NaN, 30, NaN, 40, NaN, 50, NaN, 60, 5]);
    const { steps, features: named, step, missing } = at<Record<string, unknown>>(message, "window");
    assert.deepEqual([steps, named, step, missing], [6, ["pm", "temp"], 10_000, 4]);
    assert.equal(message["timestamp"], T0 + 50_000);
  });

  it("makes columns and aggregates", async () => {
    const red = await nodeRed();
    const features = [{ field: "temp", as: "" }];
    await red.deploy(flow({ emit: "columns" }));
    red.receive("node", { payload: [record("a", 0, { temp: 1 }), record("a", 1, { temp: 3 }), record("a", 60, {})] });
    const [columns] = await red.arrived("windows", 1);
    assert.deepEqual(columns?.payload, { temp: [1, 3], time: [T0, T0 + 1000] });
    await red.deploy(flow({ emit: "aggregates", features }));
    red.receive("node", { payload: [record("a", 0, { temp: 1 }), record("a", 1, { temp: 3 }), record("a", 60, {})] });
    const [aggregates] = await red.arrived("windows", 1);
    assert.deepEqual(aggregates?.payload, {
      temp: { count: 2, min: 1, max: 3, mean: 2, sum: 4, first: 1, last: 3, stddev: Math.SQRT2 },
    });
  });

  it("lets the oldest windows leave early at its bound", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ maxRecords: 4 }));
    for (let i = 0; i < 5; i++) red.receive("node", record(i < 3 ? "a" : "b", i < 3 ? 0 : 60, i));
    red.receive("node", record("a", 120, 9));
    const windows = await red.arrived("windows", 2);
    assert.deepEqual(
      windows.map((message) => [windowOf(message).reason, values(message)]),
      [
        ["time", [0, 1, 2]],
        ["time", [3, 4]],
      ],
    );
    for (let i = 0; i < 5; i++) red.receive("node", record("a", 130 + i, i));
    const early = (await red.arrived("windows", 3))[2];
    assert.deepEqual([windowOf(early).reason, values(early)], ["bound", [9, 0, 1, 2, 3]]);
  });

  it("fails what has no key or time, or is late without a wire, and takes bad input of every kind", async () => {
    const red = await nodeRed();
    await red.deploy(flow({}, []));
    const bad = [null, undefined, 5, "text", Buffer.alloc(10_000_000), [], [1, 2], { a: 1 }];
    for (const payload of bad) red.receive("node", { payload });
    red.receive("node", { payload: 1, key: "a" });
    red.receive("node", { payload: 1, key: "a", timestamp: "soon" });
    red.receive("node", { payload: 1, key: "a", timestamp: Date.now() + 90_000_000 });
    red.receive("node", record("a", 60, 1));
    red.receive("node", record("a", 0, 2));
    red.receive("node", { payload: [record("a", 61, 3), 7, { payload: 1 }, record("a", 1, 4)] });
    const caught = (await red.arrived("caught", bad.length + 4)).map(errorOf);
    for (const message of caught.slice(0, bad.length)) assert.match(message, /Key: key is missing/);
    assert.match(caught[bad.length] ?? "", /Event time: timestamp is missing in this record/);
    assert.match(caught[bad.length + 1] ?? "", /timestamp is "soon"/);
    assert.match(caught[bad.length + 2] ?? "", /more than 1 d ahead of the clock/);
    assert.match(
      caught[bad.length + 3] ?? "",
      /the record of 2017-02-28T15:00:00.000Z is late: windows are over up to 2017-02-28T15:01:00.000Z/,
    );
    // The batch fails when its last good record is out.
    red.receive("node", record("a", 200, 5));
    const batch = (await red.arrived("caught", bad.length + 5)).at(-1);
    assert.match(errorOf(batch), /3 of 4 records are in no window: element 1 of the batch is no record but 7/);
    const [window] = await red.arrived("windows", 1);
    assert.deepEqual(values(window), [1, 3]);
  });

  for (const [what, settings, message] of [
    ["a length that is none", { size: "soon" }, /Length: "soon" does not have the expected form/],
    ["hops longer than the window", { hop: "2 min" }, /Every: 2 min is longer than the window/],
    ["hops that put a record into too many windows", { size: "1 d", hop: "1 s" }, /into 86400 windows/],
    ["a matrix of nothing", { emit: "matrix" }, /Features: name the fields/],
    [
      "steps that do not fit the length",
      { emit: "matrix", features: [{ field: "a" }], step: "7 s" },
      /not a whole number of steps/,
    ],
    [
      "a feature twice",
      { emit: "aggregates", features: [{ field: "a" }, { field: "b", as: "a" }] },
      /"a" has two rows/,
    ],
    [
      "a grid for windows by count",
      { by: "count", emit: "matrix", features: [{ field: "a" }], step: "1 s" },
      /Step: windows by number of records/,
    ],
    ["a negative disorder", { disorder: "-1 s" }, /Disorder: -1 s is negative/],
  ] as const) {
    it(`shows what to change when set to ${what}, and fails messages instead of losing them`, async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        JSON.stringify(red.logs),
      );
      red.receive("node", record("a", 0, 1));
      const [caught] = await red.arrived("caught", 1);
      assert.match(errorOf(caught), message);
    });
  }
});
