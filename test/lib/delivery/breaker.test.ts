import assert from "node:assert/strict";
import type { Delivered } from "../../../nodes/lib/delivery/token";
import { Rejected, Retriable, Undone } from "../../../nodes/lib/errors";
import { until } from "../../harness";
import { bench, failing, passing, record } from "./source-bench";

const node = { id: "n", type: "http request", name: "store" };
const away = failing({ error: new Retriable("connect ECONNREFUSED", { unreachable: true }), node });
/** Longer than a test sends records for, short enough to wait for. */
const PAUSE = 300;

describe("a source's circuit breaker", () => {
  it("stops after failures in a row, tries with one record, and goes on when it gets through", async () => {
    let up = false;
    const one = bench((token, message, ledger) => (up ? passing : away)(token, message, ledger), {
      breaker: { failures: 5, pause: PAUSE },
    });
    for (let n = 0; n < 200; n += 1) one.deliver(record(n));
    await until("the breaker is open", () => one.outages.length > 0, 60_000);
    assert.equal(one.outages[0]?.node.name, "store", "it says which node");
    assert.ok((one.outages[0]?.next ?? 0) > Date.now() - 60_000, "and when it is tried next");
    const first = one.sent.length;
    // The 200 were sent in one turn, before any of them could fail; their retries wait.
    assert.equal(first, 200);
    one.deliver(record("new"));
    await until("two probes have failed", () => one.outages.length >= 3, 60_000);
    assert.ok(one.sent.length <= first + 4, `${one.sent.length - first} were sent while the server was away`);
    assert.equal(one.source.unfinished, 201, "all wait");
    up = true;
    await until("all finished", () => one.source.unfinished === 0, 60_000);
    assert.equal(one.verdicts.filter(({ verdict }) => verdict === "delivered").length, 201);
    assert.deepEqual(one.letters, []);
    assert.equal(one.outages.at(-1), undefined, "it says that it works again");
  });

  it("sends another to try when the source has taken the probe back, and takes that for no answer", async () => {
    const flying: Delivered[] = [];
    let up = false;
    const one = bench(
      (token, message, ledger) => {
        if (one.outages.length === 0) away(token, message, ledger);
        else if (up) passing(token, message, ledger);
        else flying.push(one.enter(token));
      },
      { breaker: { failures: 2, pause: 2_000 } },
    );
    for (let n = 0; n < 10; n += 1) one.deliver(record(n));
    await until("one is sent to try", () => flying.length === 1, 60_000);
    const sent = one.sent.length;
    const [probe] = one.sent.slice(-1);
    up = true;
    one.source.recall((emission) => emission.message().payload === probe?.payload);
    await until("the others have come through", () => one.source.unfinished === 0, 60_000);
    assert.equal(one.verdicts.filter(({ verdict }) => verdict === "abandoned").length, 1);
    assert.equal(one.sent.length, sent + 9);
    assert.equal(one.outages.filter((outage) => outage === undefined).length, 1);
  });

  it("is not opened by tries that the source itself has undone", async () => {
    let n = 0;
    const one = bench(
      (token, message, ledger) =>
        ((n += 1) <= 50 ? failing({ error: new Undone("not written"), node }) : passing)(token, message, ledger),
      { breaker: { failures: 3, pause: 60_000 } },
    );
    for (let sent = 0; sent < 30; sent += 1) one.deliver(record(sent));
    await one.ended();
    assert.deepEqual([one.outages, one.letters], [[], []]);
  });

  it("takes back what waits, and leaves what is in the flow", async () => {
    const one = bench(away, { breaker: { failures: 2, pause: 60_000 } });
    for (let sent = 0; sent < 10; sent += 1) one.deliver(record(sent));
    await until("the breaker is open", () => one.outages.length > 0, 60_000);
    one.source.recall(() => true, "waiting");
    assert.equal(one.source.unfinished, 0);
    await one.source.close(0);
  });

  it("is not opened by records that fail for good: each becomes a dead letter at once", async () => {
    const one = bench(failing({ error: new Rejected("no such site"), node }), {
      breaker: { failures: 5, pause: 60_000 },
    });
    for (let n = 0; n < 1_000; n += 1) one.deliver(record(n));
    await one.ended();
    assert.equal(one.letters.length, 1_000);
    assert.deepEqual(one.outages, []);
  });

  it("is not opened by failures that others were delivered between", async () => {
    let n = 0;
    const one = bench((token, message, ledger) => ((n += 1) % 2 === 0 ? away : passing)(token, message, ledger), {
      breaker: { failures: 2, pause: 60_000 },
    });
    for (let sent = 0; sent < 50; sent += 1) {
      one.deliver(record(sent));
      await new Promise(setImmediate);
    }
    await one.ended();
    assert.deepEqual(one.outages, []);
  });

  it("opens again when a probe rests where it waits for more records, so that it can't lock up", async () => {
    const joined: Delivered[] = [];
    let failures = 3;
    // A join of four records: none is finished before the fourth has come.
    const one = bench(
      (token, message, ledger) => {
        failures -= 1;
        if (failures >= 0) return away(token, message, ledger);
        joined.push(one.enter(token));
        if (joined.length === 4) for (const each of joined) ledger.leave(each);
      },
      { breaker: { failures: 3, pause: 50 } },
    );
    for (let n = 0; n < 4; n += 1) one.deliver(record(n));
    await until("all finished", () => one.source.unfinished === 0, 60_000);
    assert.equal(one.verdicts.filter(({ verdict }) => verdict === "delivered").length, 4);
  });

  it("goes on at once when a probe is held on purpose", async () => {
    const held: Delivered[] = [];
    let up = false;
    const one = bench(
      (token, message, ledger) => {
        if (!up) return away(token, message, ledger);
        const delivered = one.enter(token);
        ledger.hold(delivered, { records: 1, bytes: 1 });
        held.push(delivered);
      },
      { breaker: { failures: 3, pause: 50 } },
    );
    for (let n = 0; n < 10; n += 1) one.deliver(record(n));
    await until("the breaker is open", () => one.outages.length > 0, 60_000);
    up = true;
    await until("all rest in the window", () => held.length === 10, 60_000);
    for (const each of held) one.ledger.leave(each);
    await one.ended();
  });

  it("gives up what waits when the source closes, and leaves no timer", async () => {
    const one = bench(away, { breaker: { failures: 2, pause: 60_000 } });
    for (let n = 0; n < 5; n += 1) one.deliver(record(n));
    await until("the breaker is open", () => one.outages.length > 0, 60_000);
    one.deliver(record("waits"));
    await one.source.close(50);
    assert.deepEqual(
      one.verdicts.map(({ verdict }) => verdict),
      Array<string>(6).fill("abandoned"),
    );
    assert.equal(one.outages.at(-1), undefined);
  });

  it("is off when it is set to 0", async () => {
    let failures = 40;
    const one = bench((token, message, ledger) => ((failures -= 1) >= 0 ? away : passing)(token, message, ledger), {
      breaker: { failures: 0, pause: 60_000 },
    });
    one.deliver(record());
    await until("delivered", () => one.source.unfinished === 0, 60_000);
    assert.deepEqual(one.outages, []);
  });
});
