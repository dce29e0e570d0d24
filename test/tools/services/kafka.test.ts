import assert from "node:assert/strict";
import { openKafka } from "../../../nodes/lib/kafka/kafkajs-client";
import { serviceFor } from "../../../tools/services/for-test";

describe("a Kafka for tests", () => {
  it("has as many brokers as asked for, and lives on the others when one is killed", async function () {
    const service = await serviceFor(this, "kafka", { own: true, brokers: 2, heap: 256 });
    const kafka = openKafka({ brokers: service.brokers.split(","), clientId: "test", tls: undefined, sasl: undefined });
    try {
      assert.equal((await kafka.describe()).brokers.length, 2);
      await service.processes.get("kafka2")?.kill9();
      assert.equal(service.processes.get("kafka2")?.pid, undefined);
      assert.notEqual((await kafka.describe()).controller, null);
      await service.start();
      assert.equal((await kafka.describe()).brokers.length, 2);
    } finally {
      await kafka.close();
      await service.kill9();
    }
  });
});
