/** A topic of dead letters that is deleted and made anew: its letters are others, though their offsets are the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { deadLetterTopic } from "../../nodes/lib/kafka/dead-letter-topic";
import { flowOf, nodeRed, until, type Harness } from "../harness";
import { CLIENT, clusterFor, clusterNode, committedOf, unique, type Cluster } from "../lib/kafka/harness";

const LONG = 120_000;

describe(`dead letter of a topic that is made anew, by ${CLIENT}`, () => {
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
    folder = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
  });
  afterEach(() => red?.deploy([]));
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** Writes letters, and with them their topic when it is not there. */
  const fill = async (topic: string, names: readonly string[]): Promise<void> => {
    const letters = deadLetterTopic(cluster.kafka, {
      topic,
      from: { id: "in", type: "citystream-kafka-in" },
      folder,
      patience: 60_000,
      state: () => undefined,
      warn: () => undefined,
    });
    for (const id of names)
      await letters.write([{ id, message: { payload: id }, error: new Error("no"), attempts: 1, time: Date.now() }]);
    await letters.close();
  };
  const remove = async (topic: string): Promise<void> => {
    await cluster.kafka.deleteTopics([topic]);
    await until("the topic is gone", async () => !(await cluster.kafka.topics()).includes(topic), LONG);
  };
  const deploy = (topic: string, group: string): Promise<void> =>
    red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        {
          id: `letters-${topic}`,
          type: "citystream-dead-letter",
          store: "topic",
          cluster: "cluster",
          topic,
          group,
          wires: [["replayed"], ["answers"]],
        },
        { id: "replayed", type: "test-collect" },
        { id: "answers", type: "test-collect" },
      ),
    );
  let asked = 0;
  const ask = async (node: string, topic: string, payload: object): Promise<Record<string, unknown>> => {
    const before = red.collected("answers").length;
    red.receive(`letters-${node}`, { topic, payload, asked: ++asked });
    return (await red.arrived("answers", before + 1, LONG)).at(-1)?.payload as Record<string, unknown>;
  };
  const ids = async (topic: string): Promise<string> =>
    ((await ask(topic, "list", {}))["letters"] as { id: string }[])
      .map(({ id }) => id)
      .toSorted()
      .join();
  const shows = (topic: string, expected: string): Promise<unknown> => {
    let seen = "";
    return red.until(
      `it shows ${expected}`,
      async () => (seen = await ids(topic)) === expected,
      LONG,
      () => seen,
    );
  };

  it("has an id by which it is told from the one before", async () => {
    const topic = unique("dead");
    assert.equal(await cluster.kafka.topicId(topic), undefined);
    await fill(topic, ["a"]);
    const first = await cluster.kafka.topicId(topic);
    assert.match(first ?? "", /^[\w-]{22}$/);
    assert.equal(await cluster.kafka.topicId(topic), first);
    await remove(topic);
    await fill(topic, ["a"]);
    const second = await cluster.kafka.topicId(topic);
    assert.ok(second !== undefined && second !== first, `${first}, ${second}`);
  });

  it("shows all letters when that happened while it was away, those at offsets that were done too", async function away() {
    this.timeout(3 * LONG);
    const [topic, group] = [unique("dead"), unique("letters")];
    await fill(topic, ["a1", "a2", "a3", "a4"]);
    await deploy(topic, group);
    await shows(topic, "a1,a2,a3,a4");
    await ask(topic, "discard", { ids: ["a1", "a3"] });
    await shows(topic, "a2,a4");
    await until("what is done is committed", async () => (await committedOf(cluster.kafka, group, topic)) === 1, LONG);
    await red.deploy([]);
    await deploy(topic, group);
    await shows(topic, "a2,a4");
    await red.deploy([]);
    await remove(topic);
    await fill(topic, ["b1", "b2", "b3"]);
    await deploy(topic, group);
    await shows(topic, "b1,b2,b3");
    await ask(topic, "discard", { ids: ["b2"] });
    await red.deploy([]);
    await deploy(topic, group);
    await shows(topic, "b1,b3");
  });

  it("shows all letters when that happens while it runs, at once and later", async function running() {
    this.timeout(3 * LONG);
    const [topic, group] = [unique("dead"), unique("letters")];
    await fill(topic, ["a1", "a2", "a3"]);
    await deploy(topic, group);
    await shows(topic, "a1,a2,a3");
    await ask(topic, "discard", { ids: ["a1", "a2"] });
    await shows(topic, "a3");
    for (const round of ["b", "c"]) {
      await remove(topic);
      const names = [1, 2, 3, 4, 5].map((n) => `${round}${n}`);
      await fill(topic, names);
      await shows(topic, names.join());
      await ask(topic, "discard", { ids: names.slice(1) });
      await shows(topic, `${round}1`);
    }
    assert.ok(red.logs.some(({ msg }) => /was deleted and made anew: all letters in it are shown/.test(String(msg))));
    await red.deploy([]);
    await deploy(topic, group);
    await shows(topic, "c1");
  });
});
