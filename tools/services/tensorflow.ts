/** TensorFlow's own SavedModels behind TensorFlow Serving's REST paths; Serving itself is in no registry of packages. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ServiceDefinition } from "./definition";
import { PYTHON_FOLDER } from "./mlserver";
import { pythonWith } from "./python";

const version = "2.21.0";
/** Counts up when the packages change. */
const edition = 1;

export interface TensorflowOptions {
  /** By name: folders with a model.json by version, and versions by label. */
  readonly models?: Readonly<
    Record<
      string,
      { readonly versions: Readonly<Record<string, string>>; readonly labels?: Readonly<Record<string, string>> }
    >
  >;
}

export interface TensorflowAddress {
  /** `http://127.0.0.1:port` */
  readonly url: string;
}

const install = (): Promise<string> =>
  pythonWith({
    name: `tensorflow-${version}-${edition}`,
    title: "TensorFlow",
    packages: [`tensorflow-cpu==${version}`],
    programs: ["python3.11", "python3.12", "python3.13", "python3.10", "python3"],
    fits: "(3, 10) <= sys.version_info < (3, 14)",
    versions: "3.10 to 3.13",
  });

export const tensorflow: ServiceDefinition<TensorflowOptions, TensorflowAddress> = {
  name: "tensorflow",
  about: `TensorFlow ${version} behind the REST paths of TensorFlow Serving, by pip; needs Python 3.10 to 3.13, 1.6 GB`,
  install: async () => void (await install()),
  async prepare(place, options) {
    const python = await install();
    const port = await place.port("http");
    const folder = join(place.directory, "saved-models");
    mkdirSync(folder, { recursive: true });
    const models = Object.fromEntries(
      Object.entries(options.models ?? {}).map(([name, { versions, labels }]) => {
        const folders = Object.entries(versions).map(([number, source]) => [number, resolve(source)]);
        return [name, { versions: Object.fromEntries(folders) as object, labels: labels ?? {} }];
      }),
    );
    const config = join(place.directory, "config.json");
    writeFileSync(config, JSON.stringify({ port, folder, models }));
    return {
      address: { url: `http://127.0.0.1:${port}` },
      processes: [
        {
          name: "tensorflow",
          program: python,
          args: [join(PYTHON_FOLDER, "tensorflow_rest.py"), config],
          env: { CUDA_VISIBLE_DEVICES: "", PYTHONDONTWRITEBYTECODE: "1", TF_ENABLE_ONEDNN_OPTS: "0" },
          directory: place.directory,
          log: join(place.directory, "tensorflow.log"),
          ready: /^serving$/mu,
        },
      ],
    };
  },
};
