/** The predictor by model servers that are killed, frozen and wrong. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Context } from "mocha";
import type { ForecastReady } from "../../nodes/lib/forecast/forecast";
import { readSource } from "../../nodes/lib/forecast/model-source";
import type { Service } from "../../tools/services";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "../delivery/nodes";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";
import { mlserverWith, servedModels, tensorflowWith, type ServedModels } from "../lib/forecast/engines/servers";
import { assertForecast, constant, HOUR, predictorFlow, ready, records } from "./predictor";
import { errorOf } from "./read";
import { assertRefused } from "./refused";

const KINDS = [
  ["MLServer", "kserve", mlserverWith],
  ["TensorFlow, rows", "rows", tensorflowWith],
  ["TensorFlow, columns", "columns", tensorflowWith],
] as const;
type Kind = (typeof KINDS)[number][1];

/** The configuration node. */
const serverNode = (kind: Kind, address: string, settings: object = {}): FlowNode => ({
  id: "server",
  type: "citystream-model-server",
  protocol: kind === "kserve" ? "kserve" : "tensorflow-serving",
  format: kind === "kserve" ? "rows" : kind,
  address,
  model: "test",
  version: "1",
  timeout: 5,
  retries: 1,
  breakerFailures: 3,
  breakerPause: 0.3,
  ...settings,
});

type Element = { timestamp: number; forecast: ForecastReady };

describe("lstm-predictor, model servers", function () {
  this.timeout(180_000);
  let models: ServedModels;
  let make = records();
  before(async () => {
    models = await servedModels();
  });
  beforeEach(() => {
    laboratory.reset();
    // As sources are set by default, but for the pauses.
    laboratory.options = { breaker: { failures: 10, pause: 200 } };
    make = records();
  });
  afterEach(async () => {
    await (await nodeRed()).deploy([]);
    laboratory.reset();
  });

  const tracked = (server: FlowNode, settings: object = {}): FlowNode[] => [
    server,
    ...flowOf(
      { id: "s", type: "test-source", wires: [["node"]] },
      {
        id: "node",
        type: "citystream-lstm-predictor",
        key: "key",
        model: models.one,
        engine: "server",
        server: "server",
        ...settings,
        wires: [["out"], ["none"]],
      },
      { id: "out", type: "test-sink" },
      { id: "none", type: "test-sink" },
    ),
  ];
  const good = (hour: number) => [make("k", hour, Math.sin(hour), 1)];
  const deliver = (source: SourceRecord, from: number, to: number): void => {
    for (let hour = from; hour < to; hour++) source.deliver(hour, good);
  };
  const forecasts = (): Element[] => laboratory.at("out").flatMap((message) => message.payload as Element[]);
  /** Each of the records came out once, with the forecast of its own window. */
  const assertAllOnce = (last: number): void => {
    const elements = forecasts();
    assert.deepEqual(
      elements.map(({ timestamp }) => timestamp / HOUR).sort((a, b) => a - b),
      Array.from({ length: last - 3 }, (_, i) => i + 3),
    );
    assert.equal(laboratory.at("none").length, 3);
    for (const { timestamp, forecast } of elements) {
      const hour = timestamp / HOUR;
      assertForecast(
        forecast,
        [hour - 3, hour - 2, hour - 1, hour].map((h) => [Math.sin(h), 1]),
      );
    }
  };
  const logged = (red: Harness, said: RegExp): number => red.logs.filter(({ msg }) => said.test(String(msg))).length;

  for (const [title, kind, start] of KINDS) {
    describe(title, () => {
      let server: Service<"mlserver"> | Service<"tensorflow">;
      const own = async (context: Context): Promise<void> => {
        server ??= await start(context, models, true);
        await server.start();
      };
      before(async function () {
        await own(this);
      });
      after(() => server?.kill9());

      it("killed in mid-load: the built-in engine answers instead, 1,000 records once each, marked", async function () {
        await own(this);
        const red = await runtimeWithTestNodes();
        red.logs.length = 0;
        await red.deploy(tracked(serverNode(kind, server.url)));
        const source = laboratory.source("s");
        deliver(source, 0, 400);
        await red.until("the server answers", () => forecasts().length > 50);
        deliver(source, 400, 700);
        await server.kill9();
        deliver(source, 700, 1_000);
        await red.until("all are delivered", () => source.count("delivered") === 1_000, 60_000);
        assert.equal(source.deadLetters.length, 0);
        assertAllOnce(1_000);
        const marked = forecasts().filter(({ forecast }) => forecast.fallback === true);
        assert.ok(marked.length >= 300 && marked.length < 997, `${marked.length} by fallback`);
        for (const { forecast } of marked) assert.equal(forecast.engine, "built-in");
        for (const { forecast } of forecasts().filter((one) => !one.forecast.fallback))
          assert.deepEqual(
            [forecast.engine, forecast.serverVersion],
            [kind === "kserve" ? "kserve" : "tensorflow-serving", "1"],
          );
        await red.until("its status says so", () => red.status("node")?.text === "server away");
        assert.equal(logged(red, /the model server does not answer: http:\S+ (refuses|closed)/), 1);
        await server.start();
        let hour = 1_000;
        await red.until("the server answers again", async () => {
          const before = source.outcomes.size;
          deliver(source, hour, ++hour);
          await red.until("the record is delivered", () => source.outcomes.size > before);
          return forecasts().at(-1)?.forecast.fallback === undefined;
        });
        assert.equal(logged(red, /the model server answers again/), 1);
        await red.until("a green status", () => red.status("node")?.fill === "green");
        assertAllOnce(hour);
      });

      it("killed in mid-load, without fallback: 500 records wait at their source, and come out once each", async function () {
        await own(this);
        const red = await runtimeWithTestNodes();
        await red.deploy(tracked(serverNode(kind, server.url), { fallback: false }));
        const source = laboratory.source("s");
        deliver(source, 0, 200);
        await red.until("the server answers", () => forecasts().length > 50);
        deliver(source, 200, 350);
        await server.kill9();
        deliver(source, 350, 500);
        await red.until("records are tried again", () => [...source.tries.values()].some((tries) => tries > 1), 60_000);
        const answered = forecasts().length;
        assert.ok(answered < 497, `${answered} were answered by a server that was killed`);
        await server.start();
        await red.until("all are delivered", () => source.count("delivered") === 500, 90_000);
        assert.equal(source.deadLetters.length, 0);
        assertAllOnce(500);
        assert.ok(forecasts().every(({ forecast }) => forecast.fallback === undefined));
      });
    });
  }

  describe("MLServer, frozen or wrong", () => {
    let server: Service<"mlserver">;
    before(async function () {
      server = await mlserverWith(this, models, true);
    });
    afterEach(() => server?.resume());
    after(() => server?.kill9());

    it("a node closed while the server owes it answers lets go, and the records come again", async () => {
      const red = await runtimeWithTestNodes();
      const frozen = serverNode("kserve", server.url, { timeout: 100, retries: 5 });
      await red.deploy(tracked(frozen, { fallback: false }));
      const source = laboratory.source("s");
      deliver(source, 0, 20);
      await red.until("the server answers", () => forecasts().length === 17);
      server.pause();
      deliver(source, 20, 40);
      await red.until("they are under way", () => laboratory.delivery?.report().tokens === 20);
      // The next model's engine has to ask the server as well.
      red.receive("node", { loadModel: models.two });
      const began = performance.now();
      await red.deploy(tracked(frozen, { fallback: false, keys: 5_000 }), "nodes");
      const took = performance.now() - began;
      assert.ok(took < 14_000, `the deploy took ${took} ms`);
      server.resume();
      await red.until("all are delivered", () => source.count("delivered") === 40, 60_000);
      assert.equal(source.deadLetters.length, 0);
      const hours = [...laboratory.at("out"), ...laboratory.at("none")].flatMap((message) =>
        (message.payload as Element[]).map(({ timestamp }) => timestamp / HOUR),
      );
      assert.deepEqual(
        hours.sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, i) => i),
      );
    });

    it("a model that reads something else: status, log, each message and a swap say so", async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      const flow = (settings: object, node: object = {}) => [
        serverNode("kserve", server.url, settings),
        ...predictorFlow(models.one, { engine: "server", server: "server", ...node }),
      ];
      const said = /The model "wide" of \S+ reads "window" of shape \[any, 4, 3\], but the model file describes/;
      await red.deploy(flow({ model: "wide", version: "" }));
      await red.until("a red status", () => red.status("node")?.text === "check engine");
      assert.equal(logged(red, said), 1);
      for (let hour = 0; hour < 4; hour++) red.receive("node", make("k", hour, 1, 2));
      assert.match(errorOf((await red.arrived("caught", 1))[0]), said);

      await red.deploy(flow({}));
      red.receive("node", { loadModel: models.wide });
      const [refused] = await red.arrived("caught", 1);
      assert.match(errorOf(refused), /the new model is not taken, the one before goes on: The model "test" of/);
      for (let hour = 10; hour < 14; hour++) red.receive("node", make("k", hour, 1, 2));
      const forecast = ready((await red.arrived("out", 1))[0]);
      assert.equal(forecast.engine, "kserve");
      assertForecast(forecast, constant(1, 2));
      await red.deploy(flow({}, { keys: 5_000 }), "nodes");
      red.receive("node", make("k", 14, 1, 2));
      const [, last] = (await red.arrived("out", 2)).map(ready);
      assert.equal(last?.at, 14 * HOUR, "readings are kept as before");
    });

    it("an .onnx file says what the server reads, but can't stand in for it", async () => {
      const file = path.join(models.folder, "test.onnx");
      writeFileSync(file, readSource(models.one).onnx());
      const flow = (settings: object) => [
        serverNode("kserve", server.url),
        ...predictorFlow(file, { engine: "server", server: "server", ...settings }),
      ];
      await assertRefused(flow, [[{}, /Fall back: the built-in engine can't compute this model, so untick it/]], () =>
        make("k", 0, 1, 1),
      );
      const red = await nodeRed();
      await red.deploy(flow({ fallback: false }));
      for (let hour = 0; hour < 4; hour++) red.receive("node", make("k", hour, 1, 2));
      const forecast = ready((await red.arrived("out", 1))[0]);
      assert.deepEqual([forecast.engine, forecast.serverVersion], ["kserve", "1"]);
      assertForecast(forecast, constant(1, 2));
    });
  });
});
