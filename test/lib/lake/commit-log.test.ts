import assert from "node:assert/strict";
import { CommitLog, type Committed } from "../../../nodes/lib/lake/commit-log";
import { type ObjectStore, StoreError, isProblem, readAll } from "../../../nodes/lib/lake/store";
import { s3 } from "./stores";

const LANE = "+tmp/lane";
const named = (name: string) => (copy: number) => (copy === 1 ? name : `${name}+${copy}`);

/** Uploads a file of a hold and publishes it. */
async function publish(log: CommitLog, store: ObjectStore, name: string): Promise<Committed> {
  const hold = await log.claim();
  const temporary = log.temporary(hold, name);
  await store.put(temporary, [Buffer.from(name)]);
  return log.commit(hold, { temporary, directory: "d" }, named(name));
}

describe("a lane's log on S3", () => {
  let store: ObjectStore;
  beforeEach(async function () {
    store = await s3.open(this);
  });
  afterEach(() => store?.close());
  const log = (on: ObjectStore = store): CommitLog => new CommitLog(on, LANE);
  const names = async (folder = "d"): Promise<string[]> => (await store.list(folder)).map(({ name }) => name);
  const content = async (name: string): Promise<string> => (await readAll(store, `d/${name}`)).toString();

  it("lets one of many win who create the same object at the same time", async () => {
    for (let round = 0; round < 10; round++) {
      const tries = Array.from({ length: 20 }, (_, at) =>
        store.create(`race/${round}`, [Buffer.from(String(at))], { createParent: true }).then(
          () => at,
          (error: unknown) => {
            assert.ok(isProblem(error, "exists", "unavailable"), String(error));
            return undefined;
          },
        ),
      );
      const won = (await Promise.all(tries)).filter((one) => one !== undefined);
      assert.equal(won.length, 1, `round ${round}: ${won.length} have created it`);
      assert.equal((await readAll(store, `race/${round}`)).toString(), String(won[0]));
    }
  });

  it("publishes files under their names, one after the other, and keeps nothing temporary", async () => {
    const one = log();
    const hold = await one.claim();
    const all = await Promise.all(["a", "b", "c"].map((name) => publish(one, store, name)));
    await Promise.all(all.map((file) => one.settle(file, hold)));
    assert.deepEqual(await names(), ["a", "b", "c"]);
    assert.equal(await content("b"), "b");
    assert.deepEqual(await store.list(`${LANE}/data`), []);
  });

  it("carries out what its last writer had published and died over, and nothing else of it", async () => {
    const died = log();
    await publish(died, store, "published");
    const hold = await died.claim();
    await store.put(died.temporary(hold, "unpublished"), [Buffer.from("x")]);
    const next = log();
    await next.claim();
    assert.deepEqual(await names(), ["published"]);
    assert.deepEqual(await store.list(`${LANE}/data`), []);
    await log().claim();
    assert.deepEqual(await names(), ["published"], "once, whoever comes then");
  });

  it("carries it out too when the one who took over died before it could", async () => {
    await publish(log(), store, "published");
    const cut: ObjectStore = { ...store, copy: () => Promise.reject(new StoreError("unreachable", "cut off")) };
    await assert.rejects(log(cut).claim(), /cut off/);
    await assert.rejects(log(cut).claim(), /cut off/);
    await log().claim();
    assert.deepEqual(await names(), ["published"]);
  });

  it("publishes nothing for a writer that was paused while another took over, and all for the other", async () => {
    const zombie = log();
    const owner = log();
    const hold = await zombie.claim();
    const temporary = zombie.temporary(hold, "late");
    await store.put(temporary, [Buffer.from("late")]);
    await owner.claim();
    await assert.rejects(zombie.commit(hold, { temporary, directory: "d" }, named("late")), { name: "Fenced" });
    const file = await publish(owner, store, "good");
    await owner.settle(file, await owner.claim());
    await assert.rejects(zombie.commit(hold, { temporary, directory: "d" }, named("late")), { name: "Fenced" });
    assert.deepEqual(await names(), ["good"]);
    zombie.lost();
    const again = await publish(zombie, store, "again");
    await zombie.settle(again, await zombie.claim());
    assert.deepEqual(await names(), ["again", "good"]);
  });

  it("removes nothing of a later hold, whoever takes over at the same time", async () => {
    let later: Committed | undefined;
    const owner = log();
    const slow: ObjectStore = {
      ...store,
      async list(path) {
        // In the middle of a take-over another writer takes over and is about to publish.
        if (path.endsWith("/data") && later === undefined) later = await publish(owner, store, "later");
        return store.list(path);
      },
    };
    const early = log(slow);
    await early.claim();
    assert.ok(later);
    await owner.settle(later, await owner.claim());
    await assert.rejects(publish(early, store, "early"), { name: "Fenced" });
    assert.deepEqual(await names(), ["later"]);
  });

  it("does not take a file for stored that somebody removed before it was", async () => {
    const one = log();
    const hold = await one.claim();
    const file = await publish(one, store, "x");
    await store.remove(file.temporary);
    await assert.rejects(one.settle(file, hold), { name: "Fenced" });
  });

  it("recognises its own entry whose answer was lost, and publishes it once", async () => {
    let losing = true;
    const lossy: ObjectStore = {
      ...store,
      async create(path, body, options) {
        await store.create(path, body, options);
        if (!losing || !path.includes("/log/")) return;
        losing = false;
        throw new StoreError("unreachable", "the connection broke after the request");
      },
    };
    const one = log(lossy);
    losing = false;
    const hold = await one.claim();
    const before = (await store.list(`${LANE}/log`)).length;
    losing = true;
    const temporary = one.temporary(hold, "x");
    await store.put(temporary, [Buffer.from("x")]);
    await assert.rejects(one.commit(hold, { temporary, directory: "d" }, named("x")), /broke/);
    const other = await publish(one, store, "y");
    const file = await one.commit(hold, { temporary, directory: "d" }, named("x"));
    await Promise.all([file, other].map((each) => one.settle(each, hold)));
    assert.deepEqual(await names(), ["x", "y"]);
    assert.equal((await store.list(`${LANE}/log`)).length, before + 2);
  });

  it("gives a taken name to no other file, whether it is there yet or only published", async () => {
    const one = log();
    const hold = await one.claim();
    const first = await publish(one, store, "same");
    const second = await one.commit(hold, { temporary: first.temporary + "b", directory: "d" }, named("same"));
    assert.deepEqual([first.name, second.name], ["same", "same+2"]);
    await one.settle(first, hold);
    const third = await one.commit(hold, { temporary: first.temporary + "c", directory: "d" }, named("same"));
    assert.equal(third.name, "same+3");
  });

  it("refuses a server that writes over objects in spite of If-None-Match", async () => {
    const careless: ObjectStore = { ...store, create: (path, body) => store.put(path, body as readonly Uint8Array[]) };
    await assert.rejects(log(careless).claim(), /writes over objects in spite of If-None-Match/);
  });
});
