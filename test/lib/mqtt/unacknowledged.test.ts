import assert from "node:assert/strict";
import { assert as check, property, shuffledSubarray } from "fast-check";
import { Unacknowledged, type InFlight, type Publish } from "../../../nodes/lib/mqtt/unacknowledged";

const publish = (messageId: number, qos: 1 | 2 = 1, text = `m${messageId}`): Publish => ({
  qos,
  messageId,
  topic: "t",
  payload: Buffer.from(text),
});

const fresh = (unacknowledged: Unacknowledged, packet: Publish): InFlight => {
  const arrival = unacknowledged.arrived(packet);
  assert.ok("fresh" in arrival, `${packet.messageId} should be new`);
  return arrival.fresh;
};

const due = (unacknowledged: Unacknowledged, packet: Publish): readonly string[] => {
  const arrival = unacknowledged.arrived(packet);
  assert.ok("known" in arrival, `${packet.messageId} should be known`);
  return arrival.due.map(({ cmd, messageId }) => `${cmd} ${messageId}`);
};

describe("messages received and not acknowledged", () => {
  it("are acknowledged in the order in which they came, whatever order they finish in", () => {
    check(
      property(shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }), (order) => {
        const unacknowledged = new Unacknowledged();
        unacknowledged.connected(false);
        const flying = new Map([1, 2, 3, 4, 5, 6, 7, 8].map((id) => [id, fresh(unacknowledged, publish(id))]));
        const finished = new Set<number>();
        const acknowledged: number[] = [];
        for (const id of order) {
          finished.add(id);
          const inFlight = flying.get(id);
          assert.ok(inFlight);
          for (const { messageId } of unacknowledged.finished(inFlight)) {
            assert.ok(finished.has(messageId), "only what is finished is acknowledged");
            acknowledged.push(messageId);
          }
        }
        assert.deepEqual(acknowledged, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert.equal(unacknowledged.size, 0);
      }),
    );
  });

  it("at QoS 2 do not wait for those at QoS 1", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    fresh(unacknowledged, publish(1, 1));
    const second = fresh(unacknowledged, publish(2, 2));
    assert.deepEqual(unacknowledged.finished(second), [{ cmd: "pubrec", messageId: 2 }]);
  });

  it("are not acknowledged on a later connection until the broker has sent them again", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    const first = fresh(unacknowledged, publish(1));
    unacknowledged.connected(true);
    assert.deepEqual(unacknowledged.finished(first), []);
    assert.deepEqual(due(unacknowledged, publish(1)), ["puback 1"]);
  });

  it("that are still in flight when sent again are not emitted a second time", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    const first = fresh(unacknowledged, publish(1));
    unacknowledged.connected(true);
    assert.deepEqual(due(unacknowledged, publish(1)), []);
    assert.deepEqual(unacknowledged.finished(first), [{ cmd: "puback", messageId: 1 }]);
  });

  it("are new when another message has the message id of a lost one", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    const lost = fresh(unacknowledged, publish(1, 1, "before"));
    unacknowledged.connected(true);
    const other = fresh(unacknowledged, publish(1, 1, "after"));
    assert.deepEqual(unacknowledged.finished(lost), [], "its message id means another message now");
    assert.deepEqual(unacknowledged.finished(other), [{ cmd: "puback", messageId: 1 }]);
  });

  it("are new when the session was lost, even if they look the same", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    const lost = fresh(unacknowledged, publish(1));
    unacknowledged.connected(false);
    fresh(unacknowledged, publish(1));
    assert.deepEqual(unacknowledged.finished(lost), []);
  });

  it("at QoS 2 are known between PUBREC and PUBREL, and new after it", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    unacknowledged.finished(fresh(unacknowledged, publish(7, 2)));
    unacknowledged.connected(true);
    assert.deepEqual(due(unacknowledged, publish(7, 2)), ["pubrec 7"]);
    unacknowledged.pubrel(7);
    fresh(unacknowledged, publish(7, 2));
  });

  it("keep count of connections, so that an acknowledgement can tell which it belongs to", () => {
    const unacknowledged = new Unacknowledged();
    unacknowledged.connected(false);
    unacknowledged.connected(true);
    assert.equal(unacknowledged.epoch, 2);
  });
});
