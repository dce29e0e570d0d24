import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readModel, writeModel, type Model } from "../../../nodes/lib/forecast/model-file";
import { initialWeights } from "../../../nodes/lib/forecast/random";
import { branched, stacked } from "./architectures";
import { metadataOf, testModel } from "./models";

type Json = { [name: string]: Json } & Json[];

describe("model file", () => {
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "citystream-model-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Writes the test model, changes its JSON, and gives the path. */
  async function changed(change: (json: Json) => void, model: Model = testModel()): Promise<string> {
    await writeModel(folder, model);
    const file = join(folder, "model.json");
    const json = JSON.parse(readFileSync(file, "utf8")) as Json;
    change(json);
    writeFileSync(file, JSON.stringify(json));
    return file;
  }

  for (const [name, architecture] of [
    ["stacked layers", stacked(5, 3, 11, 6, 0.2)],
    ["branches", branched(5, 3, 6, 4)],
  ] as const) {
    it(`comes back as it was written: ${name}`, async () => {
      const weights = initialWeights(architecture, 4);
      const count = architecture === undefined ? 0 : name === "branches" ? 4 : 3;
      const base = metadataOf(["a", "b", "c"], 5);
      const outputs = Array.from({ length: count }, () => base.outputs[0] as (typeof base.outputs)[0]);
      await writeModel(folder, { architecture, weights, metadata: { ...base, outputs } });
      const model = readModel(folder);
      assert.deepEqual(model.architecture, architecture);
      assert.deepEqual(model.metadata, { ...base, outputs });
      assert.deepEqual(model.weights, weights);
    });
  }

  it("reads weights that are split over several files", async () => {
    const path = await changed((json) => {
      const bytes = readFileSync(join(folder, "weights.bin"));
      writeFileSync(join(folder, "a.bin"), bytes.subarray(0, 101));
      writeFileSync(join(folder, "b.bin"), bytes.subarray(101));
      (json["weightsManifest"]?.[0] as Json)["paths"] = ["a.bin", "b.bin"] as unknown as Json;
    });
    assert.deepEqual(readModel(path).weights, testModel().weights);
  });

  const refused: [string, (json: Json) => void, RegExp][] = [
    ["a graph model", (json) => Object.assign(json, { format: "graph-model" }), /is a TensorFlow\.js graph model/],
    ["no topology", (json) => Object.assign(json, { modelTopology: null }), /modelTopology is missing/],
    [
      "metadata missing",
      (json) => Object.assign(json, { userDefinedMetadata: {} }),
      /has no userDefinedMetadata\.citystream.*models\/README\.md/,
    ],
    [
      "a layer it does not have",
      (json) => Object.assign(layer(json, 1), { class_name: "GRU" }),
      /layer "lstm" is of class GRU, which the built-in engine does not have/,
    ],
    [
      "another activation",
      (json) => Object.assign(layer(json, 1)["config"] as Json, { recurrent_activation: "hard_sigmoid" }),
      /LSTM layer "lstm" has recurrent_activation "hard_sigmoid"; the built-in engine computes sigmoid/,
    ],
    [
      "a layer that reads what is not there",
      (json) => Object.assign(layer(json, 2), { inbound_nodes: [[["gone", 0, 0, {}]]] }),
      /layer "out" reads a layer that is not in the model/,
    ],
    [
      "weights that do not fit",
      (json) => Object.assign(layer(json, 1)["config"] as Json, { units: 6 }),
      /Weights "lstm\/kernel" have shape \[2, 20\], but the layer needs \[2, 24\]/,
    ],
    [
      "other steps in the metadata",
      (json) => Object.assign(ours(json), { steps: 9 }),
      /the network reads 4 steps of 2 inputs, its metadata describe 9 of 2/,
    ],
    [
      "too few outputs in the metadata",
      (json) => Object.assign(ours(json), { outputs: [(ours(json)["outputs"] as Json)[0]] }),
      /the network answers with 2 numbers, its metadata describe 1 outputs/,
    ],
    [
      "an input of an unknown feature",
      (json) => Object.assign((ours(json)["inputs"] as Json)[0] as Json, { of: ["z"] }),
      /inputs\[0\]\.of must name 1 of the features/,
    ],
    [
      "an unknown kind of input",
      (json) => Object.assign((ours(json)["inputs"] as Json)[0] as Json, { as: "cube" }),
      /inputs\[0\]\.as is "cube", which this version does not know/,
    ],
    [
      "a scale of 0",
      (json) => Object.assign((ours(json)["inputs"] as Json)[1] as Json, { scale: 0 }),
      /inputs\[1\]\.scale must not be 0/,
    ],
    [
      "weights outside of its folder",
      (json) => Object.assign(json["weightsManifest"]?.[0] as Json, { paths: ["../weights.bin"] }),
      /weight file "\.\.\/weights\.bin" must lie beside the model\.json/,
    ],
    [
      "quantised weights",
      (json) =>
        Object.assign(((json["weightsManifest"]?.[0] as Json)["weights"] as Json)[0] as Json, { dtype: "uint8" }),
      /weights "lstm\/kernel" are not float32/,
    ],
  ];
  for (const [what, change, message] of refused) {
    it(`is refused, with the reason: ${what}`, async () => {
      const path = await changed(change);
      assert.throws(
        () => readModel(path),
        (error: Error) => {
          assert.equal(error.name, "ConfigError");
          assert.match(error.message, message);
          assert.ok(error.message.includes(path), "it names the file");
          return true;
        },
      );
    });
  }

  it("is refused when its weights are cut off, too many, not finite or not there", async () => {
    await writeModel(folder, testModel());
    const file = join(folder, "weights.bin");
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, 200));
    assert.throws(() => readModel(folder), /hold 200 bytes, too few for "lstm\/recurrent_kernel"/);
    writeFileSync(file, Buffer.concat([bytes, bytes]));
    assert.throws(() => readModel(folder), /where \d+ are described/);
    writeFileSync(file, Buffer.alloc(bytes.length, 0xff));
    assert.throws(() => readModel(folder), /Weights "lstm\/kernel" hold values that are not finite/);
    rmSync(file);
    assert.throws(() => readModel(folder), /Weight file weights\.bin cannot be read: ENOENT/);
  });
});

const layer = (json: Json, index: number): Json =>
  ((json["modelTopology"]?.["config"] as Json)["layers"] as Json)[index] as Json;
const ours = (json: Json): Json => json["userDefinedMetadata"]?.["citystream"] as Json;
