import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { exampleFlow, exampleRecords } from "../../bench/fraud-example";
import { score } from "../../bench/fraud-score";
import type { Message } from "../../nodes/lib/delivery/contract";
import { ROOT } from "../../tools/editor/nodes";
import { nodeRed, type FlowNode } from "../harness";
import { decisionOf, flow, paid, rulesOf, SEOUL, T, TOKYO } from "./fraud";
import { at, errorOf } from "./read";

describe("fraud-rules", () => {
  it("sends transactions by pass, challenge and block, with reasons in sentences", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { ...paid(0, SEOUL), topic: "t", key: "k", source: { kind: "test", offset: 1 } });
    red.receive("node", paid(3600, TOKYO));
    for (const second of [5000, 5010, 5020]) red.receive("node", paid(second, SEOUL));
    red.receive("node", paid(5030, TOKYO));
    const passed = await red.arrived("pass", 4);
    const [challenged] = await red.arrived("challenge", 1);
    const [blocked] = await red.arrived("block", 1);
    assert.deepEqual(passed[0]?.payload, paid(0, SEOUL).payload);
    assert.deepEqual(decisionOf(passed[0]), { action: "pass", score: 0, reasons: [] });
    assert.deepEqual(
      [passed[0]?.topic, passed[0]?.["key"], passed[0]?.["source"]],
      ["t", "k", { kind: "test", offset: 1 }],
    );
    assert.deepEqual(decisionOf(challenged), {
      action: "challenge",
      score: 60,
      reasons: [
        {
          rule: "impossible travel",
          points: 60,
          evidence: { km: 1149, seconds: 3600, speed: 1149, limit: 900 },
          text: "1149 km from the last place after 3600 s: 1149 km/h, faster than 900",
        },
      ],
    });
    assert.deepEqual([decisionOf(blocked).action, decisionOf(blocked).score], ["block", 100]);
    assert.deepEqual(rulesOf(blocked), ["velocity count", "impossible travel"]);
    assert.equal(decisionOf(blocked).reasons[0]?.text, "4 transactions within 60 s, more than 3");
  });

  it("parts a batch by its decisions, in order, and names what cannot be judged", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const payload = [
      paid(0),
      paid(1, { amount: -3 }),
      paid(2, { card: "c-2", amount: "4.50", ...SEOUL }),
      7 as never,
      paid(3),
      paid(4),
      paid(5),
      paid(6, { card: "c-2", ...TOKYO }),
    ].map((record) => Object.freeze(record));
    red.receive("node", { payload: Object.freeze(payload), topic: "t" });
    const [pass] = await red.arrived("pass", 1);
    const [challenge] = await red.arrived("challenge", 1);
    const times = (message: Message | undefined) =>
      at<Message[]>(message, "payload").map(({ timestamp }) => (Number(timestamp) - T) / 1000);
    assert.deepEqual(
      [times(pass), times(challenge)],
      [
        [0, 2, 3, 4],
        [5, 6],
      ],
    );
    assert.deepEqual(at<Message[]>(challenge, "payload").map(rulesOf), [["velocity count"], ["impossible travel"]]);
    assert.deepEqual([pass?.topic, challenge?.topic], ["t", "t"]);
    const [caught] = await red.arrived("caught", 1);
    assert.match(errorOf(caught), /2 of 8 records were not judged: Amount: payload\.amount is -3 in this record/);
  });

  it("fails what is no transaction, says what is wrong with it, and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const bad: [Message, RegExp][] = [
      [{ payload: null }, /Key: payload\.card is missing/],
      [paid(0, { card: "" }), /Key: payload\.card is empty/],
      [paid(0, { amount: undefined }), /Amount: payload\.amount is missing.*must be a number from 0/],
      [paid(0, { amount: "many" }), /Amount: payload\.amount is "many"/],
      [{ ...paid(0), timestamp: "yesterday" }, /Time: timestamp is "yesterday".*ms since 1970/],
      [{ ...paid(0), timestamp: Date.now() + 3 * 86_400_000 }, /further in the future than Clock ahead \(1 d\)/],
      [paid(0, { lat: 91, lon: 0 }), /Latitude: payload\.lat is 91.*from -90 to 90/],
      [paid(0, { country: {} }), /Country: payload\.country is an object/],
      [
        { ...paid(0), action: "feedback", verdict: "good" },
        /msg\.verdict is "good"; it must be "legitimate" or "fraud"/,
      ],
      [{ payload: Buffer.alloc(10_000_000) }, /Key: payload\.card is missing/],
    ];
    for (const [message] of bad) red.receive("node", message);
    red.receive("node", paid(0));
    const caught = await red.arrived("caught", bad.length);
    bad.forEach(([, wanted], index) => assert.match(errorOf(caught[index]), wanted));
    const [passed] = await red.arrived("pass", 1);
    assert.deepEqual(decisionOf(passed).reasons, []);
  });

  it("judges by the night of a time zone and by keys of a template when asked", async () => {
    const red = await nodeRed();
    await red.deploy(
      flow({
        key: "{{payload.bank}}/{{payload.card}}",
        nightOn: true,
        zone: "Asia/Seoul",
        nightPoints: 40,
        velocity: [{ measure: "count", seconds: 60, limit: 1, points: 1 }],
      }),
    );
    red.receive("node", { ...paid(0, { bank: "a" }), timestamp: Date.UTC(2026, 0, 4, 17) });
    red.receive("node", { ...paid(0, { bank: "b" }), timestamp: Date.UTC(2026, 0, 4, 17) });
    const challenged = await red.arrived("challenge", 2);
    assert.deepEqual(challenged.map(rulesOf), [["night"], ["night"]]);
    assert.equal(decisionOf(challenged[0]).reasons[0]?.text, "at 2 h, between 1 h and 5 h");
  });

  it("says so when it remembers as many keys as it may", async () => {
    const red = await nodeRed();
    red.logs.length = 0;
    await red.deploy(flow({ keys: 2 }));
    for (const card of ["a", "b", "c"]) red.receive("node", paid(0, { card }));
    await red.until("the warning", () =>
      red.logs.some((entry) => /Keys: 2 keys are remembered/.test(String(entry.msg))),
    );
  });

  for (const [what, settings, message] of [
    [
      "thresholds in the wrong order",
      { challengeFrom: 50, blockFrom: 40 },
      /Block from: 40 is below Challenge from 50/,
    ],
    ["no window", { velocity: [] }, /Windows: needs at least 1 row/],
    [
      "a window that counts more than is remembered",
      { velocity: [{ measure: "count", seconds: 60, limit: 65, points: 1 }] },
      /Velocity: row 1: only 64 attempts of a key are remembered/,
    ],
    ["small amounts that are large", { testingSmall: 100 }, /Card testing: Small 100 is not below Large 100/],
    ["a night without hours", { nightOn: true, nightTo: 1 }, /Night hours: they begin and end at 1 h/],
    ["a time zone that does not exist", { nightOn: true, zone: "Mars" }, /Time zone: "Mars" is no time zone/],
    ["a path that cannot be read", { latitude: "payload[" }, /Latitude: "payload\[" is not a property path/],
    ["a file that does not exist", { allowFile: "/nowhere/allow.txt" }, /Allow file: .*allow\.txt cannot be read/],
    [
      "a value in both lists",
      {
        lists: [
          { list: "deny", value: "x" },
          { list: "allow", value: "x " },
        ],
      },
      /Values: row 2: "x" is in both lists/,
    ],
    ["rates without a currency", { rates: [{ code: "USD", rate: 1 }] }, /Currency: enter the path of the currency/],
    [
      "two rates for a currency",
      {
        currency: "payload.currency",
        rates: [
          { code: "USD", rate: 1 },
          { code: "USD", rate: 2 },
        ],
      },
      /Rates: row 2: "USD" has two rows/,
    ],
  ] as const) {
    it(`shows what to change when set to ${what}, and fails messages instead of losing them`, async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        JSON.stringify(red.logs),
      );
      red.receive("node", paid(0));
      const [caught] = await red.arrived("caught", 1);
      assert.match(errorOf(caught), message);
      assert.equal(red.status("node")?.fill, "red");
    });
  }

  it("lets go when it is redeployed in mid-stream", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (let n = 0; n < 100; n++) red.receive("node", paid(n * 1000));
    await red.deploy(
      flow({ challengeFrom: 1, velocity: [{ measure: "count", seconds: 1, limit: 0, points: 2 }] }),
      "nodes",
    );
    red.receive("node", paid(0));
    await red.until("the new instance judges", () => red.collected("challenge").length === 1);
  });

  it("finds in its example what the example says, and the example is what the generator makes", async () => {
    const text = readFileSync(path.join(ROOT, "examples/fraud-rules.json"), "utf8");
    assert.equal(text, exampleFlow(), "run `node dist/bench/fraud.js --example` after a change of rules or data");
    const { transactions, fraudulent, held } = score(exampleRecords());
    const red = await nodeRed();
    await red.deploy(
      (JSON.parse(text) as FlowNode[]).map((node) =>
        node.type === "debug" ? { ...node, type: "test-collect", manual: false } : node,
      ),
    );
    red.receive("fraud-rules-go", {});
    type Tally = { transactions: number; fraudulent: number; precision: number; recall: number };
    const last = () => red.collected("fraud-rules-found").at(-1)?.message.payload as Tally | undefined;
    await red.until("all are judged", () => last()?.transactions === transactions);
    const tally = last() as Tally;
    assert.equal(tally.fraudulent, fraudulent);
    assert.ok(Math.abs(tally.precision - held.precision) < 1e-9 && Math.abs(tally.recall - held.recall) < 1e-9);
    assert.ok(held.precision > 0.8 && held.recall > 0.5, `precision ${held.precision}, recall ${held.recall}`);
  });
});
