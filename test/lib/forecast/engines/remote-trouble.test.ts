/** Model servers that fail: what is tried again, what is given up, and who answers meanwhile. */
import assert from "node:assert/strict";
import { openBuiltIn } from "../../../../nodes/lib/forecast/engines/built-in";
import { openRemote } from "../../../../nodes/lib/forecast/engines/remote";
import { readSource } from "../../../../nodes/lib/forecast/model-source";
import type { Service } from "../../../../tools/services";
import { until } from "../../../harness/words";
import { difference, someWindows } from "../parity";
import { openGateway } from "./gateway";
import { errorsOf, mlserverWith, quiet, servedModels, serverOf, type ServedModels } from "./servers";

describe("model servers under load and in trouble", function () {
  this.timeout(120_000);
  let models: ServedModels;
  let mlserver: Service<"mlserver">;
  const opened: (() => unknown)[] = [];
  before(async function () {
    models = await servedModels();
    mlserver = await mlserverWith(this, models);
  });
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  /** Closed after the test. */
  const kept = <T extends { close(): unknown }>(one: T): T => {
    opened.push(() => one.close());
    return one;
  };

  it("are asked in batches over connections that are kept, and answer in order", async () => {
    const one = readSource(models.one);
    const batches: number[] = [];
    const ports = new Set<number | undefined>();
    const gateway = await openGateway(mlserver.url, (request, _response, body) => {
      ports.add(request.socket.remotePort);
      if (request.url?.endsWith("/infer")) {
        const { inputs } = JSON.parse(body.toString()) as { inputs: { shape: number[] }[] };
        batches.push(inputs[0]?.shape[0] ?? 0);
      }
      return false;
    });
    opened.push(() => gateway.close());
    const batch = { size: 10, delay: 5, parallel: 2 };
    const server = kept(serverOf("kserve", gateway.url, { batch, model: { version: "1" } }));
    const engine = kept(openRemote(server, one.size, undefined, quiet));
    const windows = someWindows(100, 8);
    const builtIn = kept(openBuiltIn(one.network()));
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const window = windows.slice(8 * i, 8 * i + 8);
        const [{ values }, { values: wanted }] = await Promise.all([
          engine.predict(window, 1),
          builtIn.predict(window, 1),
        ]);
        order.push(i);
        assert.ok(difference(values, wanted) <= 1e-5);
      }),
    );
    assert.deepEqual(
      order,
      Array.from({ length: 100 }, (_, i) => i),
    );
    assert.equal(batches.join(), "10,10,10,10,10,10,10,10,10,10");
    assert.ok(ports.size <= 2, `${ports.size} connections`);
  });

  it("are tried again after an answer that was none, and left alone after several", async () => {
    const one = readSource(models.one);
    let failing = 2;
    let asked = 0;
    const gateway = await openGateway(mlserver.url, ({ url }, response) => {
      if (!url?.endsWith("/infer")) return false;
      asked++;
      if (failing-- <= 0) return false;
      response.writeHead(503).end();
      return true;
    });
    opened.push(() => gateway.close());
    const told: string[] = [];
    const watch = { away: ({ message }: Error) => void told.push(message), back: () => void told.push("back") };
    const server = kept(serverOf("kserve", gateway.url, { retries: 2, breaker: { failures: 3, pause: 400 } }));
    const engine = kept(openRemote(server, one.size, undefined, watch));
    assert.deepEqual(await errorsOf(engine), ["kserve"]);
    assert.deepEqual([asked, told], [3, []]);
    failing = 1_000;
    assert.match((await errorsOf(engine))[0] ?? "", /Retriable: .*answered 503 to POST/);
    assert.equal(asked, 6);
    assert.match((await errorsOf(engine))[0] ?? "", /answered 503 .*\(tried again in 1 s\)/);
    assert.equal(asked, 6, "it was not asked");
    failing = 0;
    await until("it is asked again", async () => (await errorsOf(engine))[0] === "kserve");
    assert.equal(asked, 7);
    assert.equal(told.length, 2);
    assert.match(told[0] ?? "", /503/);
    assert.equal(told[1], "back");
  });

  it("that refuse a window are not asked for it again: it is rejected in their words", async () => {
    const one = readSource(models.one);
    let asked = 0;
    const gateway = await openGateway(mlserver.url, ({ url }, response) => {
      if (!url?.endsWith("/infer")) return false;
      asked++;
      response.writeHead(400, { "content-type": "application/json" }).end('{"error":"too cold"}');
      return true;
    });
    opened.push(() => gateway.close());
    const engine = kept(openRemote(kept(serverOf("kserve", gateway.url)), one.size, undefined, quiet));
    assert.match((await errorsOf(engine))[0] ?? "", /^Rejected: .* answered 400 to POST .*: too cold$/);
    assert.equal(asked, 1);
  });

  it("that are frozen are given up after the time-out, and the built-in engine answers, marked so", async () => {
    const source = readSource(models.one);
    const own = await mlserverWith(this.ctx as never, models, true);
    opened.push(() => own.kill9());
    const fallback = openBuiltIn(source.network(), { engine: "built-in", fallback: true });
    const server = kept(serverOf("kserve", own.url, { timeout: 300, retries: 0, model: { version: "1" } }));
    const engine = kept(openRemote(server, source.size, fallback, quiet));
    await engine.opened;
    const windows = someWindows(5, 8);
    const before = await engine.predict(windows, 5);
    assert.deepEqual(before.origins[0], { engine: "kserve", serverVersion: "1" });
    own.pause();
    const meanwhile = await engine.predict(windows, 5);
    assert.deepEqual(meanwhile.origins[4], { engine: "built-in", fallback: true });
    assert.ok(difference(meanwhile.values, before.values) <= 1e-5);
    own.resume();
    await until("the server answers again", async () => {
      const { origins } = await engine.predict(windows, 5);
      return !(origins[0] instanceof Error) && origins[0]?.engine === "kserve";
    });
  });

  it("that are frozen do not keep the node from closing", async () => {
    const source = readSource(models.one);
    const own = await mlserverWith(this.ctx as never, models, true);
    opened.push(() => own.kill9());
    const server = kept(serverOf("kserve", own.url, { timeout: 60_000, retries: 5 }));
    const engine = openRemote(server, source.size, undefined, quiet);
    await engine.opened;
    own.pause();
    const asked = errorsOf(engine);
    const began = performance.now();
    engine.hurry();
    await engine.close();
    assert.match((await asked)[0] ?? "", /Retriable: .*had not answered when the node was closed/);
    const took = performance.now() - began;
    assert.ok(took < 10_000, `${took} ms`);
  });
});
