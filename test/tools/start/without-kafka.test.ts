import assert from "node:assert/strict";
import { withoutKafka } from "../../../tools/start/without-kafka";
import { flowOf, nodeRed } from "../../harness";

describe("the main flow without Kafka", () => {
  const flow = flowOf(
    { id: "cluster", type: "citystream-kafka-cluster", brokers: "127.0.0.1:1" },
    {
      id: "write",
      type: "citystream-kafka-out",
      cluster: "cluster",
      topic: "{{payload.site}}_{{payload.index}}_air",
      wires: [["written"]],
    },
    { id: "written", type: "test-collect" },
    { id: "all", type: "citystream-kafka-in", cluster: "cluster", topics: "/.+_air/", wires: [["every"]] },
    { id: "every", type: "test-collect" },
    { id: "one", type: "citystream-kafka-in", cluster: "cluster", topics: "other, Dongsi_2_air", wires: [["some"]] },
    { id: "some", type: "test-collect" },
  );

  it("brings each record to the readers of its topic, and to what follows the writer", async () => {
    const red = await nodeRed();
    await red.deploy(withoutKafka(flow));
    red.receive("write", { payload: { site: "Dongsi", index: 2 } });
    red.receive("write", { payload: { site: "Wanshou", index: 3 } });
    const every = await red.arrived("every", 2);
    const written = await red.arrived("written", 2);
    const some = await red.arrived("some", 1);
    assert.deepEqual(
      every.map((message) => (message["source"] as { topic: string }).topic),
      ["Dongsi_2_air", "Wanshou_3_air"],
    );
    assert.equal(written.length, 2);
    assert.deepEqual(some[0]?.payload, { site: "Dongsi", index: 2 });
    assert.equal(red.collected("some").length, 1);
  });

  it("leaves no Kafka node that would look for a broker", () => {
    const types = withoutKafka(flow).map((node) => node.type);
    assert.ok(!types.includes("citystream-kafka-in") && !types.includes("citystream-kafka-out"));
  });
});
