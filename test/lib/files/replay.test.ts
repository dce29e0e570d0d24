import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import type { Clock } from "../../../nodes/lib/files/clock";
import type { RecordOptions } from "../../../nodes/lib/files/records";
import { Replay, type Delivery, type ReplayOptions } from "../../../nodes/lib/files/replay";
import { until } from "../../harness";

const RECORDS: RecordOptions = {
  format: "csv",
  encoding: "utf-8",
  separator: ",",
  columns: [],
  numbers: "automatic",
  nullWords: ["NA"],
  timeColumns: [],
  utcOffset: "",
};

interface Watched {
  readonly replay: Replay;
  readonly deliveries: Delivery[];
  readonly payloads: unknown[];
  readonly troubles: string[];
  readonly warnings: string[];
  readonly counts: { pressure: number; ended: number };
}

describe("a replay of files", () => {
  let folder: string;
  let open: Replay[];
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-files-"));
    open = [];
  });
  afterEach(async () => {
    for (const replay of open) await replay.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, content: string | Buffer): string => {
    const full = path.join(folder, name);
    writeFileSync(full, content);
    return full;
  };
  const run = (paths: string[], more: Partial<ReplayOptions> = {}, eager = true): Watched => {
    const watched: Omit<Watched, "replay"> = {
      deliveries: [],
      payloads: [],
      troubles: [],
      warnings: [],
      counts: { pressure: 0, ended: 0 },
    };
    const replay = new Replay(
      {
        paths,
        records: RECORDS,
        rowLimit: 1_000_000,
        order: "sequential",
        end: "stop",
        batch: 1,
        span: { records: 5_000, bytes: 64 * 1024 * 1024 },
        positionFile: path.join(folder, "positions", "p.json"),
        ...more,
      },
      {
        deliver(delivery) {
          watched.deliveries.push(delivery);
          watched.payloads.push(...delivery.items.map((item) => (item.error ? item.error.message : item.payload)));
          if (eager) setImmediate(() => delivery.finished());
        },
        pressure: () => (watched.counts.pressure += 1),
        ended: () => (watched.counts.ended += 1),
        trouble: (error) => watched.troubles.push(error.message),
        warn: (text) => watched.warnings.push(text),
      },
    );
    open.push(replay);
    return { ...watched, replay };
  };
  const ended = (watched: Watched, times = 1): Promise<void> => until("the end", () => watched.counts.ended >= times);
  const table = (count: number, from = 0): string =>
    Array.from({ length: count }, (_, index) => `${from + index},x\n`).join("");
  const ns = (watched: Watched): number[] => watched.payloads.map((payload) => (payload as { n: number }).n);
  const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

  it("reads CSV with quotes, line ends inside, a byte order mark, and Korean", async () => {
    const watched = run([file("a.csv", '\ufeff이름,값,메모\r\n"동,대문",1.5,"두\n줄"\r\n강남,NA,\r\n')]);
    await ended(watched);
    assert.deepEqual(watched.payloads, [
      { 이름: "동,대문", 값: 1.5, 메모: "두\n줄" },
      { 이름: "강남", 값: null, 메모: null },
    ]);
    assert.deepEqual(
      watched.deliveries.map(({ items }) => items[0]?.row.line),
      [2, 4],
    );
  });

  it("reads EUC-KR", async () => {
    const bytes = Buffer.concat([Buffer.from("n,s\n1,"), Buffer.from([0xb0, 0xad, 0xb3, 0xb2]), Buffer.from("\n")]);
    const watched = run([file("a.csv", bytes)], { records: { ...RECORDS, encoding: "euc-kr" } });
    await ended(watched);
    assert.deepEqual(watched.payloads, [{ n: 1, s: "강남" }]);
  });

  it("names bad rows with their reasons, each alone, and reads on", async () => {
    const content = 'n,s\n1,a\n2\n3,"a"b\n4,\xff\n5,e\n';
    const watched = run([file("a.csv", Buffer.from(content, "latin1"))], { batch: 10 });
    await ended(watched);
    assert.deepEqual(
      watched.deliveries.map(({ items }) => items.map((item) => [item.row.line, item.error?.message ?? "good"])),
      [
        [[2, "good"]],
        [[3, "it has 1 columns where the header has 2"]],
        [[4, '"b" follows a closing quote, where a separator or the end of the row should']],
        [[5, "it is not UTF-8 text"]],
        [[6, "good"]],
      ],
    );
  });

  it("reads NDJSON, and says where a line is broken", async () => {
    const watched = run([file("a.ndjson", '{"n":1}\n{"n":\n\n{"n":3}')], { records: { ...RECORDS, format: "ndjson" } });
    await ended(watched);
    assert.deepEqual(watched.payloads[0], { n: 1 });
    assert.match(String(watched.payloads[1]), /it is not JSON/);
    assert.deepEqual(watched.payloads[2], { n: 3 });
    assert.equal(watched.deliveries[1]?.items[0]?.row.line, 2);
  });

  it("goes on where everything before was finished, plain and gzip", async () => {
    for (const [name, content] of [
      ["a.csv", Buffer.from(`n,s\n${table(5_000)}`)],
      ["b.csv.gz", gzipSync(`n,s\n${table(5_000)}`)],
    ] as const) {
      const paths = [file(name, content)];
      const more = { positionFile: path.join(folder, `${name}.json`) };
      const first = run(paths, more, false);
      await until("all are out", () => first.payloads.length === 5_000);
      first.deliveries.forEach((delivery, index) => index !== 1_234 && delivery.finished());
      await first.replay.close();
      const second = run(paths, more);
      await ended(second);
      assert.deepEqual(ns(second), range(5_000 - 1_234, 1_234));
      assert.equal(second.deliveries[0]?.items[0]?.row.line, 1_236);
      await second.replay.close();
      const third = run(paths, more);
      await ended(third);
      assert.deepEqual(third.payloads, [], "all was finished");
      await third.replay.close();
    }
  });

  it("waits at its span, asks holders to let go, and goes on when half is finished", async () => {
    const watched = run([file("a.csv", `n,s\n${table(100)}`)], { span: { records: 10, bytes: 1e9 } }, false);
    await until("pressure", () => watched.counts.pressure > 0);
    assert.equal(watched.payloads.length, 10);
    watched.deliveries.slice(1).forEach((delivery) => delivery.finished());
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(watched.payloads.length, 10, "the oldest holds the span");
    watched.deliveries[0]?.finished();
    await until("ten more", () => watched.payloads.length === 20);
  });

  it("delivers nothing while flows do not run", async () => {
    const watched = run([file("a.csv", `n,s\n${table(10)}`)]);
    watched.replay.running(false);
    await until("it has read the file", () => watched.replay.waiting);
    assert.deepEqual(watched.payloads, []);
    watched.replay.running(true);
    await ended(watched);
    assert.deepEqual(ns(watched), range(10));
  });

  it("makes batches", async () => {
    const watched = run([file("a.csv", `n,s\n${table(1_050)}`)], { batch: 500 });
    await ended(watched);
    assert.deepEqual(
      watched.deliveries.map(({ items }) => items.length),
      [500, 500, 50],
    );
  });

  it("merges files by event time and keeps the pace on the clock it is given", async () => {
    const hours = (name: string, list: number[]): string =>
      file(
        name,
        `t,who\n${list.map((hour) => `2017-01-01T${String(hour).padStart(2, "0")}:00:00,${name}\n`).join("")}`,
      );
    const paths = [hours("a.csv", [0, 1, 2, 5]), hours("b.csv", [0, 1, 2, 3]), hours("c.csv", [1, 4])];
    const waits: number[] = [];
    let now = 0;
    const clock: Clock = {
      now: () => now,
      async sleep(ms) {
        waits.push(ms);
        now += ms;
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
    const watched = run(paths, {
      order: "merged",
      records: { ...RECORDS, timeColumns: ["t"] },
      pace: { speedUp: 3_600, longestWait: 60_000 },
      clock,
      batch: 10,
    });
    await ended(watched);
    assert.deepEqual(
      watched.deliveries.map(({ items }) => items.map((item) => (item.payload as { who: string }).who)),
      [["a.csv", "b.csv"], ["a.csv", "b.csv", "c.csv"], ["a.csv", "b.csv"], ["b.csv"], ["c.csv"], ["a.csv"]],
    );
    assert.deepEqual(waits, [1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  it("waits for lines that are appended, and for their line ends", async () => {
    const name = file("a.csv", "n,s\n1,x\n2,");
    const watched = run([name], { end: "tail" });
    await until("the first", () => watched.payloads.length === 1);
    appendFileSync(name, "y\n3,z\n");
    await until("the others", () => watched.payloads.length === 3);
    assert.deepEqual(watched.payloads.at(1), { n: 2, s: "y" });
  });

  it("starts again at the end", async () => {
    const watched = run([file("a.csv", `n,s\n${table(3)}`)], { end: "loop" });
    await ended(watched, 3);
    assert.deepEqual(ns(watched).slice(0, 9), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it("reads a file from its start when another has taken its place", async () => {
    const name = file("a.csv", `n,s\n${table(10)}`);
    const first = run([name]);
    await ended(first);
    await first.replay.close();
    writeFileSync(name, `n,other\n${table(3, 100)}`);
    const second = run([name]);
    await ended(second);
    assert.deepEqual(ns(second), [100, 101, 102]);
    assert.match(second.warnings[0] ?? "", /not the file that was read before/);
  });

  it("says that a file is missing or damaged, and reads it when it is there", async () => {
    const missing = path.join(folder, "late.csv");
    const watched = run([missing]);
    await until("trouble", () => watched.troubles.length > 0);
    assert.match(watched.troubles[0] ?? "", /late\.csv does not exist/);
    writeFileSync(missing, "n,s\n1,a\n");
    await ended(watched);
    assert.deepEqual(ns(watched), [1]);
    const broken = run([file("b.csv.gz", "no gzip")], { positionFile: path.join(folder, "b.json") });
    await until("trouble", () => broken.troubles.length > 0);
    assert.match(broken.troubles[0] ?? "", /b\.csv\.gz is no gzip file/);
  });

  it("does not begin anew over a position file that it cannot read", async () => {
    const positionFile = file("p.json", "not json");
    const watched = run([file("a.csv", "n,s\n1,a\n")], { positionFile });
    await until("trouble", () => watched.troubles.length > 0);
    assert.match(watched.troubles[0] ?? "", /Position file: .*p\.json is no position file/);
    assert.deepEqual(watched.payloads, []);
    await watched.replay.close();
    assert.equal(readFileSync(positionFile, "utf8"), "not json");
  });

  it("reads a folder's data files by name", async () => {
    file("b.csv", "n,s\n2,b\n");
    file("a.csv.gz", gzipSync("n,s\n1,a\n"));
    file("notes.md", "# no data\n");
    const watched = run([folder]);
    await ended(watched);
    assert.deepEqual(ns(watched), [1, 2]);
  });
});
