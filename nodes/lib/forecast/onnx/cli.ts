#!/usr/bin/env node
/** The command `citystream-onnx`: a forecast model as an ONNX file. */
import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../../errors";
import { readModel } from "../model-file";
import { INPUT, onnxModel, OUTPUT } from "./export";

const HELP = `citystream-onnx [options] model

Writes a forecast model, the model.json that lstm trainer made or its folder, as an ONNX file. It reads "${INPUT}", float32
[batch, steps, inputs], and answers with "${OUTPUT}", float32 [batch, outputs]. What the inputs are made of stands in the
file's metadata_props, under "citystream", from where lstm predictor takes it.

  --output <file>   where to (beside the model: model.onnx)
  --help

Exit code 2: wrong options, or a model that can't be read.
`;

/** Where a command writes. */
export interface Streams {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
}

/**
 * Runs the command.
 *
 * @returns its exit code
 */
export async function main(args: readonly string[], { out, err }: Streams): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { output: { type: "string", short: "o" }, help: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    const [model, ...others] = positionals;
    if (values.help || model === undefined || others.length > 0) {
      (values.help ? out : err).write(HELP);
      return values.help ? 0 : 2;
    }
    const { architecture, weights, metadata } = readModel(model);
    const folder = statSync(model).isDirectory() ? model : path.dirname(model);
    const file = values.output ?? path.join(folder, "model.onnx");
    const bytes = onnxModel(architecture, weights, metadata);
    await writeFile(file, bytes);
    const { steps, inputs } = architecture.input;
    out.write(
      `${file}: ${metadata.name} ${metadata.version}, ${INPUT} [batch, ${steps}, ${inputs}] to ${OUTPUT} [batch, ${metadata.outputs.length}], ${bytes.length} bytes\n`,
    );
    return 0;
  } catch (error) {
    err.write(`citystream-onnx: ${messageOf(error)}\n`);
    return 2;
  }
}

if (require.main === module) {
  void main(process.argv.slice(2), { out: process.stdout, err: process.stderr }).then((code) => {
    process.exitCode = code;
  });
}
