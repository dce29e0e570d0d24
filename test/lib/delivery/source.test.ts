import assert from "node:assert/strict";
import { backOff } from "../../../nodes/lib/back-off";
import { TOKEN } from "../../../nodes/lib/delivery/contract";
import type { Delivered } from "../../../nodes/lib/delivery/token";
import { BatchFailure, Rejected, Retriable } from "../../../nodes/lib/errors";
import { until } from "../../harness";
import { batch, bench, element, failing, passing, record } from "./source-bench";

describe("a source under the ledger", () => {
  it("finishes an emission when all its deliveries have, once, and never while it is being delivered", async () => {
    let delivered: Delivered | undefined;
    const one = bench((token) => (delivered = one.enter(token)) && undefined);
    one.deliver(record());
    await new Promise(setImmediate);
    assert.equal(one.verdicts.length, 0);
    one.ledger.leave(delivered as Delivered);
    assert.equal(one.verdicts.length, 0, "settled in the next turn, not at once");
    await one.ended();
    assert.deepEqual(one.verdicts, [{ verdict: "delivered", failure: undefined }]);
    assert.equal(one.ledger.tokens.size, 0);
  });

  it("makes the message again for each try, and dead-letters it durably after the last", async () => {
    const error = new Error("constraint");
    const written: (() => void)[] = [];
    const one = bench(failing({ error, node: { id: "n", type: "sink" } }), {
      write: (letters) => {
        one.letters.push(...letters);
        return new Promise<void>((resolve) => written.push(resolve));
      },
    });
    one.deliver(record("p"));
    await until("the dead letter is written", () => one.letters.length === 1, 5_000);
    assert.equal(one.sent.length, 3);
    assert.equal(new Set(one.sent.map((message) => message[TOKEN])).size, 3, "each try has its own token");
    assert.equal(one.verdicts.length, 0, "not finished before the dead letter is durable");
    written[0]?.();
    await one.ended();
    assert.equal(one.verdicts[0]?.verdict, "dead-lettered");
    assert.equal(one.verdicts[0]?.failure?.error, error);
    assert.equal(one.letters[0]?.attempts, 3);
    assert.deepEqual(one.letters[0]?.message, { payload: "p" });
    assert.equal(one.letters[0]?.node?.id, "n");
  });

  it("dead-letters what can never succeed at once", async () => {
    const one = bench(failing({ error: new Rejected("no such measurement") }));
    one.deliver(record());
    await one.ended();
    assert.equal(one.sent.length, 1);
    assert.equal(one.letters[0]?.attempts, 1);
  });

  it("waits for a server out of reach however long it takes, without counting a try", async () => {
    let away = 12;
    const one = bench((token, message, ledger) => {
      away -= 1;
      if (away >= 0)
        failing({ error: new Retriable("connection refused", { unreachable: true }) })(token, message, ledger);
      else passing(token, message, ledger);
    });
    one.deliver(record());
    await one.ended();
    assert.equal(one.sent.length, 13);
    assert.equal(one.verdicts[0]?.verdict, "delivered");
    assert.deepEqual(one.letters, []);
  });

  it("does not count what a deploy interrupted", async () => {
    let interruptions = 6;
    const one = bench((token, message, ledger) => {
      interruptions -= 1;
      if (interruptions >= 0) failing({ error: new Error("closed"), interrupted: true })(token, message, ledger);
      else passing(token, message, ledger);
    });
    one.deliver(record());
    await one.ended();
    assert.equal(one.verdicts[0]?.verdict, "delivered");
  });

  it("keeps a record that reaches no node, and says what to do", async () => {
    let wired = false;
    const one = bench((token, message, ledger) => {
      if (wired) passing(token, message, ledger);
    });
    one.deliver(record());
    await until("several tries", () => one.sent.length > 5, 5_000);
    assert.equal(one.verdicts.length, 0);
    assert.match(one.warnings.join(), /reached no node: wire the source/u);
    assert.equal(one.warnings.length, 1, "said once");
    wired = true;
    await one.ended();
    assert.equal(one.verdicts[0]?.verdict, "delivered");
  });

  it("retries and dead-letters only the elements that a node names", async () => {
    const one = bench((token, message, ledger) => {
      const payload = message.payload as { source: { offset: number } }[];
      const elements = payload.flatMap(({ source: { offset } }, index) =>
        offset === 3
          ? [{ index, error: new Rejected("bad") }]
          : offset === 5
            ? [{ index, error: new Error("maybe") }]
            : [],
      );
      if (elements.length === 0) passing(token, message, ledger);
      else failing({ error: new BatchFailure("some", elements), elements, payload })(token, message, ledger);
    });
    one.deliver(batch(8));
    await one.ended();
    const offsets = one.sent.map((message) => (message.payload as { payload: number }[]).map((each) => each.payload));
    assert.deepEqual(offsets, [[0, 1, 2, 3, 4, 5, 6, 7], [5], [5]]);
    assert.deepEqual(
      one.letters.map((letter) => [
        (letter.message.payload as { payload: number }[]).map((each) => each.payload),
        letter.error.message,
      ]),
      [
        [[3], "bad"],
        [[5], "maybe"],
      ],
    );
    assert.equal(one.verdicts[0]?.verdict, "dead-lettered");
  });

  it("recognises failed elements by their coordinates when the flow has filtered and sorted the batch", async () => {
    let first = true;
    const one = bench((token, message, ledger) => {
      const payload = (message.payload as { payload: number }[]).filter((each) => each.payload % 2 === 0).reverse();
      if (first)
        failing({ error: new Error("some"), elements: [{ index: 0, error: new Error("six") }], payload })(
          token,
          message,
          ledger,
        );
      else passing(token, message, ledger);
      first = false;
    });
    one.deliver(batch(8));
    await one.ended();
    assert.deepEqual(one.sent[1]?.payload, [element(6)]);
  });

  it("sends everything again when a named element can't be recognised", async () => {
    let first = true;
    const one = bench((token, message, ledger) => {
      const elements = [{ index: 0, error: new Error("which?") }];
      if (first) failing({ error: new Error("some"), elements, payload: [{ mean: 3 }] })(token, message, ledger);
      else passing(token, message, ledger);
      first = false;
    });
    one.deliver(batch(4));
    await one.ended();
    assert.equal((one.sent[1]?.payload as unknown[]).length, 4);
  });

  it("does not send a batch again whose elements can't be recognised when none of them can ever succeed", async () => {
    const rejected = (index: number) => ({ index, error: new Rejected(`no such site ${index}`) });
    const elements = [rejected(0), rejected(1)];
    const one = bench(
      failing({ error: new BatchFailure("2 of 2", elements), elements, payload: [{ mean: 3 }, { mean: 4 }] }),
    );
    one.deliver(batch(4));
    await one.ended();
    assert.equal(one.sent.length, 1);
    assert.equal((one.letters[0]?.message.payload as unknown[]).length, 4, "all of it, since any may be meant");
  });

  it("sends such a batch again when one of its elements only met a server out of reach", async () => {
    let away = 5;
    const elements = [
      { index: 0, error: new Rejected("bad") },
      { index: 1, error: new Retriable("away", { unreachable: true }) },
    ];
    const one = bench((token, message, ledger) => {
      away -= 1;
      if (away < 0) passing(token, message, ledger);
      else
        failing({ error: new BatchFailure("2 of 2", elements), elements, payload: [{ mean: 3 }, { mean: 4 }] })(
          token,
          message,
          ledger,
        );
    });
    one.deliver(batch(4));
    await one.ended();
    assert.equal(one.sent.length, 6, "more than the three tries of the policy");
    assert.equal(one.verdicts[0]?.verdict, "delivered");
  });

  it("joins what two branches name of one batch", async () => {
    let first = true;
    const one = bench((token, message, ledger) => {
      const { payload } = message;
      if (!first) return passing(token, message, ledger);
      first = false;
      failing({ error: new Error("a"), elements: [{ index: 1, error: new Error("one") }], payload })(
        token,
        message,
        ledger,
      );
      ledger.fail(token, { error: new Error("b"), elements: [{ index: 2, error: new Error("two") }], payload });
    });
    one.deliver(batch(4));
    await one.ended();
    assert.deepEqual(one.sent[1]?.payload, [element(1), element(2)]);
  });

  it("joins what branches name of different parts of one batch, each by its own part's positions", async () => {
    let first = true;
    const one = bench((token, message, ledger) => {
      const payload = message.payload as unknown[];
      if (!first) return passing(token, message, ledger);
      first = false;
      const [left, right] = [payload.slice(0, 4), payload.slice(4)];
      failing({ error: new Error("a"), elements: [{ index: 1, error: new Error("one") }], payload: left })(
        token,
        message,
        ledger,
      );
      ledger.fail(token, { error: new Error("b"), elements: [{ index: 1, error: new Error("five") }], payload: right });
      ledger.fail(token, {
        error: new Error("c"),
        elements: [{ index: 3, error: new Error("seven") }],
        payload: right,
      });
    });
    one.deliver(batch(8));
    await one.ended();
    assert.deepEqual(one.sent[1]?.payload, [element(1), element(5), element(7)]);
    assert.equal(one.verdicts[0]?.verdict, "delivered");
  });

  it("acknowledges nothing while dead letters can't be written, and writes them again", async () => {
    let refusals = 1;
    const one = bench(failing({ error: new Rejected("bad") }), {
      write: (letters) => {
        refusals -= 1;
        if (refusals >= 0) return Promise.reject(new Error("disk full"));
        one.letters.push(...letters);
        return Promise.resolve();
      },
    });
    one.deliver(record());
    await until("a warning", () => one.warnings.length > 0, 5_000);
    assert.match(one.warnings[0] ?? "", /dead letters can't be written.*disk full/u);
    assert.equal(one.verdicts.length, 0);
    await one.ended();
    assert.equal(one.letters.length, 1);
  });

  it("waits on close for what is in the flow, and abandons what is still there and what waited for a retry", async () => {
    const entered: Delivered[] = [];
    const one = bench(
      (token, message, ledger) => {
        if (message.payload === "fails") failing({ error: new Error("no") })(token, message, ledger);
        else entered.push(one.enter(token));
      },
      { attempts: 1_000 },
    );
    for (const payload of ["fails", "ends", "stays"]) one.deliver(record(payload));
    const closed = one.source.close(300);
    assert.throws(() => one.deliver(record()), /flows are not running/u);
    one.ledger.leave(entered[0] as Delivered);
    await closed;
    assert.deepEqual(one.verdicts.map(({ verdict }) => verdict).sort(), ["abandoned", "abandoned", "delivered"]);
    assert.equal(one.ledger.tokens.size, 0);
    one.ledger.leave(entered[1] as Delivered);
    assert.equal(one.verdicts.length, 3, "a late end is nothing");
  });

  it("keeps a retry until flows run again", async () => {
    let stop = true;
    const one = bench((token, message, ledger) => {
      if (!stop) return passing(token, message, ledger);
      one.source.flows(false);
      failing({ error: new Error("no") })(token, message, ledger);
      stop = false;
    });
    one.deliver(record());
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(one.sent.length, 1);
    one.source.flows(true);
    await one.ended();
    assert.equal(one.verdicts[0]?.verdict, "delivered");
  });

  it("tells when an emission rests in declared holds alone", async () => {
    const entered: Delivered[] = [];
    const one = bench((token) => void entered.push(one.enter(token), one.enter(token)));
    one.deliver(batch(5));
    const [first, second] = entered as [Delivered, Delivered];
    const end = one.ledger.hold(first, { records: 5, bytes: 50 });
    await new Promise(setImmediate);
    assert.deepEqual(one.held, [], "another branch is still at work");
    one.ledger.leave(second);
    await new Promise(setImmediate);
    assert.deepEqual(one.held, [5]);
    end();
    await new Promise(setImmediate);
    assert.deepEqual(one.held, [5, -5]);
    one.ledger.leave(first);
    await one.ended();
  });

  it("survives a source that can't make its message or throws while acknowledging", async () => {
    const one = bench(passing, { attempts: 2 });
    one.source.deliver(
      {
        records: 1,
        bytes: 1,
        message: () => {
          throw new Error("gone");
        },
      },
      (verdict) => {
        one.verdicts.push({ verdict, failure: undefined });
        throw new Error("commit failed");
      },
    );
    await one.ended();
    assert.equal(one.verdicts[0]?.verdict, "dead-lettered");
    assert.equal(one.letters[0]?.error.message, "gone");
    assert.match(one.warnings.join(), /commit failed/u);
  });

  it("waits between tries a random time that grows to its limit", () => {
    const longest = (n: number): number => Math.max(...Array.from({ length: 300 }, () => backOff(n, 100, 1_000)));
    assert.ok(longest(0) <= 100 && longest(0) > 50);
    assert.ok(longest(2) <= 400 && longest(2) > 200);
    assert.ok(longest(40) <= 1_000 && longest(40) > 500);
    assert.ok(Math.min(...Array.from({ length: 300 }, () => backOff(40, 100, 1_000))) < 200, "full jitter");
  });
});
