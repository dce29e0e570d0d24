import assert from "node:assert/strict";
import type { CountsPayload } from "../../nodes/lib/stream/rates";
import { flowOf, nodeRed } from "../harness";

const flow = (interval: unknown) =>
  flowOf(
    { id: "counters", type: "citystream-counters", interval, wires: [["out"]] },
    { id: "out", type: "test-collect" },
  );

describe("counters", () => {
  it("counts the records that a node finished, batches by their length", async () => {
    const red = await nodeRed();
    await red.deploy(flow(0));
    red.receive("counters", { payload: 1, kept: true });
    red.receive("counters", { payload: [{ payload: 1 }, { payload: 2 }, { payload: 3 }] });
    red.receive("counters", { payload: "now" });
    const messages = await red.arrived("out", 3);
    const { nodes } = messages[2]?.payload as CountsPayload;
    const own = nodes.find((counts) => counts.id === "counters");
    assert.equal(own?.received, 5);
    assert.equal(own?.finished, 4);
    assert.equal(own?.failed, 0);
    assert.equal(messages[0]?.["kept"], true);
  });

  it("sends by itself at its interval", async () => {
    const red = await nodeRed();
    await red.deploy(flow(0.02));
    const [first, second] = await red.arrived("out", 2);
    assert.ok((second?.payload as CountsPayload).time > (first?.payload as CountsPayload).time);
  });

  it("is red when its interval is wrong, and names the setting", async () => {
    const red = await nodeRed();
    await red.deploy(flow("-1"));
    await red.until("the node is red", () => red.status("counters")?.fill === "red");
    assert.match(red.logs.map((entry) => String(entry.msg)).join("\n"), /Every \(s\): -1 is below 0/u);
  });
});
