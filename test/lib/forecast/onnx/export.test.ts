import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { readModel, readNetwork } from "../../../../nodes/lib/forecast/model-file";
import { main } from "../../../../nodes/lib/forecast/onnx/cli";
import { onnxModel } from "../../../../nodes/lib/forecast/onnx/export";
import { onnxMetadata } from "../../../../nodes/lib/forecast/onnx/metadata";
import { openRunner } from "../../../../nodes/lib/forecast/runner";
import { difference, FIXTURES, fixtures, kerasAnswers, SHIPPED, someWindows } from "../parity";
import { testModel } from "../models";
import { onnxruntimeFor, type Judge } from "./onnxruntime";

describe("ONNX export", () => {
  let judge: Judge;
  before(async function () {
    judge = await onnxruntimeFor(this);
  });

  for (const name of fixtures()) {
    it(`${name}: onnxruntime answers what Keras does, to 1e-5`, async () => {
      const { windows, answers } = kerasAnswers(name);
      const { architecture, weights } = readNetwork(path.join(FIXTURES, name));
      const { steps, inputs } = architecture.input;
      const found = await judge(onnxModel(architecture, weights), Float32Array.from(windows.flat(2)), [
        windows.length,
        steps,
        inputs,
      ]);
      const worst = difference(found, answers.flat());
      assert.ok(worst <= 1e-5, `largest difference ${worst}`);
    });
  }

  it("the model that comes with the pack: onnxruntime answers what the built-in engine does, for 1 and 100 windows", async () => {
    const { architecture, weights, metadata } = readModel(SHIPPED);
    const { steps, inputs } = architecture.input;
    const runner = openRunner(architecture, weights);
    const model = onnxModel(architecture, weights, metadata);
    for (const count of [1, 100]) {
      const windows = someWindows(count, steps * inputs);
      const worst = difference(await judge(model, windows, [count, steps, inputs]), runner.run(windows, count));
      assert.ok(worst <= 1e-5, `largest difference of ${count}: ${worst}`);
    }
  });
});

describe("the command citystream-onnx", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-onnx-"));
    cpSync(SHIPPED, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const code = await main(args, { out, err });
    const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? "";
    return { code, out: text(out), err: text(err) };
  }

  it("writes the model beside its model.json, with what its inputs are made of, and says what it reads", async () => {
    const { code, out, err } = await command(folder);
    assert.deepEqual([code, err], [0, ""]);
    const file = path.join(folder, "model.onnx");
    const { metadata, architecture, weights } = readModel(SHIPPED);
    assert.match(out, /model\.onnx: beijing-air .*, window \[batch, 24, 16\] to forecast \[batch, 6\]/);
    const bytes = readFileSync(file);
    assert.deepEqual(bytes, onnxModel(architecture, weights, metadata));
    assert.deepEqual(onnxMetadata(bytes, file), metadata);
  });

  it("runs as a command, and writes where it is told to", () => {
    const cli = path.resolve(__dirname, "../../../../nodes/lib/forecast/onnx/cli.js");
    const file = path.join(folder, "air.onnx");
    execFileSync(process.execPath, [cli, path.join(folder, "model.json"), "--output", file]);
    assert.ok(readFileSync(file).length > 10_000);
  });

  it("says what is wrong with the model or the options, with exit code 2", async () => {
    writeFileSync(path.join(folder, "model.json"), "{");
    const cases: [string[], RegExp][] = [
      [[], /citystream-onnx \[options\] model/],
      [[folder], /citystream-onnx: Model file .*model\.json is not JSON/],
      [[path.join(folder, "absent")], /absent cannot be read/],
      [[folder, "--into", "x"], /Unknown option '--into'/],
      [[SHIPPED, "-o", path.join(folder, "no", "where.onnx")], /ENOENT/],
    ];
    for (const [args, said] of cases) {
      const { code, err } = await command(...args);
      assert.equal(code, 2);
      assert.match(err, said);
    }
    assert.equal((await command("--help")).code, 0);
  });

  it("files of others are told apart: without metadata, and no ONNX at all", () => {
    const { architecture, weights } = testModel();
    assert.equal(onnxMetadata(onnxModel(architecture, weights), "file"), undefined);
    assert.throws(() => onnxMetadata(Buffer.from("{ no model }"), "file x"), /file x is no ONNX model: /);
    const cut = onnxModel(architecture, weights).subarray(0, 100);
    assert.throws(() => onnxMetadata(cut, "file x"), /file x is no ONNX model: a field of \d+ bytes ends behind/);
  });
});
