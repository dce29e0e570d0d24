import assert from "node:assert/strict";
import { nodeStatus, throttledStatus, type Status } from "../../nodes/lib/status";
import { until } from "../harness";

describe("a throttled status", () => {
  it("shows the first change at once and the latest of many once the pause is over", async () => {
    const shown: Status[] = [];
    const status = throttledStatus((next) => shown.push(next));
    for (let count = 0; count < 100; count++) status.set(() => ({ text: String(count) }));
    assert.deepEqual(shown, [{ text: "0" }]);
    await until("the latest is shown", () => shown.length > 1, 2000);
    assert.deepEqual(shown, [{ text: "0" }, { text: "99" }]);
    status.stop();
  });

  it("is made only when it is due", async () => {
    let made = 0;
    const status = throttledStatus(() => undefined);
    for (let count = 0; count < 100; count++) status.set(() => ({ text: String(++made) }));
    await until("the latest is shown", () => made > 1, 2000);
    assert.equal(made, 2);
    status.stop();
  });

  it("does not repeat what is shown already", () => {
    const shown: Status[] = [];
    const status = throttledStatus((next) => shown.push(next));
    status.set(() => ({ text: "same" }));
    status.stop();
    status.set(() => ({ text: "same" }));
    assert.equal(shown.length, 1);
  });
});

describe("a node's status", () => {
  const words: Readonly<Record<string, string>> = { stored: "stored", away: "no server:", failed: "failed" };
  /** How long a failure shows, in ms: longer than a status must stand. */
  const TIME = 1_200;
  let shown: Status[];
  let status: ReturnType<typeof nodeStatus>;
  beforeEach(() => {
    shown = [];
    status = nodeStatus(
      (word) => words[word] ?? word,
      (next) => shown.push(next),
      TIME,
    );
  });
  afterEach(() => status.stop());
  const shows = (text: string, fill: string): Promise<void> =>
    until(
      `"${text}" is shown`,
      () => shown.at(-1)?.text === text && shown.at(-1)?.fill === fill,
      30_000,
      () => shown,
    );

  it("says beside the node's own state that a message failed, whichever comes first, and how far it is meanwhile", async () => {
    status.own({ word: "stored", colour: "green", detail: 5 });
    status.failed();
    await shows("stored 5 · failed", "red");
    status.own({ word: "stored", colour: "green", detail: 6 });
    await shows("stored 6 · failed", "red");
  });

  it("looks its words up only when there is something else to say", async () => {
    let looked = 0;
    const counting = nodeStatus(
      (word) => {
        looked++;
        return word;
      },
      () => undefined,
    );
    for (let message = 0; message < 1_000; message++) counting.own({ word: "stored", colour: "green", detail: 5 });
    assert.equal(looked, 1);
    counting.own({ word: "stored", colour: "green", detail: 6 });
    await until("the other is looked up", () => looked === 2, 2_000);
    counting.stop();
  });

  it("shows a failure for some time among successes, and no longer", async () => {
    status.own({ word: "stored", colour: "green", detail: 1 });
    status.failed();
    status.succeeded();
    status.own({ word: "stored", colour: "green", detail: 2 });
    await shows("stored 2 · failed", "red");
    await shows("stored 2", "green");
  });

  it("goes on saying so while nothing succeeds, and stops at the first success after that time", async () => {
    const other: Status[] = [];
    const lasting = nodeStatus(
      (word) => words[word] ?? word,
      (next) => other.push(next),
      TIME,
    );
    lasting.succeeded();
    lasting.failed();
    status.failed();
    status.succeeded();
    await until("the one that succeeded is clear", () => shown.at(-1)?.text === undefined, 30_000);
    assert.equal(other.at(-1)?.text, "failed");
    lasting.succeeded();
    await until("the other is clear too", () => other.at(-1)?.text === undefined, 30_000);
    lasting.stop();
  });

  it("lets a red state, which says why, stand alone, and what keeps a source from working before both", async () => {
    status.own({ word: "stored", colour: "green" });
    status.failed();
    status.own({ word: "away", colour: "red", detail: "refused" });
    await shows("no server: refused", "red");
    status.trouble({ word: "outage", colour: "red", detail: "store" });
    await shows("outage store", "red");
    status.own({ word: "stored", colour: "green", detail: 3 });
    status.trouble(undefined);
    await shows("stored 3 · failed", "red");
  });
});
