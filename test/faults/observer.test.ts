/** The observer must be able to find what it looks for. On a real flow that loses: kill.test.ts. */
import assert from "node:assert/strict";
import { createServer, createConnection, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, appendFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../tools/services/ports";
import { remember, remembered, totalsOf, type Finished } from "../soak/totals";
import { movedBack, partitionOfGroup, tooEarly, type Commit } from "./lab/commits";
import { Tally, valueOf } from "./lab/numbers";
import { filePlace, folderPlace } from "./lab/places";
import { Proxy, type Fault } from "./lab/proxy";

const commit = (offset: number, time: number, partition = 0): Commit => ({
  group: "g",
  topic: "t",
  partition,
  offset,
  time,
});

describe("the observer", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-observer-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("tells missing, repeated, invented and damaged records apart", () => {
    const tally = new Tally("a");
    for (const n of [0, 1, 1, 3, 4, 9]) tally.see(valueOf("a", n, n * 20));
    tally.see(valueOf("another trial", 2));
    tally.see(valueOf("a", 2).slice(0, -3));
    tally.see({ n: 2, c: "00000000" });
    tally.see(null);
    assert.deepEqual(tally.counts(6), { sent: 6, arrived: 10, missing: 2, repeated: 1, invented: 1, damaged: 4 });
    assert.deepEqual(tally.missing(6), [2, 5]);
    assert.match(
      tally.faults("topic", 6).join("; "),
      /^topic: 2 of 6 missing: 2, 5; topic: 1 invented: 9; topic: 4 damaged/u,
    );
  });

  it("finds nothing wrong where nothing is", () => {
    const tally = new Tally("a");
    for (const n of [2, 0, 1]) tally.see(JSON.parse(valueOf("a", n)));
    assert.deepEqual(tally.faults("topic", 3), []);
  });

  it("finds commits that move back, by partition", () => {
    assert.deepEqual(movedBack([commit(5, 0), commit(5, 1), commit(9, 2), commit(7, 3, 1)]), []);
    assert.deepEqual(movedBack([commit(150, 0), commit(50, 1), commit(60, 2)]), [
      "the commit of partition 0 moved back from 150 to 50",
    ]);
  });

  it("finds commits of records that were stored later, or never", () => {
    const arrivals = [10, 20, 15, Infinity];
    const at = (_partition: number, offset: number): number => arrivals[offset] ?? Infinity;
    assert.deepEqual(tooEarly([commit(1, 10), commit(3, 20)], at), []);
    assert.match(tooEarly([commit(2, 15)], at).join(), /offset 2 .* record 1 was stored 5 ms later/u);
    assert.match(tooEarly([commit(3, 25), commit(4, 30)], at).join(), /^offset 4 .* record 3 was never stored$/u);
  });

  it("knows in which partition Kafka keeps the commits of a group", () => {
    // Hashes that are known: 99162322, -609428141 and the least number that Java has.
    const names = ["hello", "The quick brown fox jumps over the lazy dog", "polygenelubricants"];
    assert.deepEqual(
      names.map((name) => partitionOfGroup(name, 50)),
      [22, 41, 0],
    );
  });

  it("reads a file as it grows, and of a folder what readers of lakes would", async () => {
    const file = filePlace("a", path.join(folder, "lines"));
    await file.look();
    writeFileSync(path.join(folder, "lines"), `${valueOf("a", 0)}\n${valueOf("a", 1).slice(0, 4)}`);
    await file.look();
    assert.deepEqual([file.tally.has(0), file.tally.has(1)], [true, false]);
    appendFileSync(path.join(folder, "lines"), `${valueOf("a", 1).slice(4)}\n`);
    await file.look();
    assert.deepEqual(file.tally.faults("file", 2), []);
    const torn = filePlace("a", path.join(folder, "torn"));
    writeFileSync(path.join(folder, "torn"), `${valueOf("a", 0)}\n${valueOf("a", 1).slice(0, 9)}`);
    await torn.look();
    torn.writerKilled();
    appendFileSync(path.join(folder, "torn"), `${valueOf("a", 2)}\n${valueOf("a", 3)}`);
    await torn.look();
    torn.writerKilled();
    appendFileSync(path.join(folder, "torn"), `${valueOf("a", 4)}\n${valueOf("a", 5).slice(0, 9)}${valueOf("a", 6)}\n`);
    await torn.look();
    torn.writerKilled();
    assert.deepEqual([torn.torn, torn.tally.missing(7), torn.tally.counts(7).damaged], [1, [1, 5, 6], 1]);
    const lake = folderPlace("a", path.join(folder, "lake"));
    mkdirSync(path.join(folder, "lake/.growing"), { recursive: true });
    writeFileSync(path.join(folder, "lake/.growing/0"), `${valueOf("a", 1)}\n`);
    writeFileSync(path.join(folder, "lake/0.ndjson"), `${valueOf("a", 0)}\n`);
    await lake.look();
    await lake.look();
    assert.deepEqual(lake.tally.counts(2), { sent: 2, arrived: 1, missing: 1, repeated: 0, invented: 0, damaged: 0 });
  });

  it("keeps the soak's totals over a kill in the middle of a line", () => {
    const file = path.join(folder, "soak/trials.ndjson");
    const counts = { sent: 10, arrived: 12, missing: 1, repeated: 3, invented: 0, damaged: 0 };
    const verdict = {
      name: "k",
      disturbances: 5,
      sent: 10,
      places: { kafka: counts },
      commits: 4,
      seconds: 1,
      figures: {},
    };
    const trial = (faults: string[]): Finished => ({
      family: "kill",
      at: "",
      revision: "",
      verdict: { ...verdict, faults },
    });
    remember(file, trial([]));
    remember(file, trial(["1 missing"]));
    remember(file, { family: "kill", at: "", revision: "", error: "late" });
    appendFileSync(file, readFileSync(file, "utf8").slice(0, 40));
    const total = totalsOf(remembered(file)).get("kill");
    assert.deepEqual(
      [total?.trials, total?.failed, total?.disturbances, total?.sent, total?.missing, total?.repeated],
      [3, 2, 10, 20, 2, 6],
    );
  });
});

describe("the wire that can be cut", () => {
  const through = async (fault: Fault, work: (client: Socket, got: () => string, proxy: Proxy) => Promise<void>) => {
    const echo = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const proxy = new Proxy(await freePort(), (echo.address() as AddressInfo).port);
    let text = "";
    try {
      await proxy.set({ kind: "none" });
      const client = createConnection(proxy.port, "127.0.0.1");
      client.on("error", () => undefined).on("data", (bytes) => (text += bytes.toString()));
      await once(client, "connect");
      client.write("before ");
      while (!text.includes("before ")) await once(client, "data");
      await proxy.set(fault);
      await work(client, () => text, proxy);
      client.destroy();
    } finally {
      await proxy.close();
      echo.close();
    }
  };
  const grows = async (client: Socket, got: () => string, to: string): Promise<void> => {
    while (got() !== to) await once(client, "data");
  };

  const closed = (client: Socket): Promise<unknown> => new Promise((resolve) => client.once("close", resolve));

  it("halves and delays without losing or mixing a byte", async () => {
    for (const fault of [{ kind: "halve" }, { kind: "delay", ms: 30 }] as const)
      await through(fault, async (client, got) => {
        client.write("one ");
        client.write("two ");
        await grows(client, got, "before one two ");
      });
  });

  it("stalls, and lets everything through afterwards", () =>
    through({ kind: "stall" }, async (client, got, proxy) => {
      client.write("held");
      assert.equal(
        await Promise.race([once(client, "data"), new Promise((resolve) => setTimeout(resolve, 200))]),
        undefined,
      );
      await proxy.set({ kind: "none" });
      await grows(client, got, "before held");
    }));

  it("resets, tears, and is not there", async () => {
    await through({ kind: "reset" }, async (client) => void (client.destroyed || (await closed(client))));
    await through({ kind: "tear" }, async (client, got) => {
      client.write("x".repeat(1000));
      await closed(client);
      assert.ok(got().length < 1000, got());
    });
    await through({ kind: "absent" }, async (_client, _got, proxy) => {
      const refused = createConnection(proxy.port, "127.0.0.1");
      const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
      assert.equal(error.code, "ECONNREFUSED");
    });
  });
});
