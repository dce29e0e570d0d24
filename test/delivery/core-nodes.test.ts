/**
 * Every core node that the guarantee covers, in a real Node-RED: records behind it are acknowledged, none before its
 * last branch has finished, and nothing is left in the ledger.
 */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { until, type Harness } from "../harness";
import type { Case } from "./builders";
import { cases } from "./core-cases";
import { flowOf, slowSinks } from "./flow";
import { laboratory, runtimeWithTestNodes } from "./nodes";

describe("core nodes under the delivery ledger", () => {
  let runtime: Harness;
  let server: http.Server;
  let all: Case[] = [];

  before(async () => {
    runtime = await runtimeWithTestNodes();
    server = http.createServer((_request, response) => response.end("answer"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    all = cases(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  after(async () => {
    await runtime.deploy([]);
    laboratory.reset();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  for (const [index, { name }] of cases("").entries()) {
    it(`acknowledges behind ${name} when everything has finished, and nothing before`, async () => {
      const { nodes, payload, extra, expected, records = 60 } = all[index] as Case;
      laboratory.reset();
      await runtime.deploy(flowOf(nodes));
      const { premature } = slowSinks();
      const before = laboratory.delivery?.report();
      const source = laboratory.source("s");
      assert.ok(source.running, "the source may send after flows have started");
      for (let id = 0; id < records; id += 1) source.deliver(id, payload, extra);
      await until(`${records} records finished`, () => source.outcomes.size === records, 8_000).catch(
        (error: Error) => {
          throw new Error(
            `${error.message}: ${source.outcomes.size} finished, ${JSON.stringify(laboratory.delivery?.report())}`,
          );
        },
      );
      assert.equal(
        source.count("delivered"),
        records,
        JSON.stringify([...source.outcomes.values()].find((one) => one.verdict !== "delivered")),
      );
      assert.equal(
        laboratory.at("k").length,
        expected === undefined ? records : expected(records),
        "messages at the sink",
      );
      assert.deepEqual(premature, []);
      assert.deepEqual(laboratory.delivery?.report(), { ...before, tokens: 0 }, "nothing late, nothing unverified");
      assert.deepEqual(
        [...source.tries.values()].filter((tries) => tries !== 1),
        [],
        "no record was tried twice",
      );
    });
  }
});
