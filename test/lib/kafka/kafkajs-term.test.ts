/** The time of an assignment: work ends with it, and heartbeats keep it. */
import assert from "node:assert/strict";
import { Term } from "../../../nodes/lib/kafka/kafkajs-term";
import { until } from "../../harness";

const FENCED = new Error("fenced");
const isFenced = (error: unknown): boolean => error === FENCED;
const never = new Promise<number>(() => undefined);
const quiet = (): Promise<void> => Promise.resolve();

describe("the term of a consumer", () => {
  it("gives what work makes, or throws what it throws", async () => {
    const term = new Term(isFenced);
    assert.equal(await term.during(Promise.resolve(1), quiet, 1000), 1);
    await assert.rejects(term.during(Promise.reject(new Error("no")), quiet, 1000), /no/);
    term.end();
  });

  it("ends all that is in hand, and begins nothing after", async () => {
    const term = new Term(isFenced);
    const works = [term.during(never, quiet, 1000), term.during(never, quiet, 1000)];
    term.end();
    assert.deepEqual(await Promise.all(works), [undefined, undefined]);
    assert.equal(term.over, true);
    assert.equal(await term.during(Promise.resolve(1), quiet, 1000), undefined);
  });

  it("sends heartbeats while something is in hand, whatever came and went meanwhile, and none after", async () => {
    const term = new Term(isFenced);
    let beats = 0;
    const heartbeat = (): Promise<void> => Promise.resolve(void beats++);
    let end: (value: number) => void = () => undefined;
    const work = term.during(new Promise<number>((resolve) => (end = resolve)), heartbeat, 2);
    await term.during(Promise.resolve(0), () => Promise.reject(new Error("asked though another is older")), 2);
    await until("three heartbeats", () => beats >= 3);
    end(1);
    assert.equal(await work, 1);
    const before = beats;
    // Another term's clock tells how often it could have.
    const other = new Term(isFenced);
    let others = 0;
    void other.during(never, () => Promise.resolve(void others++), 2);
    await until("another has sent eight", () => others >= 8);
    other.end();
    assert.equal(beats, before);
    // It begins again with the next.
    const next = term.during(never, heartbeat, 2);
    await until("another heartbeat", () => beats > before);
    term.end();
    assert.equal(await next, undefined);
  });

  it("ends with the heartbeat that says so, and not with others that fail", async () => {
    const term = new Term(isFenced);
    const answers = [new Error("not reached"), FENCED];
    const works = [1, 2].map(() => term.during(never, () => Promise.reject(answers.shift() as Error), 2));
    await assert.rejects(works[0] as Promise<unknown>, FENCED);
    await assert.rejects(works[1] as Promise<unknown>, FENCED);
    assert.deepEqual([term.over, answers.length], [true, 0]);
  });
});
