/**
 * Poison: records that can't be decoded, records of a wrong type, and branches that fail for one record in a thousand or
 * for all. Every one must be in dead letters with its cause, everything else delivered, and replay must deliver the rest.
 * The observer reads Kafka by its own client and the files by itself; it knows the numbers it has sent.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";
import { linesIn } from "../harness/lines";
import { clusterNode, kafkaIn, kafkaOut } from "../lib/kafka/harness";
import { Observer, unique } from "./lab/observer";

const RECORDS = 6_000;
const NOT_UTF8 = Buffer.from([0x7b, 0xff, 0xfe, 0x00]);

type Poison = "cut" | "bytes" | "type" | "refused" | "none";
/** What is wrong with record `n`. */
const poisonOf = (n: number): Poison => {
  if (n % 1000 === 500) return "refused";
  if (n % 200 === 11) return "cut";
  if (n % 400 === 33) return "bytes";
  if (n % 150 === 77) return "type";
  return "none";
};
const sentOf = (n: number): string | Buffer => {
  const poison = poisonOf(n);
  if (poison === "cut") return `{"n":${n},`;
  if (poison === "bytes") return Buffer.concat([NOT_UTF8, Buffer.from(String(n))]);
  return JSON.stringify({ n: poison === "type" ? `number ${n}` : n });
};
const all = Array.from({ length: RECORDS }, (_, n) => n);
const poisoned = all.filter((n) => poisonOf(n) !== "none");

interface Count {
  readonly sent: number;
  readonly arrived: number;
  readonly missing: number;
  readonly repeated: number;
  readonly invented: number;
}
const count = (expected: readonly number[], arrived: readonly number[]): Count => {
  const wanted = new Set(expected);
  const distinct = new Set(arrived);
  return {
    sent: expected.length,
    arrived: arrived.length,
    missing: expected.filter((n) => !distinct.has(n)).length,
    repeated: arrived.length - distinct.size,
    invented: [...distinct].filter((n) => !wanted.has(n)).length,
  };
};
const clean = (sent: number): Count => ({ sent, arrived: sent, missing: 0, repeated: 0, invented: 0 });

/** The number in whatever became of a record. */
const numberIn = (text: string): number => Number(/(\d+)\D*$/u.exec(text)?.[1]);

/** As the file has it: read by hand, not by the pack. */
interface Line {
  readonly error: { readonly name: string; readonly message: string; readonly stack: string };
  readonly node: { readonly id: string; readonly name?: string };
  readonly attempts: number;
  readonly message: {
    readonly payload: unknown;
    readonly source: { readonly offset: number; readonly partition: number };
  };
}

describe("poison records and failing branches", () => {
  let red: Harness;
  let observer: Observer;
  let brokers: string;
  let folder: string;
  before(async function services() {
    const kafka = await serviceFor(this, "kafka");
    brokers = kafka.brokers;
    observer = new Observer(brokers);
    red = await nodeRed();
    folder = mkdtempSync(path.join(tmpdir(), "citystream-poison-"));
  });
  after(async () => {
    await red?.deploy([]);
    await observer?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const lines = (): Line[] => linesIn(folder).map((line) => JSON.parse(line) as Line);
  const readNumbers = async (topic: string): Promise<number[]> => {
    const found: number[] = [];
    await observer.read(topic, ({ value }) => found.push(numberIn(value ?? "")));
    return found;
  };
  const produce = async (): Promise<string> => {
    const topic = unique("poison-in");
    await observer.createTopic(topic, 2);
    for (const partition of [0, 1])
      await observer.write(topic, partition, all.filter((n) => n % 2 === partition).map(sentOf));
    return topic;
  };
  const fn = (id: string, func: string, wires: string[][]): FlowNode => ({
    id,
    type: "function",
    name: id,
    func,
    outputs: 1,
    wires,
  });
  const finished = (group: string, topic: string): Promise<void> =>
    red.until("all is committed", async () => (await observer.committedSum(group, topic)) === RECORDS, 240_000);

  it(`keeps each of ${poisoned.length} poison records of ${RECORDS} with its cause, delivers the rest, and delivers them by replay`, async function poisonous() {
    this.timeout(600_000);
    const input = await produce();
    const output = unique("poison-out");
    await observer.createTopic(output, 2);
    const group = unique("poison");
    await red.deploy(
      flowOf(
        clusterNode(brokers),
        kafkaIn(input, group, { deadLetterFolder: folder, attempts: 2, wires: [["check"]] }),
        fn(
          "check",
          `const { n } = msg.payload;
           if (typeof n !== "number") throw new Error("n is no number: " + JSON.stringify(n));
           if (n % 1000 === 500) { node.error(Object.assign(new Error("refused by rule: " + n), { name: "Rejected" }), msg); return null; }
           return msg;`,
          [["out"]],
        ),
        kafkaOut(output, { wires: [[]] }),
      ),
    );
    await finished(group, input);
    assert.deepEqual(
      count(
        all.filter((n) => poisonOf(n) === "none"),
        await readNumbers(output),
      ),
      clean(RECORDS - poisoned.length),
    );
    const letters = lines();
    const numberOf = ({ message: { source } }: Line): number => source.offset * 2 + source.partition;
    assert.deepEqual(count(poisoned, letters.map(numberOf)), clean(poisoned.length), "in dead letters");
    const CAUSES = {
      cut: { cause: /the value is not JSON/u, node: "in" },
      bytes: { cause: /the value is not UTF-8 text/u, node: "in" },
      type: { cause: /n is no number: "number \d+"/u, node: "check" },
      refused: { cause: /refused by rule: \d+/u, node: "check" },
    };
    let damaged = 0;
    for (const letter of letters) {
      const n = numberOf(letter);
      const poison = poisonOf(n);
      assert.notEqual(poison, "none");
      const { cause, node } = CAUSES[poison as keyof typeof CAUSES];
      assert.match(letter.error.message, cause, `record ${n}`);
      assert.equal(letter.node.id, node, `record ${n}`);
      assert.equal(letter.attempts, poison === "type" ? 2 : 1, `record ${n}: ${letter.error.name}`);
      const sent = sentOf(n);
      const { payload } = letter.message;
      const kept =
        poison === "cut" || poison === "bytes"
          ? Buffer.from((payload as { $base64: string }).$base64, "base64")
          : Buffer.from(JSON.stringify(payload));
      if (!kept.equals(Buffer.from(sent))) damaged += 1;
    }
    assert.equal(damaged, 0, "letters that do not hold what was sent");

    await red.deploy(
      flowOf(
        clusterNode(brokers),
        { id: "letters", type: "citystream-dead-letter", store: "files", folder, wires: [["mended"], ["answer"]] },
        { id: "answer", type: "test-collect" },
        fn(
          "mended",
          `const text = Buffer.isBuffer(msg.payload) ? msg.payload.toString("latin1") : JSON.stringify(msg.payload);
           msg.payload = { n: Number(/(\\d+)\\D*$/.exec(text)[1]) };
           return msg;`,
          [["out"]],
        ),
        kafkaOut(output, { wires: [[]] }),
      ),
    );
    red.receive("letters", { topic: "replay", payload: { all: true } });
    const [answer] = await red.arrived("answer", 1, 120_000);
    assert.deepEqual(answer?.payload, { replayed: poisoned.length });
    await red.until("no letter is left", () => lines().length === 0, 240_000);
    assert.deepEqual(count(all, await readNumbers(output)), clean(RECORDS), "after replay");
  });

  it("puts every record of a branch that always fails into the dead-letter topic, at a good rate, and delivers the other branch", async function always() {
    this.timeout(600_000);
    const input = unique("failing-in");
    await observer.createTopic(input, 2);
    for (const partition of [0, 1])
      await observer.write(
        input,
        partition,
        all.filter((n) => n % 2 === partition).map((n) => JSON.stringify({ n })),
      );
    const output = unique("failing-out");
    const dead = unique("failing-dead");
    await observer.createTopic(output, 2);
    const group = unique("failing");
    const begun = Date.now();
    await red.deploy(
      flowOf(
        clusterNode(brokers),
        kafkaIn(input, group, {
          deadLetterFolder: folder,
          deadLetterTopic: dead,
          attempts: 2,
          initialDelay: 1_000,
          wires: [["out", "broken"]],
        }),
        fn(
          "broken",
          `node.error(Object.assign(new Error("always: " + msg.payload.n), { name: "Rejected" }), msg); return null;`,
          [[]],
        ),
        kafkaOut(output, { wires: [[]] }),
      ),
    );
    await finished(group, input);
    const seconds = (Date.now() - begun) / 1000;
    console.log(`      ${RECORDS} dead letters in ${seconds.toFixed(1)} s: ${Math.round(RECORDS / seconds)}/s`);
    assert.deepEqual(count(all, await readNumbers(output)), clean(RECORDS), "the branch that works");
    const buried: number[] = [];
    let wrong = 0;
    await observer.read(dead, ({ value, headers }) => {
      const n = numberIn(value ?? "");
      buried.push(n);
      if (
        headers["__connect.errors.topic"] !== input ||
        Number(headers["__connect.errors.offset"]) * 2 + Number(headers["__connect.errors.partition"]) !== n ||
        headers["__connect.errors.exception.message"] !== `always: ${n}` ||
        headers["__citystream.node.id"] !== "broken"
      )
        wrong += 1;
    });
    assert.deepEqual(count(all, buried), clean(RECORDS), "in the dead-letter topic");
    assert.equal(wrong, 0, "letters whose headers do not say where they are from and why");
  });
});
