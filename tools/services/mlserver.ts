/** MLServer, a model server that speaks KServe V2, with ONNX files computed by onnxruntime. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ServiceDefinition } from "./definition";
import { pythonWith } from "./python";

const version = "1.7.1";
/** Counts up when the packages change. */
const edition = 1;

export interface MlserverOptions {
  /** One folder each, in order; the same name may have several versions, of which MLServer's default is the first to be loaded. */
  readonly models?: readonly { readonly name: string; readonly version?: string; readonly onnx: string }[];
}

export interface MlserverAddress {
  /** `http://127.0.0.1:port` */
  readonly url: string;
}

const install = (): Promise<string> =>
  pythonWith({
    name: `mlserver-${version}-${edition}`,
    title: "MLServer",
    packages: [`mlserver==${version}`, "onnxruntime==1.30.0"],
    programs: ["python3.11", "python3.12", "python3.10", "python3"],
    fits: "(3, 10) <= sys.version_info < (3, 13)",
    versions: "3.10 to 3.12",
  });

/** Where its runtime lies in the sources. */
export const PYTHON_FOLDER = resolve(__dirname, "../../../tools/services/python");

export const mlserver: ServiceDefinition<MlserverOptions, MlserverAddress> = {
  name: "mlserver",
  about: `MLServer ${version}, a model server (KServe V2), by pip; needs Python 3.10 to 3.12, 0.4 GB`,
  install: async () => void (await install()),
  async prepare(place, options) {
    const python = await install();
    const port = await place.port("http");
    const url = `http://127.0.0.1:${port}`;
    const folder = join(place.directory, "models");
    mkdirSync(folder, { recursive: true });
    const write = (file: string, settings: object): void => writeFileSync(file, JSON.stringify(settings));
    write(join(folder, "settings.json"), {
      host: "127.0.0.1",
      http_port: port,
      grpc_port: await place.port("grpc"),
      metrics_endpoint: null,
      parallel_workers: 0,
      debug: false,
      use_structured_logging: false,
    });
    for (const [i, { name, version: number, onnx }] of (options.models ?? []).entries()) {
      const at = join(folder, `${i}-${name}`);
      mkdirSync(at, { recursive: true });
      write(join(at, "model-settings.json"), {
        name,
        implementation: "citystream_mlserver.OnnxModel",
        parameters: { uri: resolve(onnx), ...(number !== undefined && { version: number }) },
      });
    }
    return {
      address: { url },
      processes: [
        {
          name: "mlserver",
          program: python,
          args: ["-c", "from mlserver.cli import main; main()", "start", folder],
          env: { PYTHONPATH: PYTHON_FOLDER, PYTHONDONTWRITEBYTECODE: "1", OMP_NUM_THREADS: "1" },
          directory: place.directory,
          log: join(place.directory, "mlserver.log"),
          ready: async () => (await fetch(`${url}/v2/health/ready`)).status === 200,
        },
      ],
    };
  },
};
