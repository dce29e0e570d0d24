/** The predictor's series: when what they have of a record is kept, and what becomes of them over deploys and other models. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message, Tenure } from "../../nodes/lib/delivery/contract";
import type { ForecastReady } from "../../nodes/lib/forecast/forecast";
import { writeModel, type Model } from "../../nodes/lib/forecast/model-file";
import { assigned, laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, nodeRed, type FlowNode } from "../harness";
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

let record = records();

describe("lstm-predictor, its series", () => {
  const models = modelFiles();
  /** Of features a and c instead of a and b. */
  const other = path.join(models.folder, "other");
  let folder: string;

  before(async () => {
    const metadata = metadataOf(["a", "c"], 4, { version: "3" });
    await writeModel(other, { ...testModel(3), metadata } satisfies Model);
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-series-"));
    laboratory.reset();
    record = records();
  });
  afterEach(async () => {
    laboratory.reset();
    await (await runtimeWithTestNodes()).deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const tracked = (settings: Record<string, unknown> = {}): FlowNode[] =>
    flowOf(
      { id: "s", type: "test-source", wires: [["node"]] },
      {
        id: "node",
        type: "citystream-lstm-predictor",
        key: "key",
        model: models.one,
        stateFolder: folder,
        ...settings,
        wires: [["k"], ["k"]],
      },
      { id: "k", type: "test-sink" },
    );
  /** Record `hour` of a series with all features of all models, numbered as Kafka does. */
  const deliver = (hour: number, tenure?: Tenure): void => {
    const { payload, ...rest } = record("k", hour, Math.sin(hour), 1);
    const source = { kind: "kafka", topic: "t", partition: 0, offset: hour };
    laboratory.source("s").deliver(hour, () => ({ ...(payload as object), c: 2 }), { ...rest, source }, { tenure });
  };
  const forecastOf = ({ forecast }: Message): ForecastReady => forecast as ForecastReady;
  const hours = (): number[] => laboratory.at("k").map(({ record: hour }) => hour as number);

  it("have what they need of a record on disk before its source is told, and its forecast leaves before that", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(tracked({ checkpointEvery: 600 }));
    const source = laboratory.source("s");
    await red.until("the source runs", () => source.running);
    for (let hour = 0; hour < 5; hour++) deliver(hour);
    await red.until("all are told", () => hours().length === 5);
    assert.equal(forecastOf(laboratory.at("k")[4] as Message).ready, true);
    assert.equal(source.outcomes.size, 0);
    source.source?.pressure();
    await red.until("all are delivered", () => source.count("delivered") === 5);
  });

  it("are written at once at a deploy, so that what is in flight is finished", async () => {
    const red = await runtimeWithTestNodes();
    await red.deploy(tracked({ checkpointEvery: 600 }));
    const source = laboratory.source("s");
    await red.until("the source runs", () => source.running);
    for (let hour = 0; hour < 50; hour++) deliver(hour);
    await red.until("all are told", () => hours().length === 50);
    await red.deploy(tracked({ checkpointEvery: 600, model: models.two }), "nodes");
    await red.until("all are delivered", () => source.count("delivered") === 50);
    assert.equal(hours().length, 50, "none came again");
  });

  it("don't keep a node from closing while a new model waits for them", async () => {
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    const red = await runtimeWithTestNodes();
    await red.deploy(tracked({ stateFolder: path.join(file, "state") }));
    await red.until("it says why", () => /ENOTDIR/.test(red.status("node")?.text ?? ""));
    red.receive("node", { loadModel: models.two });
    const since = Date.now();
    await red.deploy([]);
    assert.ok(Date.now() - since < 5_000);
  });

  it("let records wait in their order, red with the reason, while the folder can't be used", async () => {
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    const red = await runtimeWithTestNodes();
    laboratory.options = { timeout: 300 };
    await red.deploy(tracked({ stateFolder: path.join(file, "state"), checkpointEvery: 0.05 }));
    const source = laboratory.source("s");
    await red.until("the source runs", () => source.running);
    for (let hour = 0; hour < 20; hour++) deliver(hour);
    await red.until(
      "it says why",
      () => red.status("node")?.fill === "red" && /ENOTDIR/.test(red.status("node")?.text ?? ""),
    );
    const since = Date.now();
    await red.until("long after the time-out", () => Date.now() - since > 1000);
    assert.deepEqual([source.outcomes.size, hours()], [0, []]);
    rmSync(file);
    await red.until("all are delivered", () => source.count("delivered") === 20);
    assert.deepEqual(
      hours(),
      Array.from({ length: 20 }, (_, hour) => hour),
    );
  });

  for (const stateKept of ["disk", "memory", "shared"])
    it(`lose no record and mix no answer when models of other features come and go under load (${stateKept})`, async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(tracked({ stateKept, checkpointEvery: 0.02 }));
      const source = laboratory.source("s");
      await red.until("the source runs", () => source.running);
      await restored(red);
      const last = 1_000;
      red.logs.length = 0;
      const present = (): string | undefined =>
        red.logs.flatMap(({ msg }) => /the model is test (\d)/u.exec(String(msg))?.[1] ?? []).at(-1);
      const tenure = stateKept === "shared" ? assigned() : undefined;
      for (let hour = 0; hour < last; hour++) {
        deliver(hour, tenure);
        if (hour % 100 === 50) red.receive("node", { loadModel: hour % 200 === 50 ? other : models.one });
        // So that each model comes while records are under way, and answers some.
        if (hour % 100 === 49) await red.until("most are answered", () => laboratory.at("k").length > hour - 10);
        if (hour % 100 === 99)
          await red.until("the model is the other one", () => present() === (hour % 200 === 99 ? "3" : "1"));
      }
      await red.until("all are delivered", () => source.count("delivered") === last);
      assert.deepEqual([source.deadLetters.length, new Set(hours()).size], [0, last]);
      const versions = new Set<string>();
      let full = 0;
      for (const message of laboratory.at("k")) {
        const forecast = forecastOf(message);
        versions.add(forecast.version);
        if (!forecast.ready) continue;
        full++;
        const hour = forecast.at / HOUR;
        const [second, name] = forecast.version === "3" ? [2, "c"] : [1, "b"];
        const window = [hour - 3, hour - 2, hour - 1, hour].map((h) => [Math.sin(h), second]);
        assertForecast(forecast, window, Number(forecast.version), name);
      }
      assert.deepEqual([...versions].sort(), ["1", "3"]);
      assert.ok(full > last / 2, `${full} forecasts`);
    });

  it("go along with their partition", async () => {
    const red = await runtimeWithTestNodes();
    const settings = { stateKept: "shared", checkpointEvery: 0.02 };
    await red.deploy(tracked(settings));
    const source = laboratory.source("s");
    await red.until("the source runs", () => source.running);
    const before = { ...assigned(), over: false };
    for (let hour = 0; hour < 3; hour++) deliver(hour, before);
    await red.until("all are delivered", () => source.count("delivered") === 3);
    before.over = true;
    deliver(3, before);
    await red.until("what came too late is given back", () => source.count("abandoned") === 1);
    deliver(3, assigned());
    await red.until("it is told", () => hours().length === 4);
    const [last] = laboratory.at("k").slice(-1);
    assert.equal(forecastOf(last as Message).ready, true, "the first three are in its window");
  });

  it("are apart for each set of features on disk, and are there again with a model of the first", async () => {
    const red = await nodeRed();
    const settings = { stateFolder: folder };
    await red.deploy(predictorFlow(models.one, settings));
    for (let hour = 0; hour < 4; hour++) red.receive("node", record("k", hour, 1, 2));
    await red.arrived("out", 1);
    red.receive("node", { loadModel: other });
    await red.until("there are two", () => readdirSync(path.join(folder, "node")).length === 2);
    await restored(red);
    const { payload: _payload, ...rest } = record("k", 4, 1, 2);
    red.receive("node", { ...rest, payload: { a: 1, c: 2 } });
    const none = await red.arrived("none", 4);
    assert.deepEqual([missing(none[3]).reason, missing(none[3]).have], ["window", 1]);
    red.logs.length = 0;
    red.receive("node", { loadModel: models.two });
    await red.until("it is there", () => red.logs.some(({ msg }) => /the model is test 2/.test(String(msg))));
    red.receive("node", record("k", 4, 1, 2));
    const [, forecast] = (await red.arrived("out", 2)).map(ready);
    assertForecast(forecast as ForecastReady, constant(1, 2), 2);
  });

  it("go on after a deploy in memory, not after the node was removed, and never by the context store of earlier flows", async () => {
    const red = await nodeRed();
    const flow = predictorFlow(models.one, { stateKept: "memory", store: "redis" });
    await red.deploy(flow);
    for (let hour = 0; hour < 3; hour++) red.receive("node", record("k", hour, 1, 2));
    await red.arrived("none", 3);
    await red.deploy(flow);
    red.receive("node", record("k", 3, 1, 2));
    assertForecast(ready((await red.arrived("out", 1))[0]), constant(1, 2));
    await red.deploy([]);
    await red.deploy(flow);
    red.receive("node", record("k", 4, 1, 2));
    const [none] = await red.arrived("none", 1);
    assert.equal(missing(none).have, 1);
    assert.deepEqual(readdirSync(folder), []);
  });
});
