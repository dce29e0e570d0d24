/** Model servers as engines: MLServer, and TensorFlow behind the paths of TensorFlow Serving. */
import assert from "node:assert/strict";
import { openBuiltIn } from "../../../../nodes/lib/forecast/engines/built-in";
import type { ForecastEngine } from "../../../../nodes/lib/forecast/engines/port";
import { openRemote } from "../../../../nodes/lib/forecast/engines/remote";
import { readSource, type ModelSource } from "../../../../nodes/lib/forecast/model-source";
import type { ModelServer } from "../../../../nodes/lib/forecast/server/server";
import type { Service } from "../../../../tools/services";
import { difference, SHIPPED, someWindows } from "../parity";
import { openGateway } from "./gateway";
import {
  errorsOf,
  mlserverWith,
  quiet,
  servedModels,
  serverOf,
  tensorflowWith,
  type Changes,
  type ServedModels,
} from "./servers";

describe("model servers", function () {
  this.timeout(120_000);
  let models: ServedModels;
  let mlserver: Service<"mlserver">;
  let tensorflow: Service<"tensorflow">;
  const opened: (() => unknown)[] = [];
  before(async function () {
    models = await servedModels();
    [mlserver, tensorflow] = [await mlserverWith(this, models), await tensorflowWith(this, models)];
  });
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  /** Closed after the test. */
  const kept = <T extends { close(): unknown }>(one: T): T => {
    opened.push(() => one.close());
    return one;
  };
  type Kind = "kserve" | "rows" | "columns";
  const serverFor = (kind: Kind, changes: Changes = {}): ModelServer =>
    kept(
      kind === "kserve"
        ? serverOf("kserve", mlserver.url, changes)
        : serverOf("tensorflow-serving", tensorflow.url, { ...changes, model: { format: kind, ...changes.model } }),
    );
  const engineOf = (kind: Kind, source: ModelSource, changes: Changes = {}): ForecastEngine =>
    kept(openRemote(serverFor(kind, changes), source.size, undefined, quiet));

  for (const kind of ["kserve", "rows", "columns"] as const) {
    it(`${kind}: the model that comes with the pack answers as the built-in engine, to 1e-5, one window and 300`, async () => {
      const source = readSource(SHIPPED);
      const builtIn = kept(openBuiltIn(source.network()));
      const engine = engineOf(kind, source, { model: { name: "air" } });
      await engine.opened;
      for (const count of [1, 300]) {
        const windows = someWindows(count, source.size.steps * source.size.inputs);
        const [{ values: wanted }, { values, origins }] = await Promise.all([
          builtIn.predict(windows, count),
          engine.predict(windows, count),
        ]);
        for (const one of origins) if (one instanceof Error) throw one;
        const worst = difference(values, wanted);
        assert.ok(worst <= 1e-5, `largest difference ${worst}`);
      }
      const { origins } = await engine.predict(someWindows(1, source.size.steps * source.size.inputs), 1);
      assert.deepEqual(origins, [
        kind === "kserve" ? { engine: "kserve", serverVersion: "v1" } : { engine: "tensorflow-serving" },
      ]);
    });
  }

  it("answer by the version or the label that is asked for", async () => {
    const windows = someWindows(3, 8);
    const answers = async (engine: ForecastEngine): Promise<number[]> => [...(await engine.predict(windows, 3)).values];
    const one = readSource(models.one);
    const [first, second] = await Promise.all(
      [models.one, models.two].map((file) => answers(kept(openBuiltIn(readSource(file).network())))),
    );
    assert.notDeepEqual(first, second);
    const cases: [Kind, Changes, number[] | undefined][] = [
      ["kserve", { model: { version: "1" } }, first],
      ["kserve", { model: { version: "2" } }, second],
      ["rows", {}, second],
      ["rows", { model: { version: "1" } }, first],
      ["columns", { model: { label: "stable" } }, first],
      ["rows", { model: { label: "canary" } }, second],
    ];
    for (const [kind, changes, wanted] of cases) {
      const found = await answers(engineOf(kind, one, changes));
      assert.ok(difference(found, wanted ?? []) <= 1e-5, `${kind} ${JSON.stringify(changes)}`);
    }
    const { origins } = await engineOf("rows", one, { model: { version: "1" } }).predict(windows, 3);
    assert.deepEqual(origins[2], { engine: "tensorflow-serving", serverVersion: "1" });
  });

  it("are not asked with a model that reads something else: both shapes are named", async () => {
    for (const kind of ["kserve", "rows"] as const) {
      const engine = engineOf(kind, readSource(models.one), { model: { name: "wide" } });
      const said =
        /The model "wide" of http:\S+ reads "window" of shape \[any, 4, 3\], but the model file describes \[any, 4, 2\]/;
      await assert.rejects(engine.opened, said);
      const [error] = await errorsOf(engine);
      assert.match(error ?? "", /^ConfigError: /);
      assert.match(error ?? "", said);
    }
  });

  it("say which tensors and signatures there are when another one is asked for", async () => {
    const one = readSource(models.one);
    const cases: [Kind, Changes, RegExp][] = [
      ["kserve", { tensors: { input: "x", output: "" } }, /ConfigError: .* has no input "x"; it has window\./],
      [
        "columns",
        { tensors: { input: "window", output: "y" } },
        /ConfigError: .* has no output "y"; it has forecast\./,
      ],
      ["rows", { model: { signature: "score" } }, /ConfigError: Signature: .* has no "score"; it has serving_default/],
      ["rows", { model: { label: "old" } }, /ConfigError: .*answered 400 to GET .*Unrecognized servable version label/],
      [
        "rows",
        { model: { version: "7" } },
        /Retriable: .*404 .*Specific\(test, 7\).*check Protocol, Model and Version/,
      ],
      ["kserve", { model: { name: "gone" } }, /Retriable: .*404 to GET \/v2\/models\/gone.*check Protocol, Model/],
    ];
    for (const [kind, changes, said] of cases) {
      const [error] = await errorsOf(engineOf(kind, one, { retries: 0, ...changes }));
      assert.match(error ?? "", said);
    }
    const named = engineOf("rows", one, { tensors: { input: "window", output: "forecast" } });
    assert.deepEqual(await errorsOf(named), ["tensorflow-serving"]);
  });

  it("are told apart from one another and from what is no model server", async () => {
    const one = readSource(models.one);
    const swapped = kept(serverOf("kserve", tensorflow.url, { retries: 0 }));
    assert.match(
      (await errorsOf(kept(openRemote(swapped, one.size, undefined, quiet))))[0] ?? "",
      /404.*check Protocol/,
    );
    const page = await openGateway(mlserver.url, (_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>hello</html>");
      return true;
    });
    opened.push(() => page.close());
    const other = kept(serverOf("kserve", page.url));
    const [error] = await errorsOf(kept(openRemote(other, one.size, undefined, quiet)));
    assert.match(error ?? "", /ConfigError: Address: what answers at .* is no such model server .*text\/html/);
  });

  it("get the header with the secret, over TLS as well", async () => {
    const one = readSource(models.one);
    const gateway = await openGateway(
      mlserver.url,
      ({ headers }, response) => {
        if (headers["x-key"] === "sesame") return false;
        response.writeHead(401, { "content-type": "application/json" }).end('{"error":"who are you?"}');
        return true;
      },
      true,
    );
    opened.push(() => gateway.close());
    const tls = { ca: gateway.ca };
    const engine = (secret: string, changes: Changes = {}): ForecastEngine =>
      kept(
        openRemote(
          kept(serverOf("kserve", gateway.url, { tls, header: { name: "X-Key", secret }, retries: 0, ...changes })),
          one.size,
          undefined,
          quiet,
        ),
      );
    assert.deepEqual(await errorsOf(engine("sesame")), ["kserve"]);
    assert.match((await errorsOf(engine("other")))[0] ?? "", /401 .*: who are you\?; check Header and Secret/);
    assert.match((await errorsOf(engine("sesame", { tls: undefined })))[0] ?? "", /certificate/);
  });
});
