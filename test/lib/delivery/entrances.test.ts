import assert from "node:assert/strict";
import { watchMessages, type Observer } from "../../../nodes/lib/delivery/entrances";
import type { Red, Trigger } from "../../../nodes/lib/delivery/red";

/** What Node-RED's hooks do, and what an observer is told. */
const bench = (): {
  hooks: Red["hooks"];
  added: Map<string, (event: never) => void>;
  told: string[];
  observer: Observer;
} => {
  const added = new Map<string, (event: never) => void>();
  const told: string[] = [];
  const telling =
    (what: string) =>
    (event: unknown): void =>
      void told.push(`${what} ${String(event)}`);
  return {
    added,
    told,
    hooks: { add: (name, callback) => void added.set(name, callback), remove: (name) => void added.delete(name) },
    observer: {
      delivering: telling("delivering"),
      receiving: telling("receiving"),
      completing: telling("completing"),
    },
  };
};
const POINTS = ["onSend", "preRoute", "preDeliver", "postDeliver", "onReceive", "postReceive", "onComplete"];

describe("where the ledger learns of messages", () => {
  it("is where Node-RED triggers its hooks, before what was added to them, and nothing is added", () => {
    const { hooks, added, told, observer } = bench();
    const triggered: Trigger = (hook, _event, _done) => told.push(`hook ${hook}`);
    hooks.trigger = triggered;
    const stop = watchMessages(hooks, observer);
    for (const point of POINTS) hooks.trigger(point, "m", () => undefined);
    assert.deepEqual(told, [
      "hook onSend",
      "hook preRoute",
      "delivering m",
      "hook preDeliver",
      "hook postDeliver",
      "receiving m",
      "hook onReceive",
      "hook postReceive",
      "completing m",
      "hook onComplete",
    ]);
    assert.equal(added.size, 0);
    stop();
    assert.equal(hooks.trigger, triggered);
  });

  it("falls silent, and breaks nobody's chain, when another has wrapped the same function since", () => {
    const { hooks, told, observer } = bench();
    hooks.trigger = (_hook, _event, _done) => told.push("hook");
    const stop = watchMessages(hooks, observer);
    const ours = hooks.trigger;
    const theirs: Trigger = (hook, event, done) => ours(hook, event, done);
    hooks.trigger = theirs;
    stop();
    hooks.trigger("onReceive", "m", undefined);
    assert.equal(hooks.trigger, theirs);
    assert.deepEqual(told, ["hook"]);
  });

  it("is the hooks of a Node-RED that triggers them in another way: functions of one argument, or messages would wait", () => {
    const { hooks, added, told, observer } = bench();
    const stop = watchMessages(hooks, observer);
    assert.deepEqual(
      [...added.keys()].map((name) => name.split(".")[0]),
      ["preDeliver", "onReceive", "onComplete"],
    );
    for (const callback of added.values()) {
      assert.equal(callback.length, 1);
      callback("m" as never);
    }
    assert.deepEqual(told, ["delivering m", "receiving m", "completing m"]);
    stop();
    assert.equal(added.size, 0);
  });
});
