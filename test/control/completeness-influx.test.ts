/** The completeness check over a real InfluxDB, and one whose answers a proxy breaks off. */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { CompletenessReport } from "../../nodes/lib/stream/completeness/report";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, type FlowNode, type Harness } from "../harness";

const START = Date.UTC(2026, 4, 1);
const ROWS = 5000;
const at = (slot: number): number => START + slot * 3000;
/** Readings of two stations every 3 s, some of which are missing, and some values. */
const GAP = [1000, 1001, 1002, 4321];
const NO_DUST = [7, 2500];

type Result = CompletenessReport & { measurement: string; from?: number; to?: number };

describe("completeness check over a measurement", () => {
  let influx: Service<"influx">;
  let red: Harness;

  before(async function () {
    influx = await serviceFor(this, "influx");
    red = await runtimeWithTestNodes();
    const lines = Array.from({ length: ROWS }, (_, slot) => [
      `air\\ b,site=a temp=1i${NO_DUST.includes(slot) ? "" : ",dust=2"} ${at(slot)}`,
      ...(GAP.includes(slot) ? [] : [`air\\ b,site=b temp=1i,dust=2 ${at(slot)}`]),
    ]).flat();
    const answer = await fetch(`${influx.url}/write?db=city&precision=ms`, { method: "POST", body: lines.join("\n") });
    assert.equal(answer.status, 204);
  });
  beforeEach(() => laboratory.reset());
  afterEach(() => red.deploy([]));

  const flow = (more: object = {}, server: object = {}): FlowNode[] =>
    flowOf(
      { id: "s", type: "test-source", wires: [["check"]] },
      {
        id: "server",
        type: "citystream-influx-server",
        version: "1",
        address: influx.url,
        database: "city",
        ...server,
      },
      {
        id: "check",
        type: "citystream-completeness-check",
        over: "influx",
        server: "server",
        measurement: "{{topic}}",
        key: "site",
        wires: [["result"], [], [], ["progress"]],
        ...more,
      },
      { id: "result", type: "test-collect" },
      { id: "progress", type: "test-collect" },
    );
  const result = async (count = 1): Promise<Result> =>
    (await red.arrived("result", count)).at(-1)?.payload as unknown as Result;

  it("reads all of it in pieces: gaps by key, values that are missing, and between two times", async () => {
    await red.deploy(flow());
    const tested = laboratory.source("s");
    tested.deliver(0, () => "go", { topic: "air b" });
    const { rows, measurement, columns, interval, keys, complete, exact } = await result();
    assert.deepEqual([rows, measurement, complete, exact], [2 * ROWS - GAP.length, "air b", false, true]);
    assert.deepEqual(
      columns.toSorted((a, b) => a.name.localeCompare(b.name)),
      [
        { name: "dust", missing: NO_DUST.length },
        { name: "temp", missing: 0 },
      ],
    );
    assert.deepEqual([keys?.count, interval?.missing, interval?.duplicates.count], [2, GAP.length, 0]);
    assert.deepEqual(interval?.gaps.listed, [
      { from: at(999), to: at(1003), missing: 3, key: "b" },
      { from: at(4320), to: at(4322), missing: 1, key: "b" },
    ]);
    await red.until("the message is finished", () => tested.count("delivered") === 1);

    await red.deploy(flow({ from: "2026-05-01T09:00:30", utcOffset: "+09:00", to: "{{payload.to}}" }));
    red.receive("check", { topic: "air b", payload: { to: at(20) } });
    const part = await result();
    assert.deepEqual([part.rows, part.from, part.to, part.complete], [20, at(10), at(20), true]);
  });

  it("finds no rows in a measurement that is not there", async () => {
    await red.deploy(flow());
    red.receive("check", { topic: 'no "such" one' });
    assert.equal((await result()).rows, 0);
  });

  it("fails a message for good whose database is not there or whose time is none, and for now where the server is away", async () => {
    await red.deploy(flow({ to: "{{payload}}" }, { database: "elsewhere" }));
    const tested = laboratory.source("s");
    tested.deliver(0, () => at(1), { topic: "air b" });
    tested.deliver(1, () => "tomorrow", { topic: "air b" });
    await red.until("both are settled", () => tested.outcomes.size === 2);
    const why = (offset: number): string => tested.outcomes.get(offset)?.failure?.error.message ?? "";
    assert.match(why(0), /database not found: elsewhere/u);
    assert.match(why(1), /To: "tomorrow" is no time/u);
    await red.deploy(flow({}, { address: "http://127.0.0.1:1" }));
    tested.deliver(2, () => "go", { topic: "air b" });
    await red.until("it was tried", () => (tested.tries.get(2) ?? 0) >= 2);
    assert.equal(tested.outcomes.get(2), undefined);
  });

  it("counts an answer that is broken off, or ends early, for none, and asks again", async () => {
    for (const how of ["cut", "ended"] as const) {
      laboratory.reset();
      const proxy = await breaking(influx.url, how, 2);
      await red.deploy(flow({}, { address: proxy.url }));
      const tested = laboratory.source("s");
      tested.deliver(0, () => "go", { topic: "air b" });
      assert.equal((await result()).rows, 2 * ROWS - GAP.length);
      await red.until("the message is finished", () => tested.count("delivered") === 1);
      assert.equal(red.collected("result").length, 1, how);
      assert.ok(proxy.broken === 2, how);
      await proxy.close();
    }
  });

  it("leaves a message unfinished when it is closed in the middle of it", async () => {
    const proxy = await breaking(influx.url, "stalled", 1);
    await red.deploy(flow({}, { address: proxy.url }));
    const tested = laboratory.source("s");
    tested.deliver(0, () => "go", { topic: "air b" });
    await red.until("it has begun", () => red.status("check")?.text?.startsWith("checking") ?? false);
    await red.deploy([]);
    assert.notEqual(tested.outcomes.get(0)?.verdict, "delivered");
    assert.equal(red.collected("result").length, 0);
    await proxy.close();
  });

  for (const [what, settings, reason] of [
    ["no server", { server: "" }, /Server: is not chosen/u],
    ["no measurement", { measurement: "" }, /Measurement: is required/u],
    ["a time that is none", { from: "May" }, /From: "May" is no time/u],
  ] as const)
    it(`says what is wrong with its settings: ${what}`, async () => {
      red.logs.length = 0;
      await red.deploy(flow(settings));
      await red.until("red", () => red.status("check")?.fill === "red");
      assert.ok(red.logs.some(({ msg }) => reason.test(String(msg))));
    });

  it("can't read files of points, and says so", async () => {
    await red.deploy(
      flow({}, { version: "files", address: pathToFileURL(path.join(tmpdir(), "citystream-points")).href }),
    );
    const tested = laboratory.source("s");
    tested.deliver(0, () => "go", { topic: "air b" });
    await red.until("it is settled", () => tested.outcomes.size === 1);
    assert.match(tested.outcomes.get(0)?.failure?.error.message ?? "", /points are read from a server/u);
  });
});

/** Leads to a server, and breaks the first answers off after one piece. */
async function breaking(target: string, how: "cut" | "ended" | "stalled", times: number) {
  const proxy = { url: "", broken: 0, close: () => Promise.resolve() };
  const listener = http.createServer((request, response) => {
    void (async () => {
      const answer = await fetch(new URL(request.url ?? "/", target));
      response.writeHead(answer.status);
      if (proxy.broken === times) return response.end(Buffer.from(await answer.arrayBuffer()));
      proxy.broken++;
      const [piece] = (await answer.text()).split("\n");
      response.write(`${piece}\n`);
      if (how === "ended") return response.end();
      return how === "cut" ? setImmediate(() => response.destroy()) : undefined;
    })();
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  proxy.url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  proxy.close = async () => {
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
  };
  return proxy;
}
