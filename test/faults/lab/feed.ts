/** A producer that is no source of this pack: records come over HTTP and go to kafka-out, acknowledged by nobody. */
import { setTimeout as wait } from "node:timers/promises";
import type { NodeRedChild } from "../../harness/child";
import type { FlowNode } from "../../harness/runtime";
import { valueOf } from "./numbers";

/** http in → function → the node `to`. */
export const feedNodes = (to: string): FlowNode[] => [
  { id: "feed", type: "http in", url: "/feed", method: "post", wires: [["records", "thanks"]] },
  {
    id: "records",
    type: "function",
    func: "return [msg.payload.map((payload) => ({ payload }))];",
    outputs: 1,
    wires: [[to]],
  },
  { id: "thanks", type: "http response", statusCode: "200" },
];

export interface Feed {
  /** Records that Node-RED has taken. */
  readonly sent: number;
  /** Sends no more; resolves when what was begun is taken. */
  stop(): Promise<void>;
}

/** Sends numbered records to `feedNodes` of a Node-RED, `perSecond` or fewer where the machine can't. */
export function feed(child: NodeRedChild, seed: string, perSecond: number): Feed {
  const PACE = 100;
  const step = Math.max(1, Math.round((perSecond * PACE) / 1000));
  let sent = 0;
  const state = { on: true };
  const done = (async () => {
    let due = Date.now();
    while (state.on) {
      const values = Array.from({ length: step }, (_, index) => valueOf(seed, sent + index));
      const answer = await fetch(`${child.url}/api/feed`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `[${values.join(",")}]`,
      });
      if (!answer.ok) throw new Error(`Node-RED answered ${answer.status} to records ${sent} and following`);
      await answer.arrayBuffer();
      sent += step;
      due = Math.max(due + PACE, Date.now() - 1000);
      await wait(Math.max(0, due - Date.now()));
    }
  })();
  done.catch(() => undefined);
  return {
    get sent() {
      return sent;
    },
    async stop() {
      state.on = false;
      await done;
    },
  };
}
