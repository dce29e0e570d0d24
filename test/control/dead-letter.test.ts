import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DeadLetter, Message } from "../../nodes/lib/delivery/contract";
import { deadLetterFile } from "../../nodes/lib/delivery/dead-letter-file";
import { decodeDeadLetter, type StoredDeadLetter } from "../../nodes/lib/delivery/dead-letter-format";
import { deadLetterTopic } from "../../nodes/lib/kafka/dead-letter-topic";
import type { Page } from "../../nodes/lib/letters/desk";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import { linesIn } from "../harness/lines";
import { clusterFor, clusterNode, committedOf, unique, type Cluster } from "../lib/kafka/harness";

const letter = (n: number, more: Partial<DeadLetter> = {}): DeadLetter => ({
  id: `letter-${n}`,
  message: {
    topic: "air",
    payload: { n },
    source: { kind: "kafka", topic: n % 2 === 0 ? "even" : "odd", partition: 0, offset: n },
  },
  error: new TypeError(n < 3 ? "no such site" : "not finished within 60 s"),
  node: { id: "sink", type: "citystream-influx-sink", name: n < 3 ? "store" : "lake" },
  attempts: 5,
  time: Date.UTC(2026, 0, 1) + n * 1000,
  ...more,
});

describe("dead letter", () => {
  let red: Harness;
  let folder: string;
  before(async () => {
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
    red.logs.length = 0;
  });
  afterEach(async () => {
    await red.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const flow = (more: Record<string, unknown> = {}, ...below: FlowNode[]): FlowNode[] =>
    flowOf(
      {
        id: "letters",
        type: "citystream-dead-letter",
        store: "files",
        folder,
        attempts: 2,
        initialDelay: 10,
        maxDelay: 20,
        wires: [["replayed"], ["answers"]],
        ...more,
      },
      { id: "answers", type: "test-collect" },
      ...(below.length > 0 ? below : [{ id: "replayed", type: "test-collect" }]),
    );
  const store = async (...letters: DeadLetter[]): Promise<void> => {
    const file = deadLetterFile({ directory: folder });
    await file.write(letters);
    await file.close();
  };
  let asked = 0;
  const ask = async (topic: string, payload: unknown): Promise<Record<string, unknown>> => {
    const before = red.collected("answers").length;
    red.receive("letters", { topic, payload, asked: ++asked });
    const answers = await red.arrived("answers", before + 1, 60_000);
    return answers.at(-1)?.payload as Record<string, unknown>;
  };
  const list = async (filter: object = {}): Promise<Page> => (await ask("list", filter)) as unknown as Page;
  const ids = async (filter: object = {}): Promise<string[]> => (await list(filter)).letters.map(({ id }) => id);
  const lines = (): StoredDeadLetter[] => linesIn(folder).map(decodeDeadLetter);

  it("lists what the filter says, oldest first, and shows how many there are", async () => {
    await store(...[4, 1, 3, 2, 5].map((n) => letter(n)));
    await red.deploy(flow());
    const all = await list();
    assert.deepEqual(
      all.letters.map(({ id }) => id),
      [1, 2, 3, 4, 5].map((n) => `letter-${n}`),
    );
    const [first] = all.letters;
    assert.equal(first?.cause, "no such site");
    assert.equal(first?.topic, "odd");
    assert.equal(first?.offset, 1);
    assert.equal(first?.node?.name, "store");
    assert.equal(first?.payload, '{"n":1}');
    assert.deepEqual(await ids({ cause: "NO SUCH" }), ["letter-1", "letter-2"]);
    assert.deepEqual(await ids({ node: "lake", topic: "odd" }), ["letter-3", "letter-5"]);
    assert.deepEqual(await ids({ search: '"n":4' }), ["letter-4"]);
    assert.deepEqual(await ids({ from: "2026-01-01T00:00:04Z" }), ["letter-4", "letter-5"]);
    assert.deepEqual(await ids({ limit: 2, first: 1 }), ["letter-2", "letter-3"]);
    await red.until("the status counts them", () => /letters 5/u.test(red.status("letters")?.text ?? ""), 60_000);
  });

  it("replays a letter as it was, and removes it only when the flow below has finished it", async () => {
    await store(
      letter(1, { message: { payload: Buffer.from([0, 255]), topic: "air", key: "k", source: { topic: "t" } } }),
      letter(2),
    );
    await red.deploy(flow({}, { id: "replayed", type: "test-collect", manual: true }));
    assert.deepEqual(await ask("replay", { ids: ["letter-1"] }), { replayed: 1 });
    const [message] = await red.arrived("replayed", 1, 60_000);
    assert.deepEqual(message?.payload, Buffer.from([0, 255]));
    assert.equal(message?.["key"], "k");
    const about = message?.["deadLetter"] as { id: string; attempts: number; error: { message: string } };
    assert.equal(about.id, "letter-1");
    assert.equal(about.attempts, 5);
    assert.equal(about.error.message, "no such site");
    assert.equal((await list()).size, 2, "still there while the flow works on it");
    assert.deepEqual(await ask("replay", { all: true, limit: 1 }), { replayed: 1 }, "not the same one twice");
    red.collected("replayed")[0]?.done();
    await red.until("it is gone", async () => (await list()).size === 1, 60_000);
    const [, second] = await red.arrived("replayed", 2, 60_000);
    assert.deepEqual(second?.payload, { n: 2 });
    red.collected("replayed")[1]?.done();
    await red.until("both are gone", async () => (await list()).size === 0, 60_000);
    await red.until("their files are removed", () => readdirSync(folder).length === 0, 60_000);
  });

  it("takes a letter that fails again back, its tries counted on and its new cause in it", async () => {
    await store(letter(1), letter(7));
    const failing = {
      id: "replayed",
      type: "function",
      name: "again",
      func: "throw new Error('still no site')",
      wires: [[]],
    };
    await red.deploy(flow({}, failing));
    await ask("replay", { ids: ["letter-1"] });
    await red.until(
      "it is back",
      async () => (await list({ cause: "still no site" })).total === 1 && (await list()).replaying === 0,
      60_000,
    );
    const [back] = (await list({ cause: "still" })).letters;
    assert.equal(back?.id, "letter-1");
    assert.equal(back?.attempts, 7, "five before, two now");
    assert.equal(back?.node?.name, "again");
    assert.equal((await list()).size, 2, "once, in place of the old one");
    // So it is after a restart too, and the letter still knows its record.
    await red.deploy([]);
    await red.deploy(flow());
    await red.until("both are there", async () => (await list()).size === 2, 60_000);
    await ask("replay", { ids: ["letter-1"] });
    const [message] = await red.arrived("replayed", 1, 60_000);
    assert.deepEqual(message?.payload, { n: 1 });
    assert.equal((message?.["deadLetter"] as { attempts: number }).attempts, 7);
    await red.until("it is gone", async () => (await list()).size === 1, 60_000);
    await red.deploy([]);
    await red.deploy(flow());
    assert.deepEqual(await ids(), ["letter-7"], "and stays so");
  });

  it("keeps the bytes that a record had, when it fails again, as long as they are those of its value", async () => {
    const value = Buffer.from('{ "n" : 9007199254740993 }');
    const payload: unknown = JSON.parse(value.toString());
    await store(letter(1, { message: { payload }, originals: [{ value }] }));
    await red.deploy(flow({}, { id: "replayed", type: "function", func: "throw new Error('still');", wires: [[]] }));
    await ask("replay", { all: true });
    await red.until("it is back", async () => (await list({ cause: "still" })).total === 1, 60_000);
    assert.deepEqual(lines().at(-1)?.originals, [{ value }]);
  });

  it("stores the parts of a batch that fail again, and no others", async () => {
    const element = (n: number) => ({ payload: n, source: { kind: "kafka", topic: "t", partition: 0, offset: n } });
    await store(letter(1, { message: { payload: [0, 1, 2, 3].map(element) } }));
    const sink = {
      id: "replayed",
      type: "function",
      func: `const elements = msg.payload.flatMap(({payload}, index) => payload % 2 ? [{ index, error: Object.assign(new Error("odd"), { name: "Rejected" }) }] : []);
        if (elements.length > 0) { node.error(Object.assign(new Error("some"), { name: "BatchFailure", elements }), msg); } node.done();`,
      wires: [[]],
    };
    await red.deploy(flow({}, sink));
    await ask("replay", { all: true });
    await red.until("two are back", async () => (await list({ cause: "odd" })).total === 2, 60_000);
    await red.until("the batch is gone", async () => (await list()).size === 2, 60_000);
    assert.deepEqual((await list()).letters.map(({ offset }) => offset).toSorted(), [1, 3]);
    assert.deepEqual(
      (await list()).letters.map(({ attempts }) => attempts),
      [6, 6],
    );
  });

  it("discards what it is told to and nothing without being told which", async () => {
    await store(...[1, 2, 3, 4].map((n) => letter(n)));
    await red.deploy([
      ...flow(),
      { id: "caught", type: "catch", z: "tab", x: 1, y: 1, scope: ["letters"], wires: [["errors"]] },
      { id: "errors", type: "test-collect", z: "tab", x: 1, y: 1, wires: [] },
    ]);
    assert.deepEqual(await ask("discard", { cause: "no such site" }), { discarded: 2 });
    assert.deepEqual(await ids(), ["letter-3", "letter-4"]);
    red.receive("letters", { topic: "discard", payload: {} });
    red.receive("letters", { topic: "replay" });
    red.receive("letters", { topic: "purge", payload: { all: true } });
    red.receive("letters", { topic: "list", payload: { from: "yesterday" } });
    const errors = (await red.arrived("errors", 4, 60_000)).map((one) => (one["error"] as { message: string }).message);
    assert.match(errors[0] ?? "", /discard: say which letters/u);
    assert.match(errors[1] ?? "", /replay: say which letters/u);
    assert.match(errors[2] ?? "", /must be list, replay or discard, and is "purge"/u);
    assert.match(errors[3] ?? "", /from: give a time/u);
    await red.until(
      "the status says that messages failed, and how many letters wait",
      () =>
        red.status("letters")?.text === "letters 2 · failed" ||
        /letters\.\w+ 2 · /u.test(red.status("letters")?.text ?? ""),
      60_000,
    );
    for (const body of ["", "{}", '{"id":["letter-3"]}'])
      for (const action of ["discard", "replay"]) {
        const answer = await fetch(`${red.url}/citystream/dead-letters/letters/${action}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
        });
        assert.equal(answer.status, 400, `${action} ${body}`);
        assert.match(await answer.text(), /say which letters/u);
      }
    assert.equal((await list()).size, 2);
    assert.deepEqual(await ask("discard", { all: true }), { discarded: 2 });
    assert.equal((await list()).size, 0);
  });

  it("discards what was counted, and nothing that came, was edited or is replayed since", async () => {
    const post = async (action: string, body: object): Promise<Record<string, unknown>> => {
      const answer = await fetch(`${red.url}/citystream/dead-letters/letters/${action}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return { status: answer.status, ...((await answer.json()) as object) };
    };
    await store(...[1, 2, 3, 4].map((n) => letter(n)));
    await red.deploy(flow({}, { id: "replayed", type: "test-collect", manual: true }));
    await ask("replay", { ids: ["letter-4"] });
    await red.arrived("replayed", 1, 60_000);
    const { selection, count } = await post("select", { all: true });
    assert.equal(count, 3, "without the one that is being replayed");
    await store(letter(5));
    const put = await fetch(`${red.url}/citystream/dead-letters/letters/letter-2`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ message: { payload: { n: "mended" } } }),
    });
    assert.equal(put.status, 200, await put.text());
    assert.deepEqual(await post("discard", { selection }), { status: 200, count: 2 });
    assert.deepEqual((await ids()).toSorted(), ["letter-2", "letter-4", "letter-5"]);
    const again = await post("discard", { selection });
    assert.equal(again["status"], 400);
    assert.match(String(again["error"]), /not known any more/u);
    assert.equal((await list()).size, 3);
    assert.equal((await post("select", {}))["status"], 400, "nor is all meant when nobody says so");
  });

  it("shows letters that come while it runs, and leaves files alone that are still written to", async () => {
    const writing = deadLetterFile({ directory: folder });
    await writing.write([letter(1)]);
    await red.deploy(flow());
    assert.equal((await list()).size, 1);
    await ask("discard", { all: true });
    await writing.write([letter(2)]);
    await red.until("the new one shows", async () => (await list()).size === 1, 60_000);
    assert.deepEqual(await ids(), ["letter-2"]);
    assert.ok(lines().length === 2, "its file is in use");
    await writing.close();
    await ask("discard", { all: true });
    assert.deepEqual(readdirSync(folder), []);
  });

  it("keeps what is being replayed when it is closed in flight", async () => {
    await store(letter(1), letter(2));
    await red.deploy(flow({}, { id: "replayed", type: "test-collect", manual: true }));
    await ask("replay", { all: true });
    await red.arrived("replayed", 2, 60_000);
    await red.deploy([]);
    await red.deploy(flow());
    assert.deepEqual(await ids(), ["letter-1", "letter-2"]);
    assert.equal((await list()).replaying, 0);
  });

  it("is red when a setting is wrong, and names it", async () => {
    await red.deploy(flow({ store: "topic", topic: "x" }));
    await red.until("the node is red", () => red.status("letters")?.fill === "red", 60_000);
    await red.deploy(flow({ inFlight: "0" }));
    await red.until("the node is red", () => red.status("letters")?.fill === "red", 60_000);
    const logged = red.logs.map((entry) => String(entry.msg)).join("\n");
    assert.match(logged, /Cluster: is not chosen/u);
    assert.match(logged, /Replayed at a time: 0 is below 1/u);
  });

  describe("of a Kafka topic", () => {
    let cluster: Cluster;
    before(async function services() {
      cluster = await clusterFor(this);
    });
    after(() => cluster?.close());

    it("replays, edits and discards them; what is done is the group's committed offset, also after a restart", async function kafka() {
      this.timeout(300_000);
      const topic = unique("dead");
      const group = unique("letters");
      const letters = deadLetterTopic(cluster.kafka, {
        topic,
        from: { id: "in", type: "citystream-kafka-in" },
        folder,
        patience: 60_000,
        state: () => undefined,
        warn: () => undefined,
      });
      await letters.write([1, 2, 3, 4].map((n) => letter(n)));
      await letters.close();
      const topicFlow = (...below: FlowNode[]): FlowNode[] => [
        ...flow({ store: "topic", cluster: "cluster", topic, group, folder: "" }, ...below),
        clusterNode(cluster.brokers),
      ];
      await red.deploy(
        topicFlow({
          id: "replayed",
          type: "function",
          func: "if (msg.payload.n === 3) throw new Error('still'); node.done();",
          wires: [[]],
        }),
      );
      await red.until("all are listed", async () => (await list()).size === 4, 120_000);
      const base = `${red.url}/citystream/dead-letters/letters`;
      const put = await fetch(`${base}/letter-2`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ message: { payload: { n: 22 }, source: { topic: "even", partition: 0, offset: 2 } } }),
      });
      assert.equal(put.status, 200, await put.text());
      await red.until("the edited one is there", async () => (await list({ search: "22" })).total === 1, 120_000);
      assert.equal((await list()).size, 4, "in place of the old one");
      await ask("replay", { ids: ["letter-1", "letter-3"] });
      await red.until("one is gone", async () => (await list()).size === 3, 120_000);
      await red.until("one is back", async () => (await list({ cause: "still" })).total === 1, 120_000);
      assert.equal((await list({ cause: "still" })).letters[0]?.attempts, 7);
      await red.deploy([]);
      await red.deploy(topicFlow());
      await red.until("three are there after a restart", async () => (await list()).size === 3, 120_000);
      assert.deepEqual((await ids()).toSorted(), ["letter-2", "letter-3", "letter-4"]);
      assert.deepEqual(await ask("discard", { ids: ["letter-4"] }), { discarded: 1 });
      await ask("replay", { all: true });
      const replayed = (await red.arrived("replayed", 2, 120_000)).map(({ payload }) => payload as Message);
      assert.deepEqual(
        replayed.map((payload) => payload["n"]).toSorted((a, b) => Number(a) - Number(b)),
        [3, 22],
      );
      await red.until("none is left", async () => (await list()).size === 0, 120_000);
      const end = (await cluster.kafka.offsets(topic)).reduce((sum, { high }) => sum + high, 0);
      await red.until(
        "the group has no lag",
        async () => (await committedOf(cluster.kafka, group, topic)) === end,
        120_000,
      );
      await red.deploy([]);
      await red.deploy(topicFlow());
      await until("the node is connected", () => red.status("letters")?.text !== undefined, 60_000);
      assert.equal((await list()).size, 0);
    });
  });
});
