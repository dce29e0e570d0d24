import type { Message } from "../../lib/delivery/contract";
import { Rejected } from "../../lib/errors";
import { extended } from "../../lib/extended";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { sendRouted, type Routed } from "../../lib/route";
import { openState, whenRestored, throughState } from "../../lib/state/fields";
import { fraudAdvance } from "../../lib/stream/fraud/advance";
import { ACTIONS, type KeyState, type Verdict } from "../../lib/stream/fraud/contract";
import { notNegative } from "../../lib/stream/duration";
import { compileKey } from "../../lib/stream/path";
import type { StreamRecord } from "../../lib/stream/record";
import { declaration } from "./declaration";
import { openLists } from "./lists";
import { readerOf, rulesOf } from "./rules-of";
import { sentenceOf } from "./sentences";

const PASSED: Verdict = { action: "pass", score: 0, reasons: [] };

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const keyOf = compileKey(settings.key, "Key");
  const advance = fraudAdvance(rulesOf(settings));
  const ahead = notNegative(settings.ahead, "Clock ahead");
  const read = readerOf(settings, (value) => lists.listOf(value));
  const state = openState<KeyState, Verdict>(node, settings, "fraud rules 1", advance);
  // Last, since the files are watched from now on: no wrong setting may leave a watch behind.
  const lists = openLists(node, settings.lists, { deny: settings.denyFile, allow: settings.allowFile });

  let passed = 0;
  let held = 0;
  let warned = false;
  const show = paced(() => {
    if (state.full) {
      node.status("full", "yellow");
      if (!warned)
        node.warn(`Keys: ${settings.keys} keys are remembered; for more, the least recently used are forgotten`);
      warned = true;
    } else if (held === 0) node.status("passing", "green", passed);
    else node.status("holding", "yellow", `${held} / ${passed + held}`);
  });
  whenRestored(state, show);

  /** Judges a transaction; feedback goes into the state and nowhere else. */
  function route(record: StreamRecord): readonly Routed[] {
    const key = keyOf(record);
    if (key === "") throw new Rejected(`Key: ${settings.key} is empty in this record; it must name a card or customer`);
    const transaction = read(record);
    if (ahead > 0 && transaction.time > Date.now() + ahead)
      throw new Rejected(
        `Time: ${settings.time} is ${new Date(transaction.time).toISOString()}, further in the future than Clock ahead (${settings.ahead}) allows`,
      );
    if (transaction.feedback) {
      // What comes back carries the coordinates of its transaction, which the state holds already; told twice is as told once.
      state.take(key, { payload: transaction });
      return [];
    }
    const { action, score, reasons } = state.take(key, { ...record, payload: transaction }) ?? PASSED;
    if (action === "pass") passed++;
    else held++;
    const told = reasons.map((reason) => ({ ...reason, text: sentenceOf(reason, node.word) }));
    return [
      { record: extended(record, { decision: { action, score, reasons: told } }), port: ACTIONS.indexOf(action) },
    ];
  }

  function decide(message: Message): void {
    try {
      sendRouted(node, message, "judged", route);
    } finally {
      show();
    }
  }

  return {
    receive: (message) => throughState(node, state, message, () => decide(message)),
    async close() {
      show.stop();
      lists.close();
      await state.close();
    },
  };
});
