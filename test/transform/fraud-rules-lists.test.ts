/** What the fraud rules are told besides the transactions: lists, feedback, rates. */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../../nodes/lib/delivery/contract";
import { nodeRed } from "../harness";
import { decisionOf, flow, paid, rulesOf } from "./fraud";
import { at } from "./read";

describe("fraud-rules and what they are told", () => {
  it("blocks what is on the deny list and passes what is on the allow list, whatever the rules say", async () => {
    const red = await nodeRed();
    await red.deploy(
      flow({
        velocity: [{ measure: "sum", seconds: 60, limit: 0, points: 90 }],
        listed: "payload.card, payload.merchant",
        lists: [
          { list: "deny", value: "m-bad" },
          { list: "allow", value: "c-7" },
        ],
      }),
    );
    red.receive("node", paid(0, { card: "c-7" }));
    red.receive("node", paid(0, { card: "c-7", merchant: "m-bad" }));
    red.receive("node", paid(0));
    const [passed] = await red.arrived("pass", 1);
    const blocked = await red.arrived("block", 2);
    assert.equal(decisionOf(passed).reasons[0]?.text, "c-7 is on the allow list");
    assert.equal(decisionOf(blocked[0]).reasons[0]?.text, "m-bad is on the deny list");
    assert.deepEqual(rulesOf(blocked[1]), ["velocity sum"]);
  });

  it("reads the files of the lists again when they change, and keeps them when they vanish", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "citystream-fraud-"));
    const denyFile = path.join(folder, "deny.txt");
    try {
      writeFileSync(denyFile, "\uFEFF# stolen cards\r\n c-1 \r\n\r\n");
      const red = await nodeRed();
      await red.deploy(flow({ denyFile, velocityOn: false }));
      red.receive("node", paid(0));
      await red.arrived("block", 1);
      red.logs.length = 0;
      const logged = (what: RegExp) => () => red.logs.some((entry) => what.test(String(entry.msg)));
      writeFileSync(`${denyFile}.new`, "c-2\nc-3\n");
      renameSync(`${denyFile}.new`, denyFile);
      await red.until("the file is read again", logged(/Deny file: .* has changed, it holds 2 values now/));
      red.receive("node", paid(1));
      red.receive("node", paid(2, { card: "c-3" }));
      const blocked = await red.arrived("block", 2);
      assert.equal(at<{ card: string }>(blocked[1], "payload").card, "c-3");
      await red.arrived("pass", 1);
      rmSync(denyFile);
      await red.until("the warning", logged(/cannot be read any more, its last 2 values stay/));
      red.receive("node", paid(3, { card: "c-3" }));
      await red.arrived("block", 3);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("learns by feedback what was challenged, and forgets what passed and was fraud", async () => {
    const red = await nodeRed();
    await red.deploy(flow({ countryPoints: 40, noveltyWarmUp: 2, familiar: 1, velocityOn: false, categoryOn: false }));
    for (const second of [0, 1, 2]) red.receive("node", paid(second));
    red.receive("node", paid(10, { country: "JP" }));
    const [challenged] = await red.arrived("challenge", 1);
    // As it left, with the coordinates of its source.
    red.receive("node", { ...challenged, action: "feedback", verdict: "legitimate" });
    red.receive("node", paid(20, { country: "JP" }));
    await red.arrived("pass", 4);
    for (const second of [10, 20])
      red.receive("node", { ...paid(second, { country: "JP" }), action: "feedback", verdict: "fraud" });
    red.receive("node", { payload: [paid(30, { country: "JP" })] });
    const again = await red.arrived("challenge", 2);
    assert.deepEqual(at<Message[]>(again[1], "payload").map(rulesOf), [["new country"]]);
    assert.equal(red.collected("pass").length, 4);
  });

  it("compares amounts in a base currency, and says where it cannot", async () => {
    const red = await nodeRed();
    const velocity = [{ measure: "sum", seconds: 60, limit: 100, points: 50 }];
    const rates = [
      { code: "USD", rate: 1 },
      { code: "KRW", rate: "0.00075" },
    ];
    await red.deploy(flow({ velocity, rates, currency: "payload.currency", unratedPoints: 45 }));
    red.receive("node", paid(0, { amount: 50_000, currency: "KRW" }));
    red.receive("node", paid(1, { amount: 70, currency: "USD" }));
    red.receive("node", paid(2, { card: "c-2", amount: 1, currency: "XAU" }));
    const challenged = await red.arrived("challenge", 2);
    assert.deepEqual(decisionOf(challenged[0]).reasons[0]?.evidence, { sum: 107.5, seconds: 60, limit: 100 });
    assert.match(decisionOf(challenged[1]).reasons[0]?.text ?? "", /currency XAU has no rate/);
  });
});
