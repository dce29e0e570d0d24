import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import path from "node:path";
import { rangeName } from "../../../../nodes/lib/lake/file-name";
import { openStore } from "../../../../nodes/lib/lake/open";
import { type FileStore, isProblem, readAll } from "../../../../nodes/lib/lake/store";
import { indexName, StoredOffsets } from "../../../../nodes/lib/lake/stored";
import type { Service } from "../../../../tools/services";
import { serviceFor } from "../../../../tools/services/for-test";
import { freshRoot } from "../stores";
import { readWhole } from "../whole";

const MB = 1024 * 1024;
const digestOf = (...parts: Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** Hosts that this process asks from now on, in order. */
function requests(): { readonly hosts: string[]; stop(): void } {
  const hosts: string[] = [];
  const started = (message: unknown): void => {
    hosts.push(String((message as { request: ClientRequest }).request.getHeader("host")));
  };
  subscribe("http.client.request.start", started);
  return { hosts, stop: () => unsubscribe("http.client.request.start", started) };
}

describe("reading from HDFS while data nodes go away", function () {
  this.timeout(120_000);
  let hdfs: Service<"hdfs">;
  let store: FileStore;
  let seen: ReturnType<typeof requests>;
  /** Names of data nodes by the hosts of their web servers. */
  const names = new Map<string, string>();

  before(async function () {
    hdfs = await serviceFor(this, "hdfs", {
      own: true,
      dataNodes: 3,
      // one that is killed stays among those to which the name node sends readers
      properties: { "dfs.namenode.heartbeat.recheck-interval": "600000" },
    });
    const ports = JSON.parse(readFileSync(path.join(hdfs.directory, "ports.json"), "utf8")) as Record<string, number>;
    for (const name of hdfs.processes.keys())
      if (name !== "namenode") names.set(`127.0.0.1:${ports[`${name} http`]}`, name);
  });
  beforeEach(() => {
    store = openStore({ address: `${hdfs.url}${freshRoot()}`, user: hdfs.user, timeout: 10_000 }) as FileStore;
    seen = requests();
  });
  afterEach(async () => {
    seen.stop();
    store.close();
    await hdfs.start();
  });
  after(() => hdfs?.stop());

  const kill = async (host: string | undefined): Promise<void> => {
    const killed = hdfs.processes.get(names.get(host ?? "") ?? "");
    assert.ok(killed, `${host} is no data node`);
    await killed.kill9();
  };
  /** Data nodes that were asked, in order. */
  const dataNodes = (): string[] => seen.hosts.filter((host) => names.has(host));
  const write = async (name: string, content: Buffer, blockSize = 128 * MB): Promise<void> => {
    await store.create(name, [content], { createParent: true, replication: 2, blockSize });
    seen.hosts.length = 0;
  };

  for (const [where, blockSize, offset, length] of [
    ["a file", 128 * MB, 0, 64 * MB],
    ["a part of a file of many blocks", MB, 5 * MB + 17, 56 * MB + 5],
  ] as const)
    it(`goes on with another data node where the one that sends ${where} is killed, each byte once`, async () => {
      // more than sockets hold: the data node still has most of it when it dies
      const content = randomBytes(64 * MB);
      await write("big", content, blockSize);
      const parts: Uint8Array[] = [];
      let read = 0;
      let killedAt: number | undefined;
      for await (const part of await store.read("big", offset, offset > 0 ? length : undefined)) {
        parts.push(part);
        read += part.length;
        if (killedAt !== undefined || read < 8 * MB) continue;
        killedAt = read;
        await kill(dataNodes()[0]);
      }
      console.log(
        `      killed after ${killedAt} bytes; ${read} of ${length} read, data nodes: ${dataNodes().join(", ")}`,
      );
      assert.equal(read, length);
      assert.equal(digestOf(...parts), digestOf(content.subarray(offset, offset + length)));
      assert.ok(new Set(dataNodes()).size > 1, "another data node was asked");
    });

  it("reads files, lists and indexes of offsets while one data node is dead and the name node does not know", async () => {
    const FILES = 20;
    const fileNames = Array.from({ length: FILES }, (_, n) =>
      rangeName({ topic: "t", partition: 0, first: n * 10, last: n * 10 + 9 }, ".ndjson"),
    );
    for (const [n, name] of fileNames.entries()) {
      const index = JSON.stringify({ ranges: [[n * 10, n * 10 + 4]] });
      await write(`day/${indexName(name, "0badcafe")}`, Buffer.from(index));
      await write(`day/${name}`, Buffer.from(`${JSON.stringify({ n })}\n`));
    }
    await readAll(store, `day/${fileNames[0]}`);
    const [dead = ""] = dataNodes();
    await kill(dead);
    seen.hosts.length = 0;
    const { payloads, troubles } = await readWhole("", { store, where: "day" });
    assert.deepEqual([payloads, troubles], [fileNames.map((_, n) => ({ n })), []]);
    const inTurn = dataNodes();
    const again = inTurn.filter((host, at) => host === dead && inTurn[at - 1] === dead);
    assert.deepEqual(again, [], "a data node that has failed a reading is left out of it");
    const stored = new StoredOffsets(store, "day", "t", 0, "0badcafe");
    await stored.load();
    const known = await Promise.all(Array.from({ length: FILES * 10 }, async (_, offset) => stored.has(offset, 0)));
    assert.deepEqual(
      known,
      known.map((_, offset) => offset % 10 < 5),
    );
    const sent = dataNodes();
    const inVain = sent.filter((host) => host === dead).length;
    console.log(
      `      ${FILES} files and indexes: ${sent.length} requests to data nodes, ${inVain} of them to the dead one`,
    );
    assert.ok(inVain > 0, "the name node did not send us to the dead one");
  });

  it("says which data node is away when all that hold a file are", async () => {
    await write("lost", Buffer.from("x"));
    for (const host of names.keys()) await kill(host);
    await assert.rejects(readAll(store, "lost"), (error: unknown) => {
      assert.ok(isProblem(error, "unreachable"), String(error));
      assert.match(error.message, /refuses the connection.*sends us to the data node 127\.0\.0\.1:\d+/u);
      return true;
    });
    assert.equal(new Set(dataNodes()).size, 2, "both that hold it were asked");
  });
});
