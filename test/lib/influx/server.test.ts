import assert from "node:assert/strict";
import { readdirSync, readFileSync, appendFileSync } from "node:fs";
import path from "node:path";
import { ConfigError } from "../../../nodes/lib/errors";
import { influxFiles } from "../../../nodes/lib/influx/files";
import { influxServer, type ServerSettings } from "../../../nodes/lib/influx/server";
import type { InfluxTarget } from "../../../nodes/lib/influx/target";
import { type IndexedLine, InfluxWriter, type InfluxWriterOptions } from "../../../nodes/lib/influx/writer";
import type { Service } from "../../../tools/services";
import { serviceFor } from "../../../tools/services/for-test";
import { until } from "../../harness";
import { temporaryFolder } from "../lake/stores";
import { influxRows } from "./query";

const base: ServerSettings = {
  version: "1",
  url: "",
  database: "city",
  retentionPolicy: "",
  user: "",
  password: "",
  org: "",
  bucket: "",
  token: "",
  gzip: true,
  timeout: 5000,
};
const lines = (
  measurement: string,
  from: number,
  to: number,
  value: (at: number) => string = (at) => `v=${at}`,
): IndexedLine[] =>
  Array.from({ length: to - from }, (_, at) => ({
    body: `${measurement} ${value(from + at)}`,
    time: String(1000 + from + at),
    index: at,
  }));
const writerOn = (target: InfluxTarget, options: Partial<InfluxWriterOptions> = {}): InfluxWriter =>
  new InfluxWriter(target, { unit: "ms", batch: 1000, linger: 20, memory: 32e6, ...options });
const count = async (url: string, measurement: string): Promise<number> =>
  Number((await influxRows(url, "city", `SELECT count(v) FROM ${measurement}`))[0]?.["count"] ?? 0);

describe("writing to InfluxDB", () => {
  let influx: Service<"influx">;
  before(async function () {
    influx = await serviceFor(this, "influx");
  });

  it("stores every point of many messages, in requests of the size asked for", async () => {
    const requests: number[] = [];
    const target = influxServer({ ...base, url: influx.url });
    const counting: InfluxTarget = {
      ...target,
      write: (some, unit) => (requests.push(some.length), target.write(some, unit)),
    };
    const writer = writerOn(counting);
    await Promise.all(
      Array.from({ length: 25 }, (_, at) => writer.write(lines("many", at * 100, at * 100 + 100), true)),
    );
    assert.equal(await count(influx.url, "many"), 2500);
    assert.deepEqual(requests, [1000, 1000, 500]);
    await writer.close(1000);
    await target.close();
  });

  it("keeps the good points of a request and names the refused ones with the server's reason", async () => {
    const target = influxServer({ ...base, url: influx.url });
    const writer = writerOn(target);
    await writer.write(lines("typed", 0, 1), false);
    const mixed = lines("typed", 1, 501, (at) => (at % 100 === 7 ? `v=${at}i` : at === 250 ? "v=" : `v=${at}`));
    await assert.rejects(writer.write(mixed, true), (error: { elements: { index: number; error: Error }[] }) => {
      assert.deepEqual(
        error.elements.map(({ index }) => index),
        [6, 106, 206, 249, 306, 406],
      );
      assert.match(
        error.elements[0]?.error.message ?? "",
        /type integer, already exists as type float.*keeps the type/,
      );
      assert.match(error.elements[3]?.error.message ?? "", /unable to parse/);
      assert.ok(error.elements.every(({ error: cause }) => cause.name === "Rejected"));
      return true;
    });
    assert.equal(await count(influx.url, "typed"), 495);
    await writer.close(1000);
    await target.close();
  });

  it("needs few requests when everything is refused", async () => {
    let requests = 0;
    const target = influxServer({ ...base, url: influx.url });
    const counting: InfluxTarget = { ...target, write: (some, unit) => (requests++, target.write(some, unit)) };
    const writer = writerOn(counting);
    await writer.write(lines("all", 0, 1), false);
    requests = 0;
    await assert.rejects(
      writer.write(
        lines("all", 1, 1001, () => 'v="text"'),
        true,
      ),
      (error: { elements: unknown[] }) => error.elements.length === 1000,
    );
    assert.equal(requests, 1);
    await writer.close(1000);
    await target.close();
  });

  it("waits while the server is killed and gone, and loses nothing", async function () {
    const own = await serviceFor(this, "influx", { own: true });
    const target = influxServer({ ...base, url: own.url });
    const told: (string | undefined)[] = [];
    const writer = writerOn(target, { away: (error) => told.push(error?.message) });
    await writer.write(lines("outage", 0, 100), true);
    await own.kill9();
    const during = Promise.all([
      writer.write(lines("outage", 100, 200), true),
      writer.write(lines("outage", 200, 300), true),
    ]);
    await until("the outage was noticed", () => told.length > 0);
    assert.match(told[0] ?? "", /refuses the connection: is it running/);
    await own.start();
    await during;
    assert.equal(told.at(-1), undefined);
    assert.equal(await count(own.url, "outage"), 300);
    await writer.close(1000);
    await target.close();
    await own.stop();
  });

  it("hands back what it could not store when it closes", async () => {
    const target = influxServer({ ...base, url: "http://127.0.0.1:9" });
    const writer = writerOn(target);
    const writing = writer.write(lines("closed", 0, 10), false);
    writing.catch(() => undefined);
    await writer.close(50);
    await assert.rejects(writing, (error: { unreachable?: boolean }) => error.unreachable === true);
  });

  it("says what it found when the connection is tried, and precisely what is wrong", async function () {
    const found = await influxServer({ ...base, url: influx.url }).test();
    // what the server itself says; one that was built by go install does not know its version
    const { headers } = await fetch(`${influx.url}/ping`);
    assert.deepEqual(found, { word: "server", version: headers.get("x-influxdb-version") });
    const secured = await serviceFor(this, "influx", { admin: { user: "admin", password: "secret" } });
    const right = { ...base, url: secured.url, user: "admin", password: "secret" };
    assert.equal((await influxServer(right).test()).word, "server");
    const v2 = { ...right, version: "2" as const, org: "any", bucket: "city/autogen", token: "admin:secret" };
    assert.equal((await influxServer(v2).test()).word, "server");
    const wrong: [ServerSettings, RegExp][] = [
      [{ ...base, url: "http://127.0.0.1:9" }, /refuses the connection/],
      [{ ...base, url: "http://no-such-host.invalid:8086" }, /not a known host|could not be looked up/],
      [{ ...base, url: influx.url, database: "nowhere" }, /database not found.*make it or enter another/],
      [{ ...right, password: "wrong" }, /401.*refused/],
      [{ ...base, url: secured.url }, /401.*refused/],
      [{ ...v2, token: "admin:wrong" }, /401.*refused/],
    ];
    for (const [settings, message] of wrong)
      await assert.rejects(influxServer(settings).test(), (error: Error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
  });

  it("names the setting that a version needs", () => {
    assert.throws(() => influxServer({ ...base, url: "influx:8086" }), /Address: "influx:8086"/);
    assert.throws(
      () => influxServer({ ...base, url: "http://a", database: "" }),
      /Database is required for InfluxDB 1.x/,
    );
    assert.throws(() => influxServer({ ...base, url: "http://a", version: "2" }), /Organization is required/);
    assert.throws(
      () => influxServer({ ...base, url: "http://a", version: "2", org: "o", bucket: "b" }),
      /Token is required/,
    );
    assert.throws(() => influxServer({ ...base, url: "http://u:p@a" }), /own fields/);
  });

  it("writes files that the server takes line for line, and mends a torn one", async () => {
    const folder = temporaryFolder();
    const files = influxFiles(`file://${folder}`, "w1");
    const text = [
      { body: 'files,site=서울 v=1,note="two\nlines"', time: "5", index: 0 },
      { body: "files v=2", time: "6", index: 1 },
    ];
    await writerOn(files).write(text, true);
    await files.close();
    const [first = ""] = readdirSync(folder);
    appendFileSync(path.join(folder, first), 'files v=3,note="torn\n');
    const next = influxFiles(`file://${folder}`, "w1");
    await writerOn(next).write([{ body: "files v=4", time: "7", index: 0 }], false);
    await next.close();
    const names = readdirSync(folder).sort();
    assert.equal(names.length, 2);
    const all = names.map((name) => readFileSync(path.join(folder, name), "utf8")).join("");
    assert.equal(all, 'files,site=서울 v=1,note="two\nlines" 5000000\nfiles v=2 6000000\nfiles v=4 7000000\n');
    const answer = await fetch(`${influx.url}/write?db=city`, { method: "POST", body: all });
    assert.equal(answer.status, 204);
    assert.deepEqual(
      (await influxRows(influx.url, "city", "SELECT v, note FROM files")).map(({ v, note }) => [v, note]),
      [
        [1, "two\nlines"],
        [2, null],
        [4, null],
      ],
    );
  });
});
