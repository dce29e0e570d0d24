import assert from "node:assert/strict";
import { ConfigError, Retriable } from "../../../nodes/lib/errors";
import { parseType } from "../../../nodes/lib/formats/schema/parse";
import { schemaReader } from "../../../nodes/lib/registry/reading";
import { wholeSchema } from "../../../nodes/lib/registry/references";
import { openRegistry, type SchemaRegistry } from "../../../nodes/lib/registry/registry";
import { framed, unframed } from "../../../nodes/lib/registry/wire";
import { schemaWriter } from "../../../nodes/lib/registry/writing";
import type { Service } from "../../../tools/services";
import { serviceFor } from "../../../tools/services/for-test";
import { freePort } from "../../../tools/services/ports";
import { Proxy } from "../../faults/lab/proxy";
import { readByFastavro, writtenByFastavro } from "./fastavro";
import { unique } from "../kafka/harness";
import { readBack } from "../lake/read-back";

const optional = (type: unknown) => ({ type: ["null", type], default: null });
const reading = {
  type: "record",
  name: "kr.seoul.Reading",
  fields: [
    { name: "site", type: "string" },
    { name: "pm25", type: "double" },
    { name: "count", type: "long" },
    { name: "at", type: { type: "long", logicalType: "timestamp-millis" } },
    { name: "level", type: { type: "enum", name: "Level", symbols: ["GOOD", "BAD"] } },
    { name: "note", ...optional("string") },
    { name: "tags", type: { type: "map", values: "int" } },
    { name: "raw", type: "bytes" },
    { name: "history", type: { type: "array", items: ["null", "double", "string"] } },
  ],
};
const value = {
  site: "종로구",
  pm25: 31.5,
  count: 9_007_199_254_740_993n,
  at: "2026-05-01T00:00:00.123Z",
  level: "BAD",
  note: null,
  tags: { a: 1, b: -2 },
  raw: Buffer.from([0, 255]),
  history: [null, 1.5, "x"],
};

describe("schema registry", () => {
  let service: Service<"registry">;
  let registry: SchemaRegistry;
  const opened: SchemaRegistry[] = [];
  const open = (...urls: string[]): SchemaRegistry => {
    const one = openRegistry({ urls, limit: 5000 });
    opened.push(one);
    return one;
  };
  const avro = (schema: unknown) => ({ kind: "AVRO", text: JSON.stringify(schema) }) as const;
  /** Asks Confluent's API itself. */
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${service.url}${path}`, {
      method,
      headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, await answer.clone().text());
    return answer.json();
  };

  before(async function () {
    await readBack(this);
    service = await serviceFor(this, "registry");
    registry = open(service.url);
  });
  after(() => {
    for (const one of opened) one.close();
  });

  it("registers a schema once, and finds it by id and by subject", async () => {
    const subject = unique("readings-value");
    const id = await registry.register(subject, avro(reading));
    assert.equal(await registry.register(subject, avro(reading)), id);
    assert.equal(await registry.idOf(subject, avro(reading)), id);
    const found = await registry.version(subject, "latest");
    assert.deepEqual([found?.id, found?.kind, JSON.parse(found?.text ?? "")], [id, "AVRO", reading]);
    assert.deepEqual(JSON.parse((await registry.byId(id))?.text ?? ""), reading);
    assert.ok((await registry.about()).subjects > 0);
  });

  it("knows nothing of ids, subjects and schemas that are not there", async () => {
    assert.equal(await registry.byId(999_999), undefined);
    assert.equal(await registry.version(unique("none"), "latest"), undefined);
    const subject = unique("one-value");
    await registry.register(subject, avro(reading));
    assert.equal(await registry.idOf(subject, avro({ ...reading, name: "Other" })), undefined);
  });

  it("says in the registry's words why a schema is not compatible", async () => {
    const subject = unique("strict-value");
    await registry.register(subject, avro(reading));
    await ask("PUT", `/config/${subject}`, { compatibility: "BACKWARD" });
    const wider = { ...reading, fields: [...reading.fields, { name: "must", type: "string" }] };
    await assert.rejects(registry.register(subject, avro(wider)), /Schema registry refused it \(409\): .*compatib/iu);
  });

  it("asks the next address when one cannot be reached, and names it when none can", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const both = open(`http://127.0.0.1:${first}`, service.url);
    await assert.rejects(both.about(), (error: Retriable) => error.unreachable);
    assert.ok((await both.about()).subjects >= 0);
    await assert.rejects(
      open(`http://127.0.0.1:${second}`).about(),
      new RegExp(`Schema registry at http://127.0.0.1:${second} cannot be reached`, "u"),
    );
  });

  it("sees when something else answers", async () => {
    const other = open(new URL("/health", service.url).href);
    await assert.rejects(other.about(), (error: Error) => error instanceof ConfigError || error instanceof Retriable);
  });

  it("puts schemas of other subjects where they are named, at any depth and in any namespace", async () => {
    const [site, place] = [unique("site"), unique("place")];
    await registry.register(place, avro({ type: "record", name: "Place", fields: [{ name: "lat", type: "double" }] }));
    await ask("POST", `/subjects/${site}/versions`, {
      schema: JSON.stringify({
        type: "record",
        name: "kr.Site",
        fields: [
          { name: "id", type: "string" },
          { name: "place", type: "Place" },
        ],
      }),
      references: [{ name: "Place", subject: place, version: 1 }],
    });
    const outer = {
      type: "record",
      name: "a.b.Outer",
      fields: [
        { name: "site", type: "kr.Site" },
        { name: "before", type: { type: "array", items: ["null", "kr.Site"] } },
      ],
    };
    const subject = unique("outer-value");
    await ask("POST", `/subjects/${subject}/versions`, {
      schema: JSON.stringify(outer),
      references: [{ name: "kr.Site", subject: site, version: 1 }],
    });
    const latest = await registry.version(subject, "latest");
    assert.ok(latest);
    const whole = await wholeSchema(registry, latest);
    const spot = { id: "s1", place: { lat: 37.5 } };
    const [bytes] = await writtenByFastavro(whole, [{ site: spot, before: [null, spot] }]);
    assert.ok(bytes);
    const reader = schemaReader(registry, () => undefined);
    const message = framed(latest.id, bytes);
    assert.equal(await reader.prepare([message]), true);
    assert.deepEqual(reader.decode(message, "value"), { site: spot, before: [null, spot] });
    assert.equal(parseType(whole).kind, "record");
  });

  it("writes values that fastavro reads, under the frame of other producers", async () => {
    const subject = unique("readings-value");
    const writer = schemaWriter(registry, { schema: avro(reading), register: true }, () => undefined);
    await writer.prepare(subject);
    const bytes = writer.encode(subject, value);
    const { id, body } = unframed(bytes, "value");
    assert.equal(id, (await registry.version(subject, "latest"))?.id);
    assert.deepEqual(await readByFastavro(reading, [body]), [
      {
        ...value,
        count: Number(value.count),
        at: "2026-05-01 00:00:00.123000+00:00",
        raw: "00ff",
      },
    ]);
  });

  it("reads what it wrote, exactly", async () => {
    const subject = unique("readings-value");
    await registry.register(subject, avro(reading));
    const writer = schemaWriter(registry, { register: false }, () => undefined);
    await writer.prepare(subject);
    const reader = schemaReader(registry, () => undefined);
    const bytes = writer.encode(subject, value);
    await reader.prepare([bytes, null]);
    assert.deepEqual(reader.decode(bytes, "value"), { ...value, at: new Date(value.at) });
    assert.equal(reader.decode(null, "value"), null);
    assert.equal(reader.prepare([bytes]), undefined);
  });

  it("reads and writes types that are no records, such as keys have", async () => {
    const subject = unique("ids-key");
    const writer = schemaWriter(registry, { schema: avro("string"), register: true }, () => undefined);
    await writer.prepare(subject);
    const bytes = writer.encode(subject, "센서 1");
    const reader = schemaReader(registry, () => undefined);
    await reader.prepare([bytes]);
    assert.equal(reader.decode(bytes, "key"), "센서 1");
    assert.throws(() => writer.encode(subject, 5), /does not fit .*"payload" is 5; the schema wants string/u);
  });

  it("reads and writes JSON by a JSON Schema", async () => {
    const subject = unique("json-value");
    const text = JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", type: "object" });
    const writer = schemaWriter(registry, { schema: { kind: "JSON", text }, register: true }, () => undefined);
    await writer.prepare(subject);
    const bytes = writer.encode(subject, { pm25: 31 });
    assert.equal(unframed(bytes, "value").body.toString(), '{"pm25":31}');
    const reader = schemaReader(registry, () => undefined);
    await reader.prepare([bytes]);
    assert.deepEqual(reader.decode(bytes, "value"), { pm25: 31 });
  });

  it("names the field that does not fit", async () => {
    const subject = unique("readings-value");
    const writer = schemaWriter(registry, { schema: avro(reading), register: true }, () => undefined);
    await writer.prepare(subject);
    assert.throws(
      () => writer.encode(subject, { ...value, pm25: "much" }),
      /"pm25" is "much"; the schema wants double/u,
    );
    assert.throws(() => writer.encode(subject, { ...value, site: undefined }), /"site" is missing/u);
  });

  it("says when a subject, or the schema in it, is not registered", async () => {
    const subject = unique("empty-value");
    const latest = schemaWriter(registry, { register: false }, () => undefined);
    await latest.prepare(subject);
    assert.throws(() => latest.encode(subject, {}), /Nothing is registered as "empty-value/u);
    const given = schemaWriter(registry, { schema: avro(reading), register: false }, () => undefined);
    await given.prepare(subject);
    assert.throws(() => given.encode(subject, value), /The schema is not registered as "empty-value/u);
    await registry.register(subject, avro(reading));
    await given.prepare(subject);
    assert.ok(given.encode(subject, value).length > 5);
  });

  it("refuses bytes without a schema's id, of another schema, cut short or with something behind", async () => {
    const subject = unique("readings-value");
    const id = await registry.register(subject, avro(reading));
    const reader = schemaReader(registry, () => undefined);
    const [body] = await writtenByFastavro({ type: "record", name: "R", fields: [{ name: "a", type: "int" }] }, [
      { a: 1 },
    ]);
    assert.ok(body);
    const wrong = [framed(id, body), framed(id, Buffer.alloc(0)), framed(999_998, body)];
    await reader.prepare(wrong);
    assert.throws(() => reader.decode(Buffer.from('{"a":1}'), "value"), /does not begin with a schema's id/u);
    assert.throws(() => reader.decode(Buffer.from([0, 1]), "value"), /does not begin with a schema's id/u);
    for (const bytes of wrong.slice(0, 2))
      assert.throws(() => reader.decode(bytes, "value"), new RegExp(`the value is not of its schema ${id}: `, "u"));
    assert.throws(
      () => reader.decode(framed(999_998, body), "key"),
      /the key can't be read: its schema 999998 is not/u,
    );
    const writer = schemaWriter(registry, { register: false }, () => undefined);
    await writer.prepare(subject);
    const longer = Buffer.concat([writer.encode(subject, value), Buffer.from([1])]);
    assert.throws(() => reader.decode(longer, "value"), /1 bytes are left over/u);
  });

  it("tells why the registry can't be asked, and goes on when it can", async () => {
    const port = await freePort();
    const proxy = new Proxy(port, Number(new URL(service.url).port));
    const through = open(service.url.replace(/:\d+/u, `:${port}`));
    const subject = unique("late-value");
    const id = await registry.register(subject, avro(reading));
    const told: (string | undefined)[] = [];
    const reader = schemaReader(through, (trouble) => told.push(trouble?.message));
    const writer = schemaWriter(registry, { register: false }, () => undefined);
    await writer.prepare(subject);
    const bytes = writer.encode(subject, value);
    try {
      assert.equal(await reader.prepare([bytes]), false);
      assert.match(told.at(-1) ?? "", /cannot be reached/u);
      await proxy.set({ kind: "none" });
      assert.equal(await reader.prepare([bytes]), true);
      assert.equal(told.at(-1), undefined);
      assert.equal(unframed(bytes, "value").id, id);
      assert.equal((reader.decode(bytes, "value") as { site: string }).site, value.site);
    } finally {
      await proxy.close();
    }
  });
});
