import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HttpClient } from "../../../../nodes/lib/http";
import { CommitLog } from "../../../../nodes/lib/lake/commit-log";
import { openStore } from "../../../../nodes/lib/lake/open";
import type { Credentials } from "../../../../nodes/lib/lake/s3/credentials";
import { PART } from "../../../../nodes/lib/lake/s3/parts";
import { S3Requests } from "../../../../nodes/lib/lake/s3/requests";
import { uploadsOf } from "../../../../nodes/lib/lake/s3/xml";
import { type ObjectStore, isProblem, readAll } from "../../../../nodes/lib/lake/store";
import type { Service } from "../../../../tools/services";
import { serviceFor } from "../../../../tools/services/for-test";
import { until } from "../../../harness/words";
import { freshRoot } from "../stores";
import { type Loss, type Relay, relay } from "./relay";

const MB = 1024 * 1024;
const LANE = "+tmp/lane";
const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Pieces that no part's border falls between. */
const pieces = (bytes: Buffer): Buffer[] => {
  const all: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 999_983) all.push(bytes.subarray(at, at + 999_983));
  return all;
};

describe("big objects of S3, in parts", function () {
  this.timeout(120_000);
  let s3: Service<"s3">;
  let root: string;
  let store: ObjectStore;
  let relays: Relay[];
  const big = randomBytes(5 * PART + 12_345);

  before(async function () {
    s3 = await serviceFor(this, "s3");
  });
  const settings = (endpoint = s3.url): Parameters<typeof openStore>[0] => {
    const { region, accessKeyId, secretAccessKey } = s3;
    return { address: `s3://${s3.bucket}${root}`, user: "", s3: { endpoint, region, accessKeyId, secretAccessKey } };
  };
  beforeEach(() => {
    root = freshRoot();
    relays = [];
    store = openStore(settings()) as ObjectStore;
  });
  afterEach(async () => {
    store.close();
    for (const one of relays) await one.close();
  });

  /** What the server says to a GET of the bucket, or of a key below the lake. */
  const ask = async (query: Record<string, string>, key?: string): Promise<string> => {
    const client = new HttpClient();
    const { bucket, region, url: endpoint } = s3;
    const credentials = (): Promise<Credentials> => Promise.resolve(s3);
    const requests = new S3Requests({ bucket, region, endpoint, credentials, prefix: `${root.slice(1)}/`, client });
    const { body } = await requests.ask({ method: "GET", query, ...(key !== undefined && { key }) });
    client.close();
    return body.toString("utf8");
  };
  /** Uploads that the server holds unfinished, keys below the lake. */
  const uploads = async (): Promise<{ key: string; uploadId: string }[]> => {
    const prefix = `${root.slice(1)}/`;
    const found = uploadsOf(await ask({ uploads: "", prefix })).uploads;
    return found.map((one) => ({ ...one, key: one.key.slice(prefix.length) }));
  };
  const unfinished = async (): Promise<string[]> => (await uploads()).map(({ key }) => key);
  /** How many parts of unfinished uploads have arrived. */
  const arrived = async (): Promise<number> => {
    let count = 0;
    for (const { key, uploadId } of await uploads())
      count += (await ask({ uploadId }, key)).match(/<PartNumber>/gu)?.length ?? 0;
    return count;
  };
  /** The same lake behind a relay. */
  const behind = async (lose: (request: IncomingMessage) => Loss | undefined): Promise<ObjectStore> => {
    const one = await relay(s3.url, lose);
    relays.push(one);
    return openStore(settings(one.url)) as ObjectStore;
  };
  const isComplete = ({ method, url = "" }: IncomingMessage): boolean => method === "POST" && url.includes("uploadId=");

  it("keeps every byte of an object of six parts, copies it, and leaves no upload", async () => {
    await store.put("big", pieces(big));
    assert.equal(await store.copy("big", "copied"), true);
    for (const name of ["big", "copied"]) assert.equal(digestOf(await readAll(store, name)), digestOf(big));
    assert.deepEqual(await unfinished(), []);
  });

  it("takes the memory of a few parts for a stream, however long it is", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    // what other tests have left goes in two steps
    for (let round = 0; round < 2; round++) {
      collect();
      await nextTurn();
    }
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const length = 512;
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < length; n++) {
        yield Buffer.alloc(MB, n);
        if (n % 16 > 0) continue;
        collect();
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
    };
    await store.put("stream", stream());
    console.log(`      a stream of ${length} MB took ${Math.round(most / MB)} MB`);
    assert.equal((await store.stat("stream"))?.bytes, length * MB);
    assert.ok(most < (length / 2) * MB, `${most} bytes`);
  });

  it("shows nothing of an object before its last part is there", async () => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(big);
      await ended;
    };
    const writing = store.put("slow", stream());
    await until("all parts but the last are there", async () => (await arrived()) === 5);
    assert.deepEqual([await store.list(""), await store.stat("slow")], [[], undefined]);
    end();
    await writing;
    assert.equal((await store.stat("slow"))?.bytes, big.length);
  });

  it("never creates over an object that exists, and leaves no upload", async () => {
    await store.create("once", pieces(big), { createParent: true });
    const other = Buffer.alloc(big.length);
    await assert.rejects(store.create("once", pieces(other), { createParent: true }), (error) =>
      isProblem(error, "exists"),
    );
    assert.equal(digestOf(await readAll(store, "once")), digestOf(big));
    assert.deepEqual(await unfinished(), []);
  });

  it("removes the parts of a stream that breaks off", async () => {
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(big);
      throw new Error("it broke off");
    };
    await assert.rejects(store.put("broken", stream()), /it broke off/u);
    assert.deepEqual([await store.list(""), await unfinished()], [[], []]);
  });

  it("sends a part again whose connection broke, and no other", async () => {
    const sent: string[] = [];
    const lossy = await behind(({ method, url = "" }) => {
      const [part] = /partNumber=\d+/u.exec(url) ?? [];
      if (method !== "PUT" || part === undefined) return undefined;
      sent.push(part);
      return part === "partNumber=3" && sent.filter((one) => one === part).length === 1 ? "request" : undefined;
    });
    await lossy.put("big", pieces(big));
    lossy.close();
    assert.equal(digestOf(await readAll(store, "big")), digestOf(big));
    assert.deepEqual(
      sent.toSorted(),
      [1, 2, 3, 3, 4, 5, 6].map((part) => `partNumber=${part}`),
    );
  });

  it("recognises its object when the answer that it is whole got lost", async () => {
    for (const onlyNew of [false, true]) {
      const asked: string[] = [];
      const lossy = await behind((request) => {
        if (!isComplete(request)) return undefined;
        asked.push(request.url ?? "");
        return asked.length === 1 ? "answer" : undefined;
      });
      const name = `lost-${onlyNew}`;
      if (onlyNew) await lossy.create(name, pieces(big), { createParent: true });
      else await lossy.put(name, pieces(big));
      lossy.close();
      assert.equal(asked.length, 1, "the object itself says that it is there");
      assert.equal(digestOf(await readAll(store, name)), digestOf(big));
    }
    assert.deepEqual(await unfinished(), []);
  });

  it("removes later what it could not when an upload failed and the server was away", async () => {
    let isAway = false;
    const lossy = await behind(() => (isAway ? "request" : undefined));
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(big);
      isAway = true;
      throw new Error("it broke off");
    };
    await assert.rejects(lossy.put("left", stream()), /it broke off/u);
    isAway = false;
    assert.deepEqual(await unfinished(), ["left"]);
    await lossy.put("next", pieces(big));
    lossy.close();
    assert.deepEqual(await unfinished(), []);
  });

  it("leaves nothing to be seen when its writer is killed with -9, and the lane's next owner removes the parts", async () => {
    const child = fork(path.join(__dirname, "uploading.js"), [JSON.stringify(settings()), LANE]);
    await until("parts are there", async () => (await arrived()) > 1);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.deepEqual(await store.list(`${LANE}/data`), []);
    assert.equal((await unfinished()).length, 1, "its parts are still there");
    const log = new CommitLog(store, LANE);
    const hold = await log.claim();
    assert.deepEqual([await unfinished(), await store.list(`${LANE}/data`)], [[], []]);
    const temporary = log.temporary(hold, "1-1");
    await store.put(temporary, pieces(big));
    await log.settle(await log.commit(hold, { temporary, directory: "d" }, () => "big"), hold);
    assert.equal(digestOf(await readAll(store, "d/big")), digestOf(big));
  });

  it("takes no upload away from a later owner, and fails one of an earlier that goes on", async () => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(big);
      await ended;
    };
    const [early, late] = [new CommitLog(store, LANE), new CommitLog(store, LANE)];
    const paused = store.put(early.temporary(await early.claim(), "1-1"), stream());
    paused.catch(() => undefined);
    await until("all parts but the last are there", async () => (await arrived()) === 5);
    const hold = await late.claim();
    assert.deepEqual(await unfinished(), []);
    const later = store.put(late.temporary(hold, "1-1"), stream());
    await until("all parts but the last are there", async () => (await arrived()) === 5);
    await store.endUploads(`${LANE}/data`, (name) => name < hold.number.toString().padStart(10, "0"));
    end();
    await later;
    await assert.rejects(paused, (error) => isProblem(error, "missing"));
    assert.deepEqual(
      (await store.list(`${LANE}/data`)).map(({ name }) => name),
      [`${hold.number.toString().padStart(10, "0")}-${hold.claim}`],
    );
  });
});
