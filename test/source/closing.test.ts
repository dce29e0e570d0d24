/** A deploy waits for what sources have in the flow, and for what other nodes finish: it says so, and how long at most. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";

describe("a deploy that waits", () => {
  let red: Harness;
  let folder: string;
  before(async () => {
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-closing-"));
    writeFileSync(path.join(folder, "in.csv"), "n\n0\n1\n2\n3\n4\n5\n");
    red.logs.length = 0;
  });
  afterEach(async () => {
    await red.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const flow = (more: object = {}): FlowNode[] =>
    flowOf(
      {
        id: "in",
        type: "citystream-file-in",
        paths: path.join(folder, "in.csv"),
        positionFile: path.join(folder, "position.json"),
        mode: "batch",
        batch: 3,
        wires: [["got"]],
        ...more,
      },
      { id: "got", type: "test-collect", manual: true },
    );
  const text = (id: string): string | undefined => red.status(id)?.text;
  const logged = (what: RegExp): string[] => red.logs.map(({ msg }) => String(msg)).filter((line) => what.test(line));
  const pass = (): void => {
    for (const { done } of red.collected("got")) done();
  };

  it("for records shows how many there are and how long at most, and ends when they are finished", async () => {
    await red.deploy(flow());
    await red.arrived("got", 2);
    const deploying = red.deploy(flow({ topic: "changed" }), "nodes");
    const left = (): number => Number(/^finishing, records 6, ≤ (\d) s$/u.exec(text("in") ?? "")?.[1]);
    await red.until(
      "the status counts them",
      () => left() > 0,
      10_000,
      () => text("in"),
    );
    const first = left();
    await red.until(
      "it counts down",
      () => left() < first,
      10_000,
      () => text("in"),
    );
    assert.equal(logged(/^finishing 6 records before it closes, at most \d s more$/u).length, 1);
    pass();
    await deploying;
    await red.until(
      "the next one shows its own",
      () => /^(?:starting|all read)/u.test(text("in") ?? ""),
      10_000,
      () => text("in"),
    );
  });

  it("that is over within a second says nothing", async () => {
    await red.deploy(flow());
    await red.arrived("got", 2);
    pass();
    await red.deploy(flow({ topic: "changed" }), "nodes");
    assert.deepEqual(logged(/finishing|takes a while/u), []);
  });

  it("for a node that is deleted says it in the log alone", async () => {
    await red.deploy(flow());
    await red.arrived("got", 2);
    const shown: (string | undefined)[] = [];
    const deploying = red.deploy(
      flow().filter(({ id }) => id !== "in"),
      "nodes",
    );
    await red.until("it is logged", () => {
      shown.push(text("in"));
      return logged(/finishing 6 records/u).length === 1;
    });
    pass();
    await deploying;
    assert.ok(!shown.some((one) => one?.startsWith("finishing")), JSON.stringify(shown));
  });

  it("for a sink whose server takes its time shows how long at most", async function slow() {
    this.timeout(60_000);
    const requests: http.ServerResponse[] = [];
    const server = http.createServer((_request, response) => requests.push(response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const points = (more: object = {}): FlowNode[] =>
        flowOf(
          {
            id: "server",
            type: "citystream-influx-server",
            version: "1",
            address: `http://127.0.0.1:${port}`,
            database: "d",
          },
          { id: "out", type: "citystream-influx-sink", server: "server", measurement: "m", wires: [[]], ...more },
        );
      await red.deploy(points());
      red.receive("out", { payload: { a: 1 } });
      const deploying = red.deploy(points({ measurement: "other" }));
      await red.until(
        "the status says so",
        () => /^closing ≤ \d+ s$/u.test(text("out") ?? ""),
        20_000,
        () => text("out"),
      );
      assert.equal(logged(/takes a while, at most 1?\d s more/u).length, 1);
      for (const response of requests) response.writeHead(204).end();
      await deploying;
      await red.until(
        "it is over",
        () => !text("out")?.startsWith("closing"),
        10_000,
        () => text("out"),
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
