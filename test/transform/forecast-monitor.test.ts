import assert from "node:assert/strict";
import type { Message } from "../../nodes/lib/delivery/contract";
import { nodeRed, type Harness } from "../harness";
import { hourly, HOUR, little, monitorFlow, outcome, saw, sawn } from "./monitor";
import { at, errorOf } from "./read";

interface Told {
  readonly drift: boolean;
  readonly state: string;
  readonly version: string;
  readonly reason: string;
  readonly target?: string;
  readonly horizon?: string;
  readonly rule?: string;
  readonly since: number;
  readonly time: number;
  readonly findings: readonly unknown[];
}
const toldOf = (message: Message | undefined): Told => at<Told>(message, "payload");

/** Hours `from` to `to`, one record each. */
function send(red: Harness, from: number, to: number, of: (hour: number) => Message): void {
  for (let hour = from; hour < to; hour++) red.receive("node", of(hour));
}

describe("forecast-monitor", () => {
  it("passes every record with what came true of its forecasts, and the scores so far", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    const source = { kind: "test", offset: 2 };
    red.receive("node", { ...hourly(1, { actual: 10, next: 14 }), topic: "t" });
    red.receive("node", { ...hourly(2, { actual: 12, next: 12 }), topic: "t", headers: { h: 1 }, source });
    red.receive("node", hourly(3, { actual: 20 }));
    const [first, second, third] = await red.arrived("out", 3);
    assert.deepEqual(outcome(first), { scores: [], drift: false });
    assert.deepEqual(second?.payload, { a: 12 });
    assert.deepEqual([second?.topic, second?.["headers"], second?.["source"]], ["t", { h: 1 }, source]);
    assert.ok(second?.["forecast"], "what the predictor added stays");
    assert.deepEqual(outcome(second), {
      scores: [
        {
          target: "a",
          horizon: "1h",
          model: "m",
          version: "1",
          from: HOUR,
          at: 2 * HOUR,
          forecast: 14,
          lower: 11,
          upper: 17,
          inside: true,
          actual: 12,
          error: 2,
          persistence: -2,
          rolling: {
            count: 1,
            missed: 0,
            mae: 2,
            rmse: 2,
            bias: 2,
            persistence: { mae: 2, rmse: 2 },
            skill: 0,
            coverage: 1,
            nominal: 0.8,
          },
        },
      ],
      drift: false,
    });
    assert.deepEqual(
      outcome(third).scores.map(({ error, inside, rolling }) => [error, inside, rolling?.count, rolling?.coverage]),
      [[-8, false, 2, 0.5]],
    );
    assert.equal(red.collected("drift").length, 0);
  });

  it("keeps batches as batches, with what came true in each record, and names what cannot be scored", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    const payload = [
      hourly(1, { actual: 10, next: 14 }),
      { payload: { a: 1 } },
      hourly(2, { actual: 12, next: 1 }),
      hourly(1, { actual: 5, key: "other", next: 5 }),
      { ...hourly(2, { actual: 6, key: "other" }), payload: { a: 6 } },
      7,
    ].map((element) => Object.freeze(element));
    red.receive("node", { payload: Object.freeze(payload), topic: "t" });
    const [batch] = await red.arrived("out", 1);
    assert.equal(batch?.topic, "t");
    assert.deepEqual(
      at<Message[]>(batch, "payload").map((one) => outcome(one).scores.map(({ error }) => error)),
      [[], [2], [], [-1]],
    );
    assert.equal("outcome" in (payload[0] as object), false, "what is shared is left alone");
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /2 of 6 records were not scored: msg\.forecast is missing; connect the outputs/);
  });

  it("takes a window of records for the one reading that its forecast is of", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    const window = { start: 0, end: 2 * HOUR };
    red.receive("node", hourly(1, { actual: 10, next: 14 }));
    red.receive("node", { ...hourly(2, { actual: 12, next: 1 }), payload: [{ payload: { a: 1 } }], window });
    const [, second] = await red.arrived("out", 2);
    assert.equal(outcome(second).scores[0]?.error, 2);
  });

  it("scores late readings, and forecasts that came after their reading", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow({ late: 2 }));
    red.receive("node", hourly(1, { actual: 1, next: 9 }));
    red.receive("node", hourly(3, { actual: 3, next: 9 }));
    red.receive("node", hourly(2, { actual: 2, next: 5 }));
    red.receive("node", hourly(9, { actual: 2, next: 5 }));
    red.receive("node", hourly(4, { actual: 2, next: 5 }));
    const [, , late, , stale] = await red.arrived("out", 5);
    assert.deepEqual(
      outcome(late).scores.map(({ at: time, error }) => [time / HOUR, error]),
      [
        [2, 7],
        [3, 2],
      ],
    );
    assert.deepEqual(outcome(stale).scores, []);
    await red.until("it warns", () => red.logs.some(({ msg }) => /older than may come late/u.test(String(msg))));
  });

  it("tells a drift once, with the reason and what lstm trainer begins a training by, and when it is over", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    send(red, 0, 60, (hour) => sawn(hour, little(hour)));
    await red.arrived("out", 60);
    assert.deepEqual(red.collected("drift"), []);
    send(red, 60, 100, (hour) => sawn(hour, 9));
    const [raised] = await red.arrived("drift", 1);
    const { drift, state, reason, target, horizon, rule, since, findings } = toldOf(raised);
    assert.deepEqual([drift, state, target, horizon, rule], [true, "raised", "a", "1h", "error"]);
    assert.match(reason, /^a in 1h: RMSE \d\.\d+ of \d+ forecasts is above 4, 2 times that of the model's test$/u);
    assert.ok(since > 60 * HOUR && since < 90 * HOUR);
    assert.equal(findings.length, 1);
    assert.deepEqual(
      [raised?.["train"], raised?.["key"], raised?.["timestamp"], raised?.["forecast"]],
      [true, "k", since, undefined],
    );
    assert.equal(outcome((await red.arrived("out", 100)).at(-1)).drift, true);
    await red.until("the status says it", () => red.status("node")?.text === "drift: a 1h");
    send(red, 100, 260, (hour) => sawn(hour, little(hour)));
    const [, over] = await red.arrived("drift", 2);
    assert.deepEqual([toldOf(over).state, toldOf(over).drift, over?.["train"]], ["over", false, false]);
    assert.equal(toldOf(over).since, since);
    await red.arrived("out", 260);
    assert.equal(red.collected("drift").length, 2);
    await red.until("it is well", () => /^holds: a 1h RMSE 1 \(skill 0\.\d\d\)$/u.test(red.status("node")?.text ?? ""));
  });

  it("sends drifts of a batch one by one, as lstm trainer takes them", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow({ judged: "each" }));
    const payload = Array.from({ length: 40 }, (_, hour) => ["k", "l"].map((key) => sawn(hour, 20, { key }))).flat();
    red.receive("node", { payload });
    const both = await red.arrived("drift", 2);
    assert.deepEqual(
      both.map((message) => [message["key"], message["train"], Array.isArray(message.payload)]),
      [
        ["k", true, false],
        ["l", true, false],
      ],
    );
  });

  it("begins the scores anew with another version of the model, and says that this ended the drift", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    send(red, 0, 40, (hour) => sawn(hour, 20));
    await red.arrived("drift", 1);
    send(red, 40, 42, (hour) => sawn(hour, 1, { version: "2" }));
    const [, over] = await red.arrived("drift", 2);
    assert.deepEqual([toldOf(over).state, toldOf(over).version, over?.["train"]], ["version", "1", false]);
    const last = outcome((await red.arrived("out", 42)).at(-1));
    assert.equal(last.drift, false);
    assert.deepEqual(
      last.scores.map(({ version, rolling }) => [version, rolling?.count]),
      [["2", 1]],
    );
    await red.until("it collects", () => red.status("node")?.text === "collecting, steps 2/24");
  });

  it("forgets everything by a message, and knows it all after a deploy when it is kept on disk", async () => {
    const red = await nodeRed();
    const kept = { stateKept: "disk", checkpointEvery: 0.05, name: "first" };
    await red.deploy(monitorFlow(kept));
    send(red, 0, 10, (hour) => sawn(hour, 1));
    await red.arrived("out", 10);
    await red.deploy(monitorFlow({ ...kept, name: "second" }));
    red.receive("node", sawn(10, 1));
    const [again] = await red.arrived("out", 1);
    assert.equal(outcome(again).scores[0]?.rolling?.count, 10);
    red.receive("node", { reset: true });
    red.receive("node", sawn(3, 1));
    red.receive("node", sawn(4, 1));
    const [, , fresh] = await red.arrived("out", 3);
    assert.equal(outcome(fresh).scores[0]?.rolling?.count, 1);
    await red.deploy(monitorFlow({ ...kept, name: "third" }));
    red.receive("node", sawn(5, 1));
    const [after] = await red.arrived("out", 1);
    assert.equal(outcome(after).scores[0]?.rolling?.count, 2, "the reset is kept as well");
  });

  it("fails what is no forecast, says why, and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    const good = hourly(1, { actual: 1, next: 2 });
    const forecast = good["forecast"] as object;
    const bad: [Message, RegExp][] = [
      [{ payload: { a: 1 } }, /msg\.forecast is missing; connect the outputs of lstm predictor/],
      [{ payload: 1, forecast: { ...forecast, at: undefined } }, /msg\.forecast\.at is missing/],
      [{ payload: 1, forecast: { ...forecast, values: 3 } }, /msg\.forecast\.values is 3; it must be an object/],
      [hourly(Date.now() / HOUR + 48, { actual: 1 }), /is more than 1 d ahead of the clock; set the sensor's clock/],
    ];
    for (const [message] of bad) red.receive("node", message);
    red.receive("node", good);
    const caught = await red.arrived("caught", bad.length);
    for (const [i, [, said]] of bad.entries()) assert.match(errorOf(caught[i]), said);
    await red.arrived("out", 1);
  });

  it("is red with the reason, and fails every message, when settings contradict each other", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow({ least: 61 }));
    assert.match(red.status("node")?.text ?? "", /^check settings \S/u);
    assert.ok(
      red.logs.some(({ msg }) => /Judged from \(steps\): 61 is more than the window of 60 steps/u.test(String(msg))),
    );
    red.receive("node", sawn(1, 1));
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /Judged from/u);
  });

  it("lets go when it is redeployed in mid-stream", async () => {
    const red = await nodeRed();
    await red.deploy(monitorFlow());
    send(red, 0, 100, (hour) => sawn(hour, little(hour)));
    await red.deploy(monitorFlow({ window: 90 }), "nodes");
    send(red, 100, 102, (hour) => sawn(hour, little(hour)));
    await red.until("all have passed", () => red.collected("out").length === 102);
    assert.equal(outcome(red.collected("out").at(-1)?.message).scores[0]?.actual, saw(101));
  });
});
