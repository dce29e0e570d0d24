import assert from "node:assert/strict";
import { readAhead } from "../../../nodes/lib/kafka/kafkajs-ahead";

type Fetch = Parameters<typeof readAhead>[0];
type Request = Parameters<Fetch>[0];

/** A broker with `held` records in each partition, which gives at most `most` of a partition at a time. */
const broker = (held: Record<number, number>, most = 10, unpacked = 0, replicas: Record<number, number> = {}) => {
  const requests: Record<number, number>[] = [];
  const fails: Error[] = [];
  const fetch: Fetch = async ({ topics }) => {
    const offsets = Object.fromEntries(
      topics.flatMap(({ partitions }) => partitions.map(({ partition, fetchOffset }) => [partition, +fetchOffset])),
    ) as Record<number, number>;
    requests.push(offsets);
    const failure = fails.shift();
    if (failure) throw failure;
    return {
      unpacked,
      responses: topics.map(({ topic, partitions }) => ({
        topicName: topic,
        partitions: partitions.map(({ partition, fetchOffset }) => {
          const end = Math.min(held[partition] ?? 0, +fetchOffset + most);
          return {
            partition,
            highWatermark: String(held[partition] ?? 0),
            lastStableOffset: String(held[partition] ?? 0),
            preferredReadReplica: replicas[partition] ?? -1,
            messages: end > +fetchOffset ? [{ offset: String(end - 1) }] : [],
          };
        }),
      })),
    };
  };
  return { requests, fails, fetch };
};

const ask = (offsets: Record<number, number>): Request => ({
  isolationLevel: 1,
  topics: [
    {
      topic: "t",
      partitions: Object.entries(offsets).map(([partition, offset]) => ({
        partition: Number(partition),
        fetchOffset: String(offset),
        maxBytes: 1_048_576,
      })),
    },
  ],
});

/** The last offset of each partition of an answer that has records. */
const got = async (answer: Promise<unknown>): Promise<Record<number, number>> => {
  const { responses } = (await answer) as {
    responses: { partitions: { partition: number; messages: { offset: string }[] }[] }[];
  };
  return Object.fromEntries(
    responses.flatMap(({ partitions }) =>
      partitions.flatMap(({ partition, messages }) => messages.map(({ offset }) => [partition, Number(offset)])),
    ),
  ) as Record<number, number>;
};

describe("reading ahead", () => {
  it("asks for what comes next once an answer was taken whole, and gives it to the request for it", async () => {
    const { fetch, requests } = broker({ 0: 40 });
    const ahead = readAhead(fetch);
    assert.deepEqual(await got(ahead(ask({ 0: 0 }))), { 0: 9 });
    assert.deepEqual(requests, [{ 0: 0 }], "whether the flow keeps up is not known yet");
    assert.deepEqual(await got(ahead(ask({ 0: 10 }))), { 0: 19 });
    assert.deepEqual(requests, [{ 0: 0 }, { 0: 10 }, { 0: 20 }]);
    assert.deepEqual(await got(ahead(ask({ 0: 20 }))), { 0: 29 });
    assert.deepEqual(await got(ahead(ask({ 0: 30 }))), { 0: 39 });
    assert.deepEqual(requests, [{ 0: 0 }, { 0: 10 }, { 0: 20 }, { 0: 30 }], "each was asked for once");
  });

  it("leaves out partitions in which nothing is, but for one that names the replica to read from", async () => {
    const { fetch } = broker({ 0: 5 }, 10, 0, { 2: 7 });
    const { responses } = (await readAhead(fetch)(ask({ 0: 0, 1: 0, 2: 0 }))) as {
      responses: { partitions: { partition: number }[] }[];
    };
    assert.deepEqual(
      responses.map(({ partitions }) => partitions.map(({ partition }) => partition)),
      [[0, 2]],
    );
  });

  it("asks for nothing where nothing waits", async () => {
    const { fetch, requests } = broker({ 0: 20 });
    const ahead = readAhead(fetch);
    for (const offset of [0, 10, 20, 20]) await ahead(ask({ 0: offset }));
    assert.deepEqual(requests, [{ 0: 0 }, { 0: 10 }, { 0: 20 }, { 0: 20 }]);
  });

  it("asks anew after a seek, forward and back", async () => {
    const { fetch } = broker({ 0: 100 });
    const ahead = readAhead(fetch);
    for (const offset of [0, 10]) await ahead(ask({ 0: offset }));
    assert.deepEqual(await got(ahead(ask({ 0: 70 }))), { 0: 79 });
    assert.deepEqual(await got(ahead(ask({ 0: 80 }))), { 0: 89 });
    assert.deepEqual(await got(ahead(ask({ 0: 5 }))), { 0: 14 });
  });

  it("gives nothing of a partition that is not asked for any more, or at another offset", async () => {
    const { fetch } = broker({ 0: 100, 1: 100, 2: 100 });
    const ahead = readAhead(fetch);
    await ahead(ask({ 0: 0, 1: 0, 2: 0 }));
    await ahead(ask({ 0: 10, 1: 10, 2: 10 }));
    assert.deepEqual(await got(ahead(ask({ 0: 20, 2: 15 }))), { 0: 29 });
    assert.deepEqual(await got(ahead(ask({ 0: 30, 2: 15 }))), { 0: 39, 2: 24 });
  });

  it("reads nothing ahead for a flow that takes an answer only in parts", async () => {
    const { fetch, requests } = broker({ 0: 100 });
    const ahead = readAhead(fetch);
    for (const offset of [0, 3, 7, 9, 12]) await ahead(ask({ 0: offset }));
    assert.equal(requests.length, 5);
  });

  it("asks anew when reading ahead failed, so that kafkajs gets the error of its own request", async () => {
    const { fetch, fails, requests } = broker({ 0: 100 });
    const ahead = readAhead(fetch);
    await ahead(ask({ 0: 0 }));
    await ahead(ask({ 0: 10 }));
    assert.equal(requests.length, 3, "the third is ahead");
    fails.push(new Error("ahead"), new Error("its own"));
    await ahead(ask({ 0: 20 }));
    await assert.rejects(ahead(ask({ 0: 30 })), /its own/);
    assert.deepEqual(await got(ahead(ask({ 0: 30 }))), { 0: 39 });
  });

  it("does not hold two answers that are large when unpacked", async () => {
    const { fetch, requests } = broker({ 0: 100 }, 10, 9 * 1024 * 1024);
    const ahead = readAhead(fetch);
    for (const offset of [0, 10, 20]) await ahead(ask({ 0: offset }));
    assert.equal(requests.length, 3);
  });

  it("sees what waits in a partition of which nothing fitted into the answer", async () => {
    const { fetch, requests } = broker({ 0: 20, 1: 50 });
    const full: Fetch = async (request) => {
      const answer = (await fetch(request)) as { responses: { partitions: { messages: unknown[] }[] }[] };
      // The broker's bound is reached with the first partition that has records.
      let isFull = false;
      for (const one of answer.responses.flatMap(({ partitions }) => partitions)) {
        if (isFull) one.messages = [];
        isFull ||= one.messages.length > 0;
      }
      return answer;
    };
    const ahead = readAhead(full);
    await ahead(ask({ 0: 0, 1: 0 }));
    await ahead(ask({ 0: 10, 1: 0 }));
    assert.deepEqual(await got(ahead(ask({ 0: 20, 1: 0 }))), { 1: 9 });
    assert.deepEqual(requests.length, 4, "of which the last is for what comes then");
  });
});
