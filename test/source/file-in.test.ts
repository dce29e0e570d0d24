import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import path from "node:path";
import { createGunzip } from "node:zlib";
import { ROOT } from "../../tools/editor/nodes";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import { linesIn } from "../harness/lines";
import { startChild } from "../harness/child";
import { counted, numbered } from "../lib/mqtt/brokers";
import { observeTopic } from "../lib/mqtt/observer";
import { ownMosquitto } from "../lib/mqtt/mosquitto";

describe("file in", () => {
  let red: Harness;
  let folder: string;
  before(async () => {
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-file-in-"));
  });
  afterEach(async () => {
    await red.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, content: string): string => {
    const full = path.join(folder, name);
    writeFileSync(full, content);
    return full;
  };
  const fileIn = (more: object = {}): FlowNode => ({
    id: "in",
    type: "citystream-file-in",
    format: "csv",
    positionFile: path.join(folder, "position.json"),
    deadLetterFolder: path.join(folder, "letters"),
    initialDelay: 1,
    maxDelay: 10,
    attempts: 2,
    wires: [["out"]],
    ...more,
  });
  const collect = (more: object = {}): FlowNode => ({ id: "out", type: "test-collect", ...more });
  const table = (count: number): string =>
    `n,s\n${Array.from({ length: count }, (_, index) => `${index},x\n`).join("")}`;
  const ended = (): Promise<void> => red.until("the end", () => red.status("in")?.text?.includes("all read") ?? false);
  const letters = (): { error: { message: string }; message: { payload: unknown; source: { line: number } } }[] => {
    return linesIn(path.join(folder, "letters")).map((line) => JSON.parse(line) as ReturnType<typeof letters>[number]);
  };

  it("sends a record a row, with event time and where it came from", async () => {
    const paths = file("a.csv", "year,month,day,hour,PM2.5,역\n2013,3,1,0,NA,동대문\n2013,3,1,1,8,강남\n");
    await red.deploy(
      flowOf(fileIn({ paths, topic: "air", timeColumns: "year,month,day,hour", utcOffset: "+08:00" }), collect()),
    );
    const [first, second] = await red.arrived("out", 2);
    assert.deepEqual(first?.payload, { year: 2013, month: 3, day: 1, hour: 0, "PM2.5": null, 역: "동대문" });
    assert.equal(first?.["timestamp"], Date.UTC(2013, 1, 28, 16));
    assert.equal(first?.topic, "air");
    assert.deepEqual(second?.["source"], { kind: "file", path: paths, line: 3, offset: 54 });
    await ended();
  });

  it("sends batches whose records have what single messages have", async () => {
    await red.deploy(flowOf(fileIn({ paths: file("a.csv", table(5)), mode: "batch", batch: 3 }), collect()));
    const batches = await red.arrived("out", 2);
    assert.deepEqual(
      batches.map(({ payload }) =>
        (payload as { payload: { n: number }; source: object }[]).map((one) => one.payload.n),
      ),
      [
        [0, 1, 2],
        [3, 4],
      ],
    );
  });

  it("reads the shipped readings of three stations in step: 105,192 records in the order of their time", async function () {
    this.timeout(180_000);
    const data = path.join(ROOT, "flows/data");
    await red.deploy(
      flowOf(
        fileIn({
          paths: data,
          order: "merged",
          timeColumns: "year,month,day,hour",
          utcOffset: "+08:00",
          mode: "batch",
          batch: 500,
        }),
        collect(),
      ),
    );
    await ended();
    const all = red
      .collected("out")
      .flatMap(({ message }) => message.payload as { timestamp: number; payload: Record<string, unknown> }[]);
    assert.equal(all.length, 3 * 35_064);
    assert.ok(all.every((record, index) => index === 0 || record.timestamp >= (all[index - 1]?.timestamp ?? 0)));
    // another reader, line by line, agrees on every value of one station
    const lines = createInterface({ input: createReadStream(path.join(data, "Dongsi.csv.gz")).pipe(createGunzip()) });
    const mine = all.filter(({ payload }) => payload["station"] === "Dongsi").values();
    let header: string[] | undefined;
    let rows = 0;
    for await (const line of lines) {
      const cells = line.split(",").map((cell) => (cell.startsWith('"') ? cell.slice(1, -1) : cell));
      if (!header) header = cells;
      else {
        const { payload } = mine.next().value as { payload: Record<string, unknown> };
        header.forEach((name, index) => {
          const cell = cells[index] ?? "";
          const expected = cell === "NA" || cell === "" ? null : Number.isNaN(Number(cell)) ? cell : Number(cell);
          assert.equal(payload[name], expected, `${name} of line ${rows + 2}`);
        });
        rows += 1;
      }
    }
    assert.equal(rows, 35_064);
  });

  it("puts bad rows into the dead letters with file and line, and the rest flows on", async () => {
    const paths = file("a.csv", 'n,s\n1,a\n2\n3,"x"y\n4,d\n');
    await red.deploy(flowOf(fileIn({ paths }), collect()));
    const messages = await red.arrived("out", 2);
    assert.deepEqual(
      messages.map(({ payload }) => payload),
      [
        { n: 1, s: "a" },
        { n: 4, s: "d" },
      ],
    );
    await until("two dead letters", () => letters().length === 2);
    const [first] = letters();
    assert.match(first?.error.message ?? "", /a\.csv line 3: it has 1 columns where the header has 2/);
    assert.equal(first?.message.source.line, 3);
    assert.deepEqual(first?.message.payload, { $base64: Buffer.from("2").toString("base64") });
  });

  it("tries a record again as it was in the file, whatever the flow made of it, then gives it up", async () => {
    const spoil =
      "msg.payload.tries = (msg.payload.tries || 0) + 1; if (msg.payload.n === 1) throw new Error(`try ${msg.payload.tries}`); return msg;";
    await red.deploy(
      flowOf(
        fileIn({ paths: file("a.csv", table(3)), wires: [["f"]] }),
        { id: "f", type: "function", func: spoil, wires: [["out"]] },
        collect(),
      ),
    );
    await red.arrived("out", 2);
    await until("a dead letter", () => letters().length === 1);
    assert.match(letters()[0]?.error.message ?? "", /try 1/);
    assert.deepEqual(letters()[0]?.message.payload, { n: 1, s: "x" });
  });

  it("goes on after a deploy with what was not finished", async () => {
    const paths = file("a.csv", table(100));
    await red.deploy(flowOf(fileIn({ paths }), collect({ manual: true })));
    await red.arrived("out", 100);
    red
      .collected("out")
      .slice(0, 40)
      .forEach(({ done }) => done());
    await red.deploy([]);
    await red.deploy(flowOf(fileIn({ paths }), collect()));
    const messages = await red.arrived("out", 60);
    assert.deepEqual(
      messages.map(({ payload }) => (payload as { n: number }).n),
      Array.from({ length: 60 }, (_, index) => index + 40),
    );
  });

  it("is red while its file is missing, and reads it when it comes", async () => {
    const paths = path.join(folder, "late.csv");
    red.logs.length = 0;
    await red.deploy(flowOf(fileIn({ paths }), collect()));
    await red.until("red", () => red.status("in")?.fill === "red");
    assert.ok(red.logs.some(({ msg }) => /late\.csv does not exist/.test(String(msg))));
    writeFileSync(paths, table(1));
    await red.arrived("out", 1);
  });

  it("takes its settings from the environment", async () => {
    process.env["CITYSTREAM_TEST_DATA"] = path.dirname(file("a.csv", table(1)));
    await red.deploy(flowOf(fileIn({ paths: "${CITYSTREAM_TEST_DATA}/a.csv" }), collect()));
    await red.arrived("out", 1);
    delete process.env["CITYSTREAM_TEST_DATA"];
  });

  for (const [what, settings, reason] of [
    ["no file", { paths: "" }, /Files: is required/],
    ["a separator of two characters", { separator: "||" }, /Separator: "\|\|" is not one character/],
    ["pace without time", { pace: "time" }, /Time columns: name them/],
    ["two time columns", { timeColumns: "a,b" }, /Time columns: name one column, or year/],
    ["a time zone's name", { utcOffset: "Asia/Seoul" }, /UTC offset: "Asia\/Seoul" is none/],
    ["an unknown variable", { paths: "${CITYSTREAM_NOT_SET}/a.csv" }, /CITYSTREAM_NOT_SET is not set/],
  ] as const)
    it(`says what is wrong with its settings: ${what}`, async () => {
      red.logs.length = 0;
      await red.deploy(flowOf(fileIn({ paths: "a.csv", ...settings }), collect()));
      await red.until("red", () => red.status("in")?.fill === "red");
      assert.ok(
        red.logs.some(({ msg }) => reason.test(String(msg))),
        `logged: ${red.logs.map(({ msg }) => String(msg)).join("; ")}`,
      );
    });

  it("loses nothing when Node-RED is killed in mid-flow, three times", async function () {
    const mosquitto = await ownMosquitto(this);
    this.timeout(120_000);
    const observer = await observeTopic(mosquitto.url, "result");
    const count = 5_000;
    const flowFile = path.join(folder, "flow.json");
    const flow = flowOf(
      { id: "broker", type: "citystream-mqtt-broker", server: "address", address: mosquitto.url, version: "5" },
      fileIn({ paths: file("a.csv", table(count)), spanRecords: 500, wires: [["f"]] }),
      { id: "f", type: "function", func: "msg.payload = String(msg.payload.n); return msg;", wires: [["d"]] },
      {
        id: "d",
        type: "delay",
        pauseType: "delay",
        timeout: "20",
        timeoutUnits: "milliseconds",
        outputs: 1,
        wires: [["to"]],
      },
      { id: "to", type: "citystream-mqtt-out", broker: "broker", publishTo: "result", qos: "1", wires: [[]] },
    );
    writeFileSync(flowFile, JSON.stringify(flow));
    for (const enough of [500, 1_500, 3_000]) {
      const child = await startChild({ userDir: folder, flowFile });
      await until(`${enough} results`, () => new Set(observer.texts).size >= enough, 60_000);
      await child.kill9();
    }
    const last = await startChild({ userDir: folder, flowFile });
    await until("all came", () => counted(numbered(count), observer.texts).missing === 0, 60_000);
    await last.stop();
    const { missing, repeated } = counted(numbered(count), observer.texts);
    assert.equal(missing, 0);
    console.log(`      ${count} sent, ${missing} missing, ${repeated} repeated over three kills`);
    await observer.end();
    await mosquitto.stop();
  });
});
