/** State by partition: it goes along when the partition moves, and nobody else's records change it. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Emission, Message, Tenure } from "../../../nodes/lib/delivery/contract";
import { Rejected, Retriable } from "../../../nodes/lib/errors";
import { throughState } from "../../../nodes/lib/state/fields";
import { PartitionedState } from "../../../nodes/lib/state/partitioned";
import type { Advance } from "../../../nodes/lib/state/port";
import { until } from "../../harness";
import { Retaining } from "./retaining";

const advance: Advance<number, number> = (state = 0, { payload }) => {
  const next = state + Number(payload);
  return { state: next, result: next };
};

class Assigned implements Tenure {
  over = false;
  asked = 0;
  answer: Promise<boolean> = Promise.resolve(true);
  constructor(
    readonly partition = 0,
    readonly topic = "cards",
  ) {}
  confirm(): Promise<boolean> {
    this.asked++;
    return this.answer;
  }
}

interface Tracked extends Message {
  readonly from: readonly (Tenure | undefined)[];
}

describe("state by partition", () => {
  let folder: string;
  const open: PartitionedState<number, number>[] = [];
  const troubles: (string | undefined)[] = [];
  const processes = new Map<string, Map<string, Promise<void>>>();
  const retaining = new Retaining();

  /** A node of a process. */
  const make = (name = "one", interval = 5) => {
    const inUse = processes.get(name) ?? new Map<string, Promise<void>>();
    processes.set(name, inUse);
    const state = new PartitionedState(
      advance,
      {
        shared: path.join(folder, "shared"),
        own: path.join(folder, name),
        format: "sums",
        ttl: Infinity,
        most: 1000,
        inMemory: 100,
        inUse,
        interval,
        records: 1000,
        warn: assert.fail,
      },
      {
        hold: () => () => undefined,
        retain: retaining.retain,
        emissionsOf: (message) => (message as Tracked).from.map((tenure) => ({ tenure }) as Emission),
        trouble: (error) => troubles.push(error?.message),
      },
    );
    open.push(state);
    return state;
  };
  type State = ReturnType<typeof make>;

  const record = (offset: number, partition = 0, payload = offset): Message => ({
    payload,
    source: { kind: "kafka", topic: "cards", partition, offset },
  });
  /** Sends a message of a record or several, and resolves with what was said when it is finished. */
  const tell = async (
    state: State,
    from: readonly (Tenure | undefined)[],
    records: readonly Message[],
    key = "a",
  ): Promise<(number | undefined)[]> => {
    const message: Tracked = { payload: records, from };
    const said: (number | undefined)[] = [];
    await throughState({ hold: () => () => undefined }, state, message, () => {
      for (const one of records) said.push(state.take(key, one));
    });
    await retaining.finished(message);
    return said;
  };
  const numbers = (partition = 0): number[] =>
    readdirSync(path.join(folder, "shared", `cards-${partition}`)).map(Number);
  const gone = (error: unknown): boolean => error instanceof Retriable && error.unreachable;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-partitioned-"));
    troubles.length = 0;
  });
  afterEach(async () => {
    for (const state of open.splice(0)) await state.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("goes along with its partition: the next process goes on, and knows what comes again", async () => {
    const [one, two] = [make("one"), make("two")];
    const [before, after] = [new Assigned(), new Assigned()];
    assert.deepEqual(await tell(one, [before], [record(1), record(2)]), [1, 3]);
    before.over = true;
    assert.deepEqual(await tell(two, [after], [record(2), record(3)]), [3, 6]);
    await until("what was before is removed", () => numbers().join() === "2");
  });

  it("is each partition's own", async () => {
    const state = make();
    const [first, second] = [new Assigned(0), new Assigned(1)];
    assert.deepEqual(await tell(state, [first], [record(1, 0)]), [1]);
    assert.deepEqual(await tell(state, [second], [record(1, 1)]), [1]);
    assert.equal(state.keys, 2);
  });

  it("is not opened twice in a tenure, and asks once whose it is", async () => {
    const state = make();
    const tenure = new Assigned();
    for (const offset of [1, 2, 3]) await tell(state, [tenure], [record(offset)]);
    assert.equal(tenure.asked, 1);
    assert.deepEqual(numbers(), [1]);
  });

  it("is refused to a process that has lost the partition, and nothing is left of its claim", async () => {
    const [one, late] = [make("one"), make("late")];
    await tell(one, [new Assigned()], [record(1)]);
    const lost = new Assigned();
    lost.answer = Promise.resolve(false);
    await assert.rejects(tell(late, [lost], [record(2)]), gone);
    assert.deepEqual(numbers(), [1]);
  });

  it("is not opened before the answer; what comes meanwhile waits, in its order", async () => {
    const state = make();
    const tenure = new Assigned();
    let answer = (_yes: boolean): void => assert.fail();
    tenure.answer = new Promise((resolve) => (answer = resolve));
    const all = [1, 2, 3].map((offset) => tell(state, [tenure], [record(offset)]));
    await until("the question", () => tenure.asked === 1);
    assert.equal(existsSync(path.join(folder, "shared", "cards-0", "0000000001", "state")), false);
    answer(true);
    assert.deepEqual(await Promise.all(all), [[1], [3], [6]]);
  });

  it("takes no record of a tenure that is over, also when the partition has come back", async () => {
    const state = make();
    const [before, after] = [new Assigned(), new Assigned()];
    await tell(state, [before], [record(1)]);
    before.over = true;
    await assert.rejects(tell(state, [before], [record(2)]), gone);
    assert.deepEqual(await tell(state, [after], [record(2)]), [3]);
    await assert.rejects(tell(state, [before], [record(3)]), gone);
    assert.deepEqual(await tell(state, [after], [record(3)]), [6]);
  });

  it("lets go of what is over: its keys leave memory, and others go on", async () => {
    const state = make();
    const [first, second] = [new Assigned(0), new Assigned(1)];
    await tell(state, [first], [record(1, 0)]);
    await tell(state, [second], [record(1, 1)]);
    first.over = true;
    await until("one partition's keys", () => state.keys === 1);
    assert.deepEqual(await tell(state, [second], [record(2, 1)]), [3]);
  });

  it("is read by nobody as a paused process writes it after it has lost the partition", async () => {
    const [one, two, three] = [make("one"), make("two"), make("three")];
    const [paused, second, third] = [new Assigned(), new Assigned(), new Assigned()];
    await tell(one, [paused], [record(1)]);
    assert.deepEqual(await tell(two, [second], [record(2)]), [3]);
    // It has not heard of it.
    await tell(one, [paused], [record(2, 0, 1000)]);
    assert.deepEqual(await tell(two, [second], [record(3)]), [6]);
    second.over = true;
    assert.deepEqual(await tell(three, [third], [record(4)]), [10]);
  });

  it("is read by nobody as a process writes it that was paused between the answer and its copy", async () => {
    const [one, two, three] = [make("one"), make("two"), make("three")];
    await tell(one, [new Assigned()], [record(1)]);
    const paused = new Assigned();
    let answer = (_yes: boolean): void => assert.fail();
    paused.answer = new Promise((resolve) => (answer = resolve));
    const late = tell(three, [paused], [record(2, 0, 1000)]);
    await until("the question", () => paused.asked === 1);
    const [second, third] = [new Assigned(), new Assigned()];
    assert.deepEqual(await tell(two, [second], [record(2)]), [3]);
    answer(true);
    await late;
    second.over = true;
    assert.deepEqual(await tell(make("four"), [third], [record(3)]), [6]);
  });

  it("takes each record of a message to its own partition", async () => {
    const state = make();
    const [first, second] = [new Assigned(0), new Assigned(1)];
    const from = [first, second];
    assert.deepEqual(await tell(state, from, [record(1, 0), record(7, 1), record(2, 0)]), [1, 7, 3]);
    assert.deepEqual(await tell(state, [second], [record(8, 1)]), [15]);
    await assert.rejects(tell(state, from, [{ payload: 1 }]), Rejected);
    second.over = true;
    await assert.rejects(tell(state, from, [record(3, 0)]), gone);
  });

  it("takes no record of Kafka that has ended, since nobody knows under which assignment it came", async () => {
    const state = make();
    await tell(state, [new Assigned()], [record(1)]);
    const late: Tracked = { ...record(2), from: [] };
    assert.throws(() => throughState({ hold: () => () => undefined }, state, late, assert.fail), gone);
  });

  it("keeps the order of messages that wait for several partitions", async () => {
    const state = make();
    const [first, second] = [new Assigned(0), new Assigned(1)];
    await tell(state, [first], [record(1, 0)]);
    let answer = (_yes: boolean): void => assert.fail();
    second.answer = new Promise((resolve) => (answer = resolve));
    const both = tell(state, [first, second], [record(2, 0), record(1, 1)]);
    const behind = tell(state, [first], [record(3, 0)]);
    answer(true);
    assert.deepEqual(await Promise.all([both, behind]), [[3, 1], [6]]);
  });

  it("is one, and this process's alone, for sources without partitions that move", async () => {
    const state = make("one");
    assert.deepEqual(await tell(state, [undefined], [{ payload: 1 }]), [1]);
    assert.deepEqual(await tell(state, [], [{ payload: 2 }]), [3]);
    await state.close();
    assert.deepEqual(await tell(make("one"), [undefined], [{ payload: 3 }]), [6]);
    assert.equal(existsSync(path.join(folder, "shared")), false);
  });

  it("waits, and says why, while the folder can't be used", async () => {
    writeFileSync(path.join(folder, "shared"), "no folder");
    const told = tell(make(), [new Assigned()], [record(1)]);
    await until("the reason is told", () => troubles.length > 0);
    rmSync(path.join(folder, "shared"));
    assert.deepEqual(await told, [1]);
    assert.equal(troubles.at(-1), undefined);
  });

  it("gives back what waits for it when the node closes", async () => {
    const state = make();
    const tenure = new Assigned();
    tenure.answer = new Promise(() => undefined);
    const told = assert.rejects(tell(state, [tenure], [record(1)]), gone);
    await until("the question", () => tenure.asked === 1);
    await state.close();
    await told;
    assert.deepEqual(numbers(), []);
  });

  it("is one source's: a second one that reads the partition waits, and it is said", async () => {
    const [one, two] = [make("one"), make("one")];
    const [first, second] = [new Assigned(), new Assigned()];
    await tell(one, [first], [record(1)]);
    const told = tell(two, [second], [record(2)]);
    await until("the reason is told", () => troubles.some((text) => text?.includes("another source")));
    await one.close();
    assert.deepEqual(await told, [3]);
  });
});
