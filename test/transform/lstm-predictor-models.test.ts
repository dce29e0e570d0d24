/** The predictor whose model is replaced while it works. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { publishModel } from "../../nodes/lib/forecast/publish-model";
import { writeModel, type Model } from "../../nodes/lib/forecast/model-file";
import type { ForecastReady } from "../../nodes/lib/forecast/forecast";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, nodeRed } from "../harness";
import { metadataOf, testModel } from "../lib/forecast/models";
import {
  assertForecast,
  constant,
  HOUR,
  missing,
  modelFiles,
  predictorFlow,
  ready,
  records,
  restored,
} from "./predictor";
import { errorOf } from "./read";
import { batchOf, trainerSettings } from "./trainer";

let record = records();

describe("lstm-predictor, new models", () => {
  const models = modelFiles();
  const flow = (settings: Record<string, unknown> = {}) => predictorFlow(models.one, settings);

  beforeEach(() => (record = records()));

  it("takes the model of msg.loadModel, and its series go on", async () => {
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(flow());
    for (let hour = 0; hour < 4; hour++) red.receive("node", record("k", hour, 1, 2));
    red.receive("node", { loadModel: false });
    red.receive("node", { loadModel: models.two });
    await red.until("the second model is there", () =>
      red.logs.some(({ msg }) => /the model is test 2/.test(String(msg))),
    );
    red.receive("node", record("k", 4, 1, 2));
    const [first, second] = (await red.arrived("out", 2)).map(ready);
    assert.deepEqual([first?.version, second?.version], ["1", "2"]);
    assertForecast(first as ForecastReady, constant(1, 2), 1);
    assertForecast(second as ForecastReady, constant(1, 2), 2);
    assert.equal(red.collected("none").length, 3, "the message that names a model is no record");
  });

  it("begins its series anew with a model of other features", async () => {
    const other: Model = { ...testModel(3), metadata: metadataOf(["a", "c"], 4, { version: "3" }) };
    const file = path.join(models.folder, "other");
    await writeModel(file, other);
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(flow());
    for (let hour = 0; hour < 4; hour++) red.receive("node", record("k", hour, 1, 2));
    await red.arrived("out", 1);
    red.receive("node", { loadModel: file });
    await red.until("it is there", () => red.logs.some(({ msg }) => /the model is test 3/.test(String(msg))));
    for (let hour = 4; hour < 8; hour++) {
      const { payload: _payload, ...rest } = record("k", hour, 1, 2);
      red.receive("node", { ...rest, payload: { a: 1, c: 2 } });
    }
    const [, forecast] = (await red.arrived("out", 2)).map(ready);
    assert.equal(forecast?.version, "3");
    assert.equal(red.collected("none").length, 6);
  });

  it("goes on with the model it has when the new one is broken or does not fit, and says so", async () => {
    const broken = path.join(models.folder, "broken");
    mkdirSync(broken, { recursive: true });
    writeFileSync(path.join(broken, "model.json"), "{");
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(flow({ properties: [{ feature: "b", property: "b" }] }));
    for (let hour = 0; hour < 4; hour++) red.receive("node", record("k", hour, 1, 2));
    const other: Model = { ...testModel(3), metadata: metadataOf(["a", "c"], 4, { version: "3" }) };
    const misfit = path.join(models.folder, "misfit");
    await writeModel(misfit, other);
    for (const loadModel of [broken, path.join(models.folder, "nowhere"), misfit]) red.receive("node", { loadModel });
    const errors = (await red.arrived("caught", 3)).map(errorOf);
    assert.match(errors[0] ?? "", /new model is not taken, the one before goes on: Model file .*broken.* is not JSON/);
    assert.match(errors[1] ?? "", /nowhere cannot be read/);
    assert.match(errors[2] ?? "", /the model has no feature "b"; it has a, c/);
    red.receive("node", record("k", 4, 1, 2));
    const [, last] = (await red.arrived("out", 2)).map(ready);
    assertForecast(last as ForecastReady, constant(1, 2), 1);
  });

  it("waits for a model that is still to be trained, and takes it and its followers from the file", async () => {
    const folder = path.join(models.folder, "later");
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(flow({ model: folder, lookEvery: 0.05 }));
    red.receive("node", record("k", 0, 1, 2));
    const [first] = await red.arrived("none", 1);
    assert.deepEqual([missing(first).reason, missing(first).ready], ["model", false]);
    assert.equal(red.status("node")?.text, "no model yet");
    for (const [version, seen] of [
      [1, 4],
      [2, 1],
    ] as const) {
      await publishModel(folder, testModel(version), "");
      await red.until(`model ${version} is there`, () =>
        red.logs.some(({ msg }) => String(msg).includes(`the model is test ${version}`)),
      );
      const before = red.collected("out").length;
      for (let hour = 0; hour < seen; hour++) red.receive("node", record("k", version * 4 + hour, 1, 2));
      const all = (await red.arrived("out", before + 1)).map(ready);
      assert.equal(all.at(-1)?.version, String(version));
    }
    writeFileSync(path.join(folder, "broken.tmp"), "{");
    renameSync(path.join(folder, "broken.tmp"), path.join(folder, "model.json"));
    await red.until("the log says so", () =>
      red.logs.some(({ msg }) => /the new model is not taken, the one before goes on/.test(String(msg))),
    );
    rmSync(folder, { recursive: true });
    red.receive("node", record("k", 9, 1, 2));
    assert.equal((await red.arrived("out", 3)).map(ready).at(-1)?.version, "2");
  });

  it("under load loses no record, and each answer is one model's own, which it names", async () => {
    const make = records();
    const good = (hour: number) => [make("k", hour, Math.sin(hour), 1)];
    laboratory.reset();
    const red = await runtimeWithTestNodes();
    await red.deploy(
      flowOf(
        { id: "s", type: "test-source", wires: [["node"]] },
        { id: "node", type: "citystream-lstm-predictor", key: "key", model: models.one, wires: [["k"], ["k2"]] },
        { id: "k", type: "test-sink" },
        { id: "k2", type: "test-sink" },
      ),
    );
    await restored(red);
    const source = laboratory.source("s");
    const last = 1_000;
    for (let hour = 0; hour < last; hour++) {
      source.deliver(hour, good);
      if (hour % 100 === 50) red.receive("node", { loadModel: hour % 200 === 50 ? models.two : models.one });
      if (hour % 25 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await red.until("all are delivered", () => source.count("delivered") === last);
    assert.equal(source.deadLetters.length, 0);
    const elements = laboratory
      .at("k")
      .flatMap((message) => message.payload as { timestamp: number; forecast: ForecastReady }[]);
    assert.deepEqual(
      elements.map(({ timestamp }) => timestamp / HOUR).sort((a, b) => a - b),
      Array.from({ length: last - 3 }, (_, i) => i + 3),
    );
    for (const { timestamp, forecast } of elements) {
      const hour = timestamp / HOUR;
      const window = [hour - 3, hour - 2, hour - 1, hour].map((h) => [Math.sin(h), 1]);
      assertForecast(forecast, window, Number(forecast.version));
    }
    const versions = new Set(elements.map(({ forecast }) => forecast.version));
    assert.deepEqual([...versions].sort(), ["1", "2"]);
    laboratory.reset();
  });

  it("sends what a new model answers after what the one before it still computes", async () => {
    const make = records();
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(predictorFlow(models.one));
    // More windows than are computed on the event loop: they are with a thread while the next model answers at once.
    const many = Array.from({ length: 5_000 }, (_, hour) => make("long", hour, Math.sin(hour), 1));
    red.receive("node", { payload: many });
    red.receive("node", { loadModel: models.two });
    await red.until("the model is there", () => red.logs.some(({ msg }) => /the model is test 2/.test(String(msg))));
    assert.equal(red.collected("out").length, 0, "the first model is still computing");
    for (let hour = 0; hour < 4; hour++) red.receive("node", make("short", hour, 1, 2));
    const [first, second] = await red.arrived("out", 2);
    assert.equal((first?.payload as { forecast: ForecastReady }[]).at(0)?.forecast.version, "1");
    assertForecast(ready(second), constant(1, 2), 2);
  });

  it("forecasts with what a trainer has just written, by a wire from its first output", async () => {
    const folder = path.join(models.folder, "trained");
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(
      flowOf(
        { id: "trainer", ...trainerSettings(folder, { replace: "always" }), wires: [["node"], []] } as never,
        {
          id: "node",
          type: "citystream-lstm-predictor",
          key: "key",
          model: folder,
          lookEvery: 3_600,
          wires: [["out"], ["none"]],
        },
        { id: "out", type: "test-collect" },
        { id: "none", type: "test-collect" },
      ),
    );
    const readings = batchOf("k", 300);
    red.receive("node", readings);
    await red.arrived("none", 1);
    red.receive("trainer", readings);
    red.receive("trainer", { train: true });
    await red.until(
      "the model is there",
      () => red.logs.some(({ msg }) => /the model is made/.test(String(msg))),
      60_000,
    );
    red.receive("node", readings);
    const [message] = await red.arrived("out", 1);
    const elements = message?.payload as { forecast: ForecastReady }[];
    assert.equal(elements.length, 300 - 3 - 1 + 1);
    for (const { forecast } of elements) assert.deepEqual(Object.keys(forecast.values["a"] ?? {}), ["1h", "2h"]);
  });
});
