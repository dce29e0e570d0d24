/** The predictor by engines that are installed beside the pack. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { writeModel } from "../../nodes/lib/forecast/model-file";
import type { ForecastReady } from "../../nodes/lib/forecast/forecast";
import { readSource } from "../../nodes/lib/forecast/model-source";
import { engines } from "../../tools/services/engines";
import { fetchedFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, nodeRed } from "../harness";
import { metadataOf, testModel } from "../lib/forecast/models";
import { assertForecast, constant, HOUR, modelFiles, predictorFlow, ready, records } from "./predictor";
import { errorOf } from "./read";
import { assertRefused } from "./refused";

let record = records();
const PACKAGES = ["@tensorflow", "onnxruntime-node"];

describe("lstm-predictor, installed engines", function () {
  this.timeout(60_000);
  const models = modelFiles();
  const flow = (settings: Record<string, unknown> = {}) => predictorFlow(models.one, settings);

  beforeEach(() => (record = records()));

  // A package that was looked for and missed stays missed in this process: what is said then is in test/lib/forecast/engines.
  it("that there are none of are named at deploy, and no message is lost", async () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ engine: "tensorflow" }, /Engine: "tensorflow" is not one of built-in, tfjs, onnxruntime, server/],
      [{ engine: "server" }, /Model server: is not chosen/],
    ];
    await assertRefused(flow, cases, () => record("k", 0, 1, 1));
  });

  describe("in the user directory", () => {
    before(async function () {
      const from = path.join(await fetchedFor(this, engines), "node_modules");
      const to = path.join((await nodeRed()).userDir, "node_modules");
      mkdirSync(to, { recursive: true });
      for (const name of PACKAGES) symlinkSync(path.join(from, name), path.join(to, name), "junction");
    });
    for (const engine of ["tfjs", "onnxruntime"] as const) {
      it(`${engine}: forecasts as the reference computation does, and says by which engine`, async () => {
        const red = await nodeRed();
        await red.deploy(flow({ engine }));
        for (let hour = 0; hour < 8; hour++) red.receive("node", record("k", hour, Math.sin(hour), 1));
        const forecasts = (await red.arrived("out", 5)).map(ready);
        for (const [i, forecast] of forecasts.entries()) {
          assert.equal(forecast.engine, engine);
          assert.equal(forecast.fallback, undefined);
          assertForecast(
            forecast,
            [i, i + 1, i + 2, i + 3].map((hour) => [Math.sin(hour), 1]),
          );
        }
      });

      it(`${engine}: under load loses no record when models are swapped, and each answer is one model's own`, async () => {
        const make = records();
        laboratory.reset();
        const red = await runtimeWithTestNodes();
        await red.deploy(
          flowOf(
            { id: "s", type: "test-source", wires: [["node"]] },
            {
              id: "node",
              type: "citystream-lstm-predictor",
              key: "key",
              model: models.one,
              engine,
              wires: [["k"], ["k2"]],
            },
            { id: "k", type: "test-sink" },
            { id: "k2", type: "test-sink" },
          ),
        );
        const source = laboratory.source("s");
        red.logs.length = 0;
        const last = 600;
        const loads = [100, 300, 500];
        for (let hour = 0; hour < last; hour++) {
          source.deliver(hour, (one) => [make("k", one, Math.sin(one), 1)]);
          const at = loads.indexOf(hour);
          if (at >= 0) red.receive("node", { loadModel: at % 2 === 0 ? models.two : models.one });
          if (at >= 0)
            await red.until(
              "the model is there",
              () => red.logs.filter(({ msg }) => /the model is test/.test(String(msg))).length === at + 1,
              20_000,
            );
        }
        await red.until("all are delivered", () => source.count("delivered") === last, 30_000);
        const elements = laboratory
          .at("k")
          .flatMap((message) => message.payload as { timestamp: number; forecast: ForecastReady }[]);
        assert.deepEqual(
          elements.map(({ timestamp }) => timestamp / HOUR),
          Array.from({ length: last - 3 }, (_, i) => i + 3),
        );
        for (const { timestamp, forecast } of elements) {
          const hour = timestamp / HOUR;
          const window = [hour - 3, hour - 2, hour - 1, hour].map((h) => [Math.sin(h), 1]);
          assertForecast(forecast, window, Number(forecast.version));
        }
        assert.deepEqual([...new Set(elements.map(({ forecast }) => forecast.version))].sort(), ["1", "2"]);
        laboratory.reset();
      });
    }

    it("ONNX Runtime takes the .onnx file that citystream-onnx writes", async () => {
      const file = path.join(models.folder, "two.onnx");
      writeFileSync(file, readSource(models.two).onnx());
      const red = await nodeRed();
      await red.deploy(flow({ engine: "onnxruntime", model: file }));
      for (let hour = 0; hour < 4; hour++) red.receive("node", record("k", hour, 1, 2));
      const forecast = ready((await red.arrived("out", 1))[0]);
      assert.deepEqual([forecast.engine, forecast.version], ["onnxruntime", "2"]);
      assertForecast(forecast, constant(1, 2), 2);
    });

    it("a model that the engine can't open is told by status and log, fails messages, and is not swapped in", async () => {
      const misfit = path.join(models.folder, "misfit.onnx");
      const { architecture, weights } = testModel(1);
      await writeModel(path.join(models.folder, "misfit"), {
        architecture,
        weights,
        metadata: metadataOf(["a", "b"], 4),
      });
      const bytes = Buffer.from(readSource(path.join(models.folder, "misfit")).onnx());
      writeFileSync(misfit, Buffer.from(bytes.toString("latin1").replace('"\u0004LSTM', '"\u0004LSTX'), "latin1"));
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow({ engine: "onnxruntime", model: misfit }));
      await red.until("a red status", () => red.status("node")?.text === "check engine");
      assert.ok(red.logs.some(({ msg }) => /misfit\.onnx: onnxruntime can't open it/.test(String(msg))));
      for (let hour = 0; hour < 4; hour++) red.receive("node", record("k", hour, 1, 2));
      const [error] = (await red.arrived("caught", 1)).map(errorOf);
      assert.match(error ?? "", /onnxruntime can't open it/);
      assert.equal(red.collected("none").length, 3, "the window was filling until then");

      await red.deploy(flow({ engine: "onnxruntime" }));
      red.receive("node", { loadModel: misfit });
      assert.match(
        errorOf((await red.arrived("caught", 1))[0]),
        /the new model is not taken, the one before goes on: .*onnxruntime can't open it/,
      );
      red.receive("node", record("k", 4, 1, 2));
      assertForecast(ready((await red.arrived("out", 1))[0]), constant(1, 2), 1);
    });
  });
});
