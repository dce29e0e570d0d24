/** The predictor under the delivery ledger: what a source learns of its records. */
import assert from "node:assert/strict";
import type { Message } from "../../nodes/lib/delivery/contract";
import type { ForecastReady } from "../../nodes/lib/forecast/forecast";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf } from "../harness";
import { assertForecast, HOUR, modelFiles, records } from "./predictor";

let make = records();

/** Record `hour` of the series, as a batch of one; every seventh is broken. */
const record = (hour: number) => [make("k", hour, Math.sin(hour), hour % 7 === 6 ? "broken" : 1)];
const good = (hour: number) => [make("k", hour, Math.sin(hour), 1)];

const elementsAt = (sink: string): { timestamp: number; forecast: ForecastReady }[] =>
  laboratory
    .at(sink)
    .flatMap((message: Message) => message.payload as { timestamp: number; forecast: ForecastReady }[]);

function assertElement({ forecast, timestamp }: { forecast: ForecastReady; timestamp: number }): void {
  const hour = timestamp / HOUR;
  const window = [hour - 3, hour - 2, hour - 1, hour].map((h) => [Math.sin(h), 1]);
  assertForecast(forecast, window, Number(forecast.version));
}

for (const stateKept of ["disk", "memory"])
  describe(`lstm-predictor under the ledger, its series ${stateKept === "disk" ? "on disk" : "in memory"}`, () => {
    const models = modelFiles();
    const predictor = { type: "citystream-lstm-predictor", key: "key", stateKept, checkpointEvery: 0.02 };
    const flow = (model = models.one, outputs = [["k"], ["k2"]]) =>
      flowOf(
        { id: "s", type: "test-source", wires: [["node"]] },
        { id: "node", ...predictor, model, wires: outputs },
        { id: "k", type: "test-sink" },
        { id: "k2", type: "test-sink" },
      );

    beforeEach(() => {
      laboratory.reset();
      make = records();
    });

    it("finishes a record at its source when what takes its forecast is done, and only then", async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow());
      const source = laboratory.source("s");
      const open: (() => void)[] = [];
      laboratory.sink = (_id, _message, done) => void open.push(done);
      for (let hour = 0; hour < 6; hour++) source.deliver(hour, good);
      await red.until("all are at the sinks", () => open.length === 6);
      assert.equal(source.outcomes.size, 0);
      open.forEach((done) => done());
      await red.until("all are finished", () => source.count("delivered") === 6);
      assert.equal(laboratory.delivery?.report().tokens, 0);
    });

    it("forecasts the same when a record is tried again", async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow());
      const source = laboratory.source("s");
      let refused = 0;
      laboratory.sink = (id, _message, done) => done(id === "k" && refused++ < 2 ? new Error("not yet") : undefined);
      for (let hour = 0; hour < 4; hour++) source.deliver(hour, good);
      await red.until("all are delivered", () => source.count("delivered") === 4);
      const tries = elementsAt("k");
      assert.equal(tries.length, 3);
      for (const one of tries) assertElement(one);
    });

    it("forecasts the same when a record is tried again, though its series has gone on meanwhile", async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow());
      const source = laboratory.source("s");
      const failed = new Set<number>();
      laboratory.sink = (id, message, done) => {
        const hour = (message.payload as { timestamp: number }[])[0]!.timestamp / HOUR;
        const fails = id === "k" && hour % 3 === 0 && !failed.has(hour);
        if (fails) failed.add(hour);
        done(fails ? new Error("not yet") : undefined);
      };
      for (let hour = 0; hour < 20; hour++) source.deliver(hour, good);
      await red.until("all are delivered", () => source.count("delivered") === 20);
      const tries = elementsAt("k");
      assert.equal(tries.length, 17 + failed.size);
      for (const one of tries) assertElement(one);
      assert.deepEqual(
        laboratory.at("k2").map(({ payload }) => (payload as { timestamp: number }[])[0]!.timestamp / HOUR),
        [0, 1, 2],
      );
      assert.equal(failed.size, 6);
    });

    it("forecasts the same when its records come again after a deploy", async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow());
      const source = laboratory.source("s");
      laboratory.sink = () => undefined;
      for (let hour = 0; hour < 10; hour++) source.deliver(hour, good);
      await red.until("all are at the sinks", () => laboratory.at("k").length + laboratory.at("k2").length === 10);
      laboratory.sink = undefined;
      await red.deploy(flow());
      laboratory.received.clear();
      await red.until("the source runs", () => source.running);
      for (let hour = 0; hour < 10; hour++) source.deliver(hour, good);
      await red.until("all are delivered", () => source.count("delivered") === 10);
      const forecasts = elementsAt("k");
      assert.deepEqual(
        forecasts.map(({ timestamp }) => timestamp / HOUR),
        [3, 4, 5, 6, 7, 8, 9],
      );
      for (const one of forecasts) assertElement(one);
    });

    it("gives a record that is wrong to the dead letters with the reason, and the rest flows on", async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow());
      const source = laboratory.source("s");
      for (let hour = 0; hour < 10; hour++) source.deliver(hour, record);
      await red.until("all are finished", () => source.outcomes.size === 10);
      assert.equal(source.count("delivered"), 9);
      assert.equal(source.deadLetters.length, 1);
      assert.match(source.deadLetters[0]?.error.message ?? "", /b is "broken"; it must be a number/);
    });

    it("loses no record and gives no mixed answer when it is redeployed with another model in mid-flight", async () => {
      const red = await runtimeWithTestNodes();
      await red.deploy(flow());
      const source = laboratory.source("s");
      const last = 600;
      for (let hour = 0; hour < last / 2; hour++) source.deliver(hour, good);
      await new Promise((resolve) => setImmediate(resolve));
      await red.deploy(flow(models.two), "nodes");
      await red.until("the source runs again", () => source.running);
      for (let hour = last / 2; hour < last; hour++) source.deliver(hour, good);
      await red.until("all are delivered", () => source.count("delivered") === last);
      const forecasts = new Map(elementsAt("k").map((one) => [one.timestamp / HOUR, one]));
      for (const one of forecasts.values()) assertElement(one);
      const without = new Set(elementsAt("k2").map((one) => one.timestamp / HOUR));
      for (let hour = 0; hour < last; hour++)
        assert.ok(forecasts.has(hour) || without.has(hour), `hour ${hour} came out`);
      assert.ok([...forecasts.values()].some((one) => one.forecast.version === "2"));
    });
  });
