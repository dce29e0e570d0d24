import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Ledger } from "../../../nodes/lib/delivery/ledger";
import { sweep } from "../../../nodes/lib/delivery/timeouts";
import type { Delivered, Token, TokenFailure, TokenOwner } from "../../../nodes/lib/delivery/token";

const place = { node: { id: "n", type: "function", name: "slow" }, forget: () => undefined, completed: 0, rest: 0 };

interface Owned extends TokenOwner {
  ends: (TokenFailure | undefined)[];
  resting: boolean[];
}
const owner = (timeout = 1_000): Owned => {
  const ends: (TokenFailure | undefined)[] = [];
  const resting: boolean[] = [];
  return {
    timeout,
    ends,
    resting,
    settled: (_token, failure) => ends.push(failure),
    rests: (held) => resting.push(held),
  };
};
const failure = (text: string): TokenFailure => ({ error: new Error(text) });

describe("the ledger", () => {
  it("settles a token in the turn after its last reference, so that a Catch or Complete node can still take it", async () => {
    const ledger = new Ledger();
    const own = owner();
    const token = ledger.open(own);
    const first = ledger.enter(token, place, {}, undefined);
    ledger.release(token);
    ledger.leave(first);
    const second = ledger.enter(token, place, {}, undefined);
    await new Promise(setImmediate);
    assert.equal(own.ends.length, 0);
    ledger.leave(second);
    ledger.leave(second);
    await new Promise(setImmediate);
    assert.deepEqual(own.ends, [undefined]);
  });

  it("settles a token with the last of its legs, and gives it their failures as their owners pass them on", async () => {
    const ledger = new Ledger();
    const own = owner();
    const token = ledger.open(own);
    const legs = [0, 1, 2].map((index) => ({
      ...owner(),
      passOn: ({ error }: TokenFailure): TokenFailure => ({ error, elements: [{ index, error }], payload: "all" }),
    }));
    const parts = legs.map((leg) => ledger.leg(leg, [token]));
    const delivered = parts.map((part) => ledger.enter(part, place, {}, undefined));
    for (const part of parts) ledger.release(part);
    ledger.release(token);
    ledger.leave(delivered[0] as Delivered);
    ledger.fail(parts[1] as Token, failure("second"));
    ledger.leave(delivered[1] as Delivered);
    await new Promise(setImmediate);
    assert.deepEqual([legs[0]?.ends, legs[1]?.ends.length, legs[2]?.ends, own.ends], [[undefined], 1, [], []]);
    ledger.end(parts[2] as Token, failure("time-out"));
    await new Promise(setImmediate);
    assert.deepEqual(
      own.ends[0]?.elements?.map(({ index, error }) => [index, error.message]),
      [
        [1, "second"],
        [2, "time-out"],
      ],
    );
    assert.equal(own.ends.length, 1);
    assert.equal(ledger.tokens.size, 0);
  });

  it("tells a leg that all that is left of it is gathered, and that again of what a composite gathers", async () => {
    const ledger = new Ledger();
    const told: string[] = [];
    const own = owner();
    const token = ledger.open(own);
    const leg = ledger.leg(
      { ...owner(), rests: (held) => told.push(`rests ${held}`), gathered: () => told.push("gathered") },
      [token],
    );
    const turn = () => new Promise(setImmediate);
    const [window, sink] = [0, 1].map(() => ledger.enter(leg, place, {}, undefined)) as [Delivered, Delivered];
    ledger.release(leg);
    ledger.release(token);
    ledger.hold(window, { records: 1, bytes: 1, gathers: true });
    await turn();
    assert.deepEqual(told, []);
    const end = ledger.hold(sink, { records: 1, bytes: 1 });
    await turn();
    assert.deepEqual(told.splice(0), ["rests true"]);
    assert.deepEqual(own.resting, [true]);
    end();
    ledger.leave(sink);
    await turn();
    assert.deepEqual(told.splice(0), ["gathered"]);
    const sent = ledger.composite([leg]);
    const below = ledger.enter(sent, place, {}, undefined);
    ledger.leave(window);
    await turn();
    assert.deepEqual(told.splice(0), ["rests false"]);
    ledger.hold(below, { records: 1, bytes: 1, gathers: true });
    await turn();
    assert.deepEqual(told.splice(0), ["rests true", "gathered"]);
    ledger.leave(below);
    await turn();
    assert.deepEqual(own.ends, [undefined]);
    assert.equal(ledger.tokens.size, 0);
  });

  it("leaves a hold that counts in its source's span until it is declared again", async () => {
    const ledger = new Ledger();
    const own = owner();
    const token = ledger.open(own);
    const delivered = ledger.enter(token, place, {}, undefined);
    ledger.release(token);
    ledger.hold(delivered, { records: 1, bytes: 1, counts: true });
    await new Promise(setImmediate);
    ledger.now = 5_000;
    sweep(ledger, 1_000);
    await new Promise(setImmediate);
    assert.deepEqual([own.ends, own.resting], [[], []]);
    ledger.hold(delivered, { records: 1, bytes: 1 });
    await new Promise(setImmediate);
    assert.deepEqual(own.resting, [true]);
    ledger.leave(delivered);
    await new Promise(setImmediate);
    assert.deepEqual(own.ends, [undefined]);
  });

  it("settles every token of a composite when the composite is settled, and its failure is theirs", async () => {
    const ledger = new Ledger();
    const [a, b] = [owner(), owner()];
    const [first, second] = [ledger.open(a), ledger.open(b)];
    const both = ledger.composite([first, second]);
    const merged = ledger.enter(both, place, {}, undefined);
    ledger.release(first);
    ledger.release(second);
    await new Promise(setImmediate);
    assert.deepEqual([a.ends, b.ends], [[], []]);
    ledger.fail(both, failure("sink"));
    ledger.leave(merged);
    await new Promise(setImmediate);
    assert.equal(a.ends[0]?.error.message, "sink");
    assert.equal(b.ends[0]?.error.message, "sink");
    assert.equal(ledger.tokens.size, 0);
  });

  it("ignores ids that it does not know, and calls late only what settled by itself", async () => {
    const ledger = new Ledger("epoch");
    const done = ledger.open(owner());
    const cut = ledger.open(owner());
    ledger.release(done);
    await new Promise(setImmediate);
    ledger.end(cut, failure("timeout"));
    for (const id of [done.id, cut.id, "other.1", 7, undefined, {}]) assert.equal(ledger.find(id), undefined);
    assert.equal(ledger.isLate(done.id), true);
    assert.equal(ledger.isLate(cut.id), false, "branches that outlive a time-out are expected");
    assert.equal(ledger.isLate("other.1"), false, "a token of another process");
  });

  it("ends a token at once with its branches and the tokens that it settles", () => {
    const ledger = new Ledger();
    const own = owner();
    const token = ledger.open(own);
    ledger.enter(token, place, {}, undefined);
    const wide = ledger.composite([token]);
    const late = ledger.enter(wide, place, {}, undefined);
    ledger.end(wide, failure("timeout"));
    assert.equal(own.ends[0]?.error.message, "timeout");
    assert.equal(ledger.tokens.size, 0);
    ledger.leave(late);
    assert.equal(own.ends.length, 1);
  });

  it("times out what rests too long and names the node, but not while that node finishes others", () => {
    const ledger = new Ledger();
    const own = owner(1_000);
    const token = ledger.open(own);
    const node = { ...place };
    ledger.enter(token, node, {}, undefined);
    ledger.now = 900;
    node.completed = 900;
    ledger.now = 1_800;
    sweep(ledger, 1_000);
    assert.equal(own.ends.length, 0, "a slow step is not a stuck one");
    ledger.now = 1_901;
    sweep(ledger, 1_000);
    assert.match(own.ends[0]?.error.message ?? "", /not finished within 1 s: it rests in function "slow" \(n\)/u);
    assert.equal(own.ends[0]?.error.name, "DeliveryTimeout");
    assert.equal(own.ends[0]?.node?.id, "n");
  });

  it("never times out a declared hold, and gives a delivery its full time when the hold ends", () => {
    const ledger = new Ledger();
    const own = owner(1_000);
    const token = ledger.open(own);
    const end = ledger.hold(ledger.enter(token, place, {}, undefined), { records: 1, bytes: 1 });
    ledger.now = 1_000_000;
    sweep(ledger, 1_000);
    assert.equal(own.ends.length, 0);
    end();
    ledger.now += 999;
    sweep(ledger, 1_000);
    assert.equal(own.ends.length, 0);
    ledger.now += 2;
    sweep(ledger, 1_000);
    assert.equal(own.ends.length, 1);
  });

  it("rests through composites: a token whose only delivery is in a held composite is held", async () => {
    const ledger = new Ledger();
    const own = owner();
    const token = ledger.open(own);
    const delivered = ledger.enter(ledger.composite([token]), place, {}, undefined);
    ledger.release(token);
    const end = ledger.hold(delivered, { records: 1, bytes: 1 });
    await new Promise(setImmediate);
    assert.deepEqual(own.resting, [true]);
    end();
    await new Promise(setImmediate);
    assert.deepEqual(own.resting, [true, false]);
    ledger.leave(delivered);
    await new Promise(setImmediate);
    assert.deepEqual(own.ends, [undefined]);
  });

  it("agrees for any history with counting which deliveries still lead to a token", async () => {
    const step = fc.record({
      kind: fc.constantFrom("open", "enter", "merge", "leave", "leave", "leave", "fail", "end", "hold", "wait"),
      a: fc.nat(1_000),
      b: fc.nat(1_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const ledger = new Ledger();
        const sources = new Map<Token, Owned>();
        const failed = new Set<Token>();
        const ended = new Set<Token>();
        const live: { delivered: Delivered; leaves: Set<Token>; token: Token }[] = [];
        const leavesOf = new Map<Token, Set<Token>>();
        const tokens: Token[] = [];
        const enter = (token: Token): void => {
          if (token.settled || token.count <= 0) return;
          live.push({
            delivered: ledger.enter(token, place, {}, undefined),
            leaves: leavesOf.get(token) as Set<Token>,
            token,
          });
        };
        for (const { kind, a, b } of steps) {
          const token = tokens[a % Math.max(1, tokens.length)];
          const one = live[a % Math.max(1, live.length)];
          if (kind === "open") {
            const own = owner();
            const made = ledger.open(own);
            sources.set(made, own);
            leavesOf.set(made, new Set([made]));
            tokens.push(made);
            enter(made);
            ledger.release(made);
          } else if (kind === "enter" && token !== undefined) enter(token);
          else if (kind === "merge" && token !== undefined) {
            const other = tokens[b % tokens.length] as Token;
            if (token.settled || other.settled || token.count <= 0 || other.count <= 0) continue;
            const made = ledger.composite([token, other]);
            leavesOf.set(made, new Set([...(leavesOf.get(token) ?? []), ...(leavesOf.get(other) ?? [])]));
            tokens.push(made);
            live.push({
              delivered: ledger.enter(made, place, {}, undefined),
              leaves: leavesOf.get(made) as Set<Token>,
              token: made,
            });
          } else if (kind === "leave" && one !== undefined) {
            ledger.leave(one.delivered);
            live.splice(live.indexOf(one), 1);
          } else if (kind === "fail" && one !== undefined) {
            ledger.fail(one.token, failure("x"));
            for (const leaf of one.leaves) failed.add(leaf);
          } else if (kind === "end" && one !== undefined) {
            for (const leaf of one.leaves) ended.add(leaf);
            ledger.end(one.token, failure("end"));
            for (const each of live.filter(({ delivered }) => delivered.over)) live.splice(live.indexOf(each), 1);
          } else if (kind === "hold" && one !== undefined) ledger.hold(one.delivered, { records: 1, bytes: 1 });
          else if (kind === "wait") await new Promise(setImmediate);
        }
        await new Promise(setImmediate);
        for (const [source, own] of sources) {
          const leading = live.some(({ leaves }) => leaves.has(source));
          if (ended.has(source)) assert.equal(own.ends.length, 1, "ended");
          else assert.equal(own.ends.length, leading ? 0 : 1, leading ? "premature" : "left over");
          if (own.ends.length === 1 && !ended.has(source)) assert.equal(own.ends[0] !== undefined, failed.has(source));
        }
        for (const { delivered } of live.splice(0)) ledger.leave(delivered);
        await new Promise(setImmediate);
        assert.equal(ledger.tokens.size, 0, "no token is left");
        for (const own of sources.values()) assert.equal(own.ends.length, 1);
      }),
      { numRuns: 1_000 },
    );
  });
});
