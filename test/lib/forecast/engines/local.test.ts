/** Engines inside this process: the same answers as the built-in one's, and what they say where they can't be had. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ConfigError } from "../../../../nodes/lib/errors";
import { openBuiltIn } from "../../../../nodes/lib/forecast/engines/built-in";
import { openEngine, type EngineSettings } from "../../../../nodes/lib/forecast/engines/open";
import { openOnnxruntime } from "../../../../nodes/lib/forecast/engines/onnxruntime";
import type { ForecastEngine } from "../../../../nodes/lib/forecast/engines/port";
import { openTfjs } from "../../../../nodes/lib/forecast/engines/tfjs";
import { modelFiles, readNetwork, writeModel } from "../../../../nodes/lib/forecast/model-file";
import { readSource } from "../../../../nodes/lib/forecast/model-source";
import { onnxModel } from "../../../../nodes/lib/forecast/onnx/export";
import { engines } from "../../../../tools/services/engines";
import { fetchedFor } from "../../../../tools/services/for-test";
import { metadataOf, testModel } from "../models";
import { difference, FIXTURES, fixtures, kerasAnswers, SHIPPED, someWindows } from "../parity";
import { quiet } from "./servers";

const choice = (engine: EngineSettings["engine"]): EngineSettings => ({ engine, server: undefined, fallback: false });

/** What it answers; fails when any window has an error. */
async function answersOf(engine: ForecastEngine, windows: Float32Array, count: number): Promise<Float32Array> {
  await engine.opened;
  const { values, origins } = await engine.predict(windows, count);
  for (const origin of origins) if (origin instanceof Error) throw origin;
  return values;
}

describe("engines beside the built-in one", function () {
  this.timeout(60_000);
  let userDir: string;
  before(async function () {
    userDir = await fetchedFor(this, engines);
  });

  for (const name of fixtures()) {
    it(`${name}: TensorFlow.js and ONNX Runtime answer what Keras does, to 1e-5`, async () => {
      const { windows, answers } = kerasAnswers(name);
      const { architecture, weights } = readNetwork(path.join(FIXTURES, name));
      const { steps, inputs } = architecture.input;
      const size = { steps, inputs, outputs: answers[0]?.length ?? 0 };
      const { json, weights: bytes } = modelFiles({ architecture, weights, metadata: metadataOf(["a"], steps) }, "w");
      const { modelTopology, weightsManifest } = JSON.parse(json) as Record<string, never> & {
        weightsManifest: { weights: unknown[] }[];
      };
      const artifacts = {
        modelTopology,
        weightSpecs: weightsManifest.flatMap((group) => group.weights),
        weightData: Uint8Array.from(bytes).buffer,
      };
      for (const engine of [
        openTfjs(artifacts, size, name, userDir),
        openOnnxruntime(onnxModel(architecture, weights), size, name, userDir),
      ]) {
        const found = await answersOf(engine, Float32Array.from(windows.flat(2)), windows.length);
        const worst = difference(found, answers.flat());
        assert.ok(worst <= 1e-5, `largest difference ${worst}`);
        await engine.close();
      }
    });
  }

  for (const engine of ["tfjs", "onnxruntime"] as const) {
    it(`${engine}: the model that comes with the pack answers as the built-in engine, 1,000 windows in one go, and says who did`, async () => {
      const source = readSource(SHIPPED);
      const { steps, inputs } = source.size;
      const windows = someWindows(1_000, steps * inputs);
      const builtIn = openBuiltIn(source.network());
      const wanted = await answersOf(builtIn, windows, 1_000);
      const other = openEngine(source, choice(engine), userDir, quiet);
      const worst = difference(await answersOf(other, windows, 1_000), wanted);
      assert.ok(worst <= 1e-5, `largest difference ${worst}`);
      const { origins } = await other.predict(windows.slice(0, steps * inputs), 1);
      assert.deepEqual(origins, [{ engine }]);
      await Promise.all([other.close(), builtIn.close()]);
    });

    it(`${engine}: what is asked for while it opens and just before it closes is answered, in order`, async () => {
      const source = readSource(SHIPPED);
      const { steps, inputs } = source.size;
      const windows = someWindows(40, steps * inputs);
      const opening = openEngine(source, choice(engine), userDir, quiet);
      const order: number[] = [];
      const asked = Array.from({ length: 40 }, async (_, i) => {
        const { origins } = await opening.predict(windows.slice(i * steps * inputs, (i + 1) * steps * inputs), 1);
        assert.deepEqual(origins, [{ engine }]);
        order.push(i);
      });
      await opening.close();
      await Promise.all(asked);
      assert.deepEqual(
        order,
        Array.from({ length: 40 }, (_, i) => i),
      );
    });
  }

  describe("with models of their own", () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-engines-"))));
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it("TensorFlow.js computes layers that the built-in engine does not have", async () => {
      const model = testModel(1);
      await writeModel(folder, model);
      const file = path.join(folder, "model.json");
      const json = JSON.parse(readFileSync(file, "utf8")) as {
        modelTopology: { config: { layers: { class_name: string; config: Record<string, unknown> }[] } };
      };
      // softplus(x) = log(1 + exp(x))
      const out = json.modelTopology.config.layers.at(-1);
      assert.ok(out);
      out.config["activation"] = "softplus";
      writeFileSync(file, JSON.stringify(json));
      const source = readSource(folder);
      assert.throws(() => source.network(), /dense layer "out" has activation "softplus"/);
      const windows = someWindows(3, 8);
      const engine = openEngine(source, choice("tfjs"), userDir, quiet);
      const found = await answersOf(engine, windows, 3);
      const plain = openBuiltIn(model);
      const linear = await answersOf(plain, windows, 3);
      const wanted = linear.map((value) => Math.log1p(Math.exp(value)));
      assert.ok(difference(found, wanted) <= 1e-5);
      await Promise.all([engine.close(), plain.close()]);
    });

    it("ONNX Runtime computes an .onnx file with the pack's metadata", async () => {
      const { architecture, weights, metadata } = testModel(2);
      const file = path.join(folder, "air.onnx");
      writeFileSync(file, onnxModel(architecture, weights, metadata));
      const source = readSource(file);
      assert.deepEqual(source.metadata, metadata);
      const engine = openEngine(source, choice("onnxruntime"), userDir, quiet);
      const plain = openBuiltIn({ architecture, weights });
      const windows = someWindows(5, 8);
      assert.ok(difference(await answersOf(engine, windows, 5), await answersOf(plain, windows, 5)) <= 1e-5);
      await Promise.all([engine.close(), plain.close()]);
      assert.throws(
        () => openEngine(source, choice("built-in"), userDir, quiet),
        /air\.onnx is an ONNX model, which only the engine onnxruntime computes/,
      );
    });

    it("a network that its metadata do not describe is refused with both shapes", async () => {
      const { architecture, weights } = testModel(2);
      const file = path.join(folder, "air.onnx");
      writeFileSync(file, onnxModel(architecture, weights, metadataOf(["a", "b", "c"], 4)));
      const engine = openEngine(readSource(file), choice("onnxruntime"), userDir, quiet);
      const said =
        /air\.onnx: the network reads "window" of shape \[any, 4, 2\], but the model file describes \[any, 4, 3\]/;
      await assert.rejects(engine.opened, (error: Error) => error instanceof ConfigError && said.test(error.message));
      const { origins } = await engine.predict(new Float32Array(12), 1);
      assert.match((origins[0] as Error).message, said);
      await engine.close();
    });

    it("a file that the library can't open is refused in its words", async () => {
      const { architecture, weights, metadata } = testModel(2);
      const bytes = onnxModel(architecture, weights, metadata);
      const file = path.join(folder, "broken.onnx");
      // LSTM becomes an operator that there is none of.
      writeFileSync(file, Buffer.from(bytes.toString("latin1").replace('"\u0004LSTM', '"\u0004LSTX'), "latin1"));
      const engine = openEngine(readSource(file), choice("onnxruntime"), userDir, quiet);
      await assert.rejects(engine.opened, /broken\.onnx: onnxruntime can't open it: .*LSTX/s);
      await engine.close();
      writeFileSync(file, onnxModel(architecture, weights));
      assert.throws(() => readSource(file), /broken\.onnx has no "citystream" in its metadata_props/);
      assert.throws(() => readSource(path.join(folder, "absent.onnx")), /absent\.onnx cannot be read: ENOENT/);
    });
  });
});

describe("engines that are not installed", () => {
  const source = readSource(SHIPPED);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-engines-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const installed = (name: string, version: string, code: string): void => {
    const at = path.join(folder, "node_modules", name);
    mkdirSync(at, { recursive: true });
    writeFileSync(path.join(at, "package.json"), JSON.stringify({ name, version, main: "index.js" }));
    writeFileSync(path.join(at, "index.js"), code);
  };
  const refusal = (engine: EngineSettings["engine"]): string => {
    try {
      openEngine(source, choice(engine), folder, quiet);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
    return "";
  };

  it("are asked for by the command that installs them, and where", () => {
    assert.equal(
      refusal("tfjs"),
      `Engine: @tensorflow/tfjs is not installed; run "npm install @tensorflow/tfjs@4" in ${folder} and restart Node-RED, or choose the built-in engine.`,
    );
    assert.match(refusal("onnxruntime"), /run "npm install --ignore-scripts onnxruntime-node@1" in /);
  });

  it("or are of a line that is not known to work", () => {
    installed("onnxruntime-node", "2.0.0", "");
    assert.match(refusal("onnxruntime"), /onnxruntime-node 2\.0\.0 is installed, and only 1\.x is known to work; run/);
  });

  it("or do not run on this machine", () => {
    installed("onnxruntime-node", "1.30.0", 'throw new Error("no build for this machine")');
    assert.match(
      refusal("onnxruntime"),
      /does not run on \w+ \w+ here \(no build for this machine\); choose the built-in/,
    );
  });

  it("a broken TensorFlow.js is told when it opens", async () => {
    installed("@tensorflow/tfjs", "4.22.0", 'throw new Error("torn")');
    const engine = openEngine(source, choice("tfjs"), folder, quiet);
    await assert.rejects(engine.opened, /beijing-air.model\.json: TensorFlow\.js can't open it: torn/);
    await engine.close();
  });
});
