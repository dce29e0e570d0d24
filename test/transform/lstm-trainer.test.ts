import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readModel } from "../../nodes/lib/forecast/model-file";
import { flowOf, nodeRed } from "../harness";
import { HOUR, madeReadings } from "../lib/forecast/made-readings";
import { errorOf } from "./read";
import { assertRefused } from "./refused";
import { batchOf, cardOf, trainerFolder, trainerSettings } from "./trainer";

const LIMIT = 60_000;

describe("lstm-trainer", () => {
  const home = trainerFolder();
  let tests = 0;
  let folder = "";
  const flow = (settings: Record<string, unknown> = {}) =>
    flowOf(
      { id: "node", ...trainerSettings(folder, settings), wires: [["card"], ["progress"]] } as never,
      { id: "card", type: "test-collect" },
      { id: "progress", type: "test-collect" },
      { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
      { id: "caught", type: "test-collect" },
    );

  beforeEach(() => (folder = path.join(home, String(++tests))));

  it("trains on what was collected, tells of each epoch, and writes the model with its card", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ networks: 2, quantiles: "0.1, 0.9" }));
    red.receive("node", batchOf("north"));
    for (const { hour, a, b } of madeReadings(700, 2)) {
      red.receive("node", { key: "south", timestamp: hour * HOUR, payload: { a: String(a), b } });
    }
    red.receive("node", { train: true, topic: "kept" });
    const [message] = await red.arrived("card", 1, LIMIT);
    const card = cardOf(message);
    assert.deepEqual([message?.topic, message?.["train"], card.stations], ["kept", undefined, ["north", "south"]]);
    assert.deepEqual([card.readings, card.dropped, card.replaced, card.better], [1_400, 0, true, true]);
    assert.match(card.reason, /there was no model, and this one is better than persistence/);
    assert.deepEqual(
      [card.from, card.testedTo],
      [400_000, 400_699].map((hour) => new Date(hour * HOUR).toISOString()),
    );
    for (const { target, horizon, rmse, persistence, ridge } of card.scores) {
      assert.ok(["1h", "2h"].includes(horizon) && target === "a");
      assert.ok(rmse < persistence.rmse && rmse < ridge.rmse * 1.1, JSON.stringify(card.scores));
    }
    const progress = red.collected("progress").map((one) => one.message.payload as { network: number; epoch: number });
    assert.deepEqual(
      progress.map(({ network, epoch }) => [network, epoch]),
      [
        [1, 1],
        [1, 2],
        [2, 1],
        [2, 2],
      ],
    );
    assert.ok(
      Object.values(progress[0] ?? {}).every((value) => typeof value === "number" || typeof value === "boolean"),
    );

    const { metadata } = readModel(folder);
    assert.deepEqual([metadata.name, metadata.version, metadata.outputs.length], ["made", card.version, 6]);
    assert.equal(message?.["loadModel"], path.join(folder, "model.json"));
    assert.match(readFileSync(path.join(folder, "card.md"), "utf8"), /# made .*\| a \| 1h \| u \|/s);
    await red.until("the status says so", () => red.status("node")?.text === "model written");
  });

  it("keeps the model there unless the new one is better on the same windows, and says by how much", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", batchOf("k", 300));
    red.receive("node", { train: true });
    const first = cardOf((await red.arrived("card", 1, LIMIT))[0]);
    assert.ok(first.replaced, first.reason);
    red.receive("node", { train: true });
    const [, again] = await red.arrived("card", 2, LIMIT);
    assert.deepEqual([cardOf(again).replaced, cardOf(again).better, again?.["loadModel"]], [false, false, false]);
    assert.match(cardOf(again).reason, /no better than the model there on \d+ windows: (\S+) against \1$/);
    assert.equal(readModel(folder).metadata.version, first.version);

    await red.deploy(flow({ replace: "always" }));
    red.receive("node", batchOf("k", 300));
    red.receive("node", { train: true });
    const always = cardOf((await red.arrived("card", 1, LIMIT))[0]);
    assert.deepEqual([always.replaced, always.better], [true, false]);
    assert.notEqual(readModel(folder).metadata.version, first.version);
  });

  it("replaces a model that is worse", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ replace: "always" }));
    const { payload } = batchOf("k");
    const upside = (payload as { payload: { a: number; b: number } }[]).map((one) => ({
      ...one,
      payload: { ...one.payload, b: -one.payload.b },
    }));
    red.receive("node", { payload: upside });
    red.receive("node", { train: true });
    const worse = cardOf((await red.arrived("card", 1, LIMIT))[0]);
    await red.deploy(flow());
    red.receive("node", batchOf("k", 1_000));
    red.receive("node", { train: true });
    const card = cardOf((await red.arrived("card", 1, LIMIT))[0]);
    assert.match(card.reason, /better than the model there on \d+ windows/);
    assert.ok(card.replaced && card.better && card.version > worse.version);
    assert.equal(readModel(folder).metadata.version, card.version);
  });

  it("puts no model where there is none when it is no better than persistence", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ rate: 1, epochs: 1, dropout: 0.9 }));
    let a = 0;
    const walk = madeReadings(700, 4).map(({ hour, b }) => ({
      key: "k",
      timestamp: hour * HOUR,
      payload: { a: (a += b), b: 1 + (hour % 2) },
    }));
    red.receive("node", { payload: walk });
    red.receive("node", { train: true });
    const card = cardOf((await red.arrived("card", 1, LIMIT))[0]);
    assert.deepEqual([card.replaced, card.better], [false, false], JSON.stringify(card.scores));
    assert.match(card.reason, /no better than persistence/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("takes a reading's time and values from where the settings say, and fails those that have none", async () => {
    const red = await nodeRed();
    const features = [
      { feature: "a", property: "air.a", unit: "", as: "both" },
      { feature: "wd", property: "dir", unit: "", as: "wind" },
    ];
    await red.deploy(flow({ time: "payload.date", features }));
    const good = (hour: number) => ({ air: { a: hour % 7 }, dir: "NNW", date: new Date(hour * HOUR).toISOString() });
    const bad: [unknown, RegExp][] = [
      [{ ...good(1), date: undefined }, /Event time: payload\.date is missing in this record/],
      [{ ...good(1), date: "2999-01-01T00:00:00Z" }, /more than 1 d ahead of the clock/],
      [{ ...good(1), dir: "up" }, /wd is "up"; it must be a number or NNW/],
      [{ date: 1_700_000_000_000 }, /none of the model's features a, wd/],
      [null, /payload is null/],
      ["text", /payload is "text"/],
    ];
    for (const [payload] of bad) red.receive("node", { key: "k", payload });
    red.receive("node", { payload: good(1) });
    const caught = (await red.arrived("caught", bad.length + 1)).map(errorOf);
    for (const [i, [, pattern]] of bad.entries()) assert.match(caught[i] ?? "", pattern);
    assert.match(caught[bad.length] ?? "", /Key: key is missing/);
    red.receive("node", {
      payload: [
        { key: "k", payload: good(1) },
        { key: "k", payload: good(2) },
        { key: "k", payload: 5 },
      ],
    });
    assert.match(errorOf((await red.arrived("caught", bad.length + 2)).at(-1)), /1 of 3 records: .*payload is 5/);
    await red.until("two are collected", () => red.status("node")?.text?.startsWith("readings 2") === true);
    red.receive("node", { reset: true });
    await red.until("they are forgotten", () => red.status("node")?.text?.startsWith("readings 0") === true);
  });

  it("fails the message that asked when it can't be trained, with the reason, and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { train: true });
    assert.match(errorOf((await red.arrived("caught", 1, LIMIT))[0]), /not trained: no readings are collected/);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "model.json"), "{}");
    red.receive("node", batchOf("k"));
    red.receive("node", { train: true });
    const broken = errorOf((await red.arrived("caught", 2, LIMIT))[1]);
    assert.match(
      broken,
      /model in the folder can't be compared: Model file .*model\.json.*; remove it, choose another/,
    );
    assert.equal(readFileSync(path.join(folder, "model.json"), "utf8"), "{}");
    writeFileSync(path.join(home, "file"), "");
    await red.deploy(flow({ folder: path.join(home, "file", "model") }));
    red.receive("node", { train: true });
    assert.match(
      errorOf((await red.arrived("caught", 1, LIMIT))[0]),
      /Folder: .*cannot be written to: .*; choose another/,
    );
    await red.until("the status says so", () => /not trained/.test(red.status("node")?.text ?? ""));
  });

  it("trains once more for all who ask while it trains, and finishes the messages of each run with it", async () => {
    const red = await nodeRed();
    await red.deploy([
      ...flow({ epochs: 200, patience: 200 }),
      { id: "complete", type: "complete", z: "tab", x: 1, y: 1, scope: ["node"], wires: [["done"]] } as never,
      { id: "done", type: "test-collect", z: "tab", x: 1, y: 1, wires: [] },
    ]);
    const done = () => red.collected("done").flatMap(({ message }) => (message["train"] ? [message.topic] : []));
    red.receive("node", batchOf("k", 300));
    red.receive("node", { train: true, topic: "1" });
    await red.arrived("progress", 1, LIMIT);
    for (const topic of ["2", "3"]) red.receive("node", { train: true, topic });
    const cards = (await red.arrived("card", 2, LIMIT)).map((card) => card.topic);
    await red.until("all three are done", () => done().length === 3);
    assert.deepEqual([cards, done().sort(), red.collected("card").length], [["1", "2"], ["1", "2", "3"], 2]);
  });

  it("trains by its schedule", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ schedule: "* * * * * *", zone: "Asia/Seoul" }));
    red.receive("node", batchOf("k", 300));
    const [card] = await red.arrived("card", 1, LIMIT);
    assert.equal(cardOf(card).model, "made");
  });

  it("does nothing by a message that a drift is over, as forecast monitor sends it on the same wire", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { train: false, payload: { drift: false, state: "over" } });
    red.receive("node", batchOf("k", 300));
    await red.until("the readings are collected", () => red.status("node")?.text === "readings 300");
    assert.deepEqual([red.collected("caught"), red.collected("card")], [[], []]);
  });

  it("ends training when it is cancelled or deployed, and leaves no half of a model", async () => {
    const red = await nodeRed();
    const long = { epochs: 10_000, patience: 10_000 };
    await red.deploy(flow(long));
    red.receive("node", batchOf("k"));
    red.receive("node", { train: true });
    await red.arrived("progress", 2, LIMIT);
    red.receive("node", { cancel: true });
    assert.match(errorOf((await red.arrived("caught", 1, LIMIT))[0]), /training was cancelled by a message/);
    const before = red.collected("progress").length;
    red.receive("node", { train: true });
    await red.arrived("progress", before + 2, LIMIT);
    await red.deploy(flowOf());
    assert.deepEqual(readdirSync(folder), []);
  });

  it("lets the oldest readings leave when there is no room, and says so", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ maxMegabytes: 1 }));
    const room = Math.floor(1e6 / (256 * 2 * 4));
    const far = Array.from({ length: room + 3 }, (_, i) => ({
      key: "k",
      timestamp: i * 256 * HOUR,
      payload: { a: 1, b: 1 },
    }));
    red.receive("node", { payload: far });
    await red.until("the status says so", () => red.status("node")?.text === `full of readings ${room}`);
    assert.ok(red.logs.some((entry) => /1 MB of readings are kept, as many as it may be/.test(String(entry.msg))));
  });

  it("refuses settings that are wrong, and fails each message with the reason", async () => {
    const feature = (name: string, as = "value") => ({ feature: name, property: "", unit: "", as });
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ targets: "c" }, /Targets: "c" is none of the features a, b/],
      [{ horizons: "90 min" }, /Horizons: 90 min is no whole number of steps of 1 h/],
      [{ features: [feature("a"), feature("a")] }, /Features: "a" stands there twice/],
      [{ features: [feature("a", "wind")] }, /Features: "a" is a wind direction; put the wind's speed/],
      [{ quantiles: "10" }, /Quantiles: "10" is not between 0 and 1/],
      [{ units: "32, many" }, /LSTM units: "many" is no whole number/],
      [{ training: 80, validation: 20 }, /Split: 80 % to train and 20 % to choose leave less than 5 %/],
      [
        { steps: 1_000, features: ["a", "b", "c"].map((name) => feature(name)) },
        /Steps of the window: .* at most 2048/,
      ],
      [{ schedule: "now and then" }, /Schedule: "now and then" is no schedule/],
      [{ utcOffset: "Seoul" }, /UTC offset: "Seoul"/],
      [{ folder: "" }, /Folder/],
    ];
    await assertRefused(flow, cases, () => batchOf("k", 1));
    assert.ok(!existsSync(folder));
  });
});
