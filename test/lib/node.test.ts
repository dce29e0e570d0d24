import assert from "node:assert/strict";
import { flowOf, nodeRed } from "../harness";

const FAILING = 1000;

describe("a node whose messages fail", () => {
  it("logs the first ones and, when it closes, how many more there were", async () => {
    const red = await nodeRed();
    await red.deploy(
      flowOf({ id: "node", type: "citystream-priority-weigher", weighed: [{ field: "temp", error: "" }] }),
    );
    const from = red.logs.length;
    for (let n = 0; n < FAILING; n++) red.receive("node", { payload: n });
    const said = (): string[] =>
      red.logs
        .slice(from)
        .flatMap(({ id, msg }) => (id === "node" ? [msg instanceof Error ? msg.message : String(msg)] : []));
    await red.until("some are said", () => said().length === 5);
    await red.deploy(flowOf());
    assert.match(
      said().at(-1) ?? "",
      new RegExp(`^${FAILING - 5} more records failed within 10 s, the last with: .+`, "u"),
    );
    assert.equal(said().length, 6);
  });

  it("gives each of them to a Catch node, and logs none", async () => {
    const red = await nodeRed();
    await red.deploy(
      flowOf(
        { id: "node", type: "citystream-priority-weigher", weighed: [{ field: "temp", error: "" }] },
        { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
        { id: "caught", type: "test-collect" },
      ),
    );
    const from = red.logs.length;
    for (let n = 0; n < FAILING; n++) red.receive("node", { payload: n });
    await red.arrived("caught", FAILING);
    assert.deepEqual(
      red.logs.slice(from).filter(({ id }) => id === "node"),
      [],
    );
  });
});
