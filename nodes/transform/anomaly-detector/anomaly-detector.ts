import type { Message } from "../../lib/delivery/contract";
import { extended } from "../../lib/extended";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { sendRouted, type Routed } from "../../lib/route";
import { openState, whenRestored, throughState } from "../../lib/state/fields";
import type { Alert } from "../../lib/stream/anomaly/alerts";
import { detector, type Judgement, type KeyState } from "../../lib/stream/anomaly/detector";
import { clockCheck } from "../../lib/stream/clock-ahead";
import { compileKey } from "../../lib/stream/path";
import type { StreamRecord } from "../../lib/stream/record";
import { declaration } from "./declaration";
import { notNegative, optionsOf } from "./options";

const RECORDS = 0;
const ALERTS = 1;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const keyOf = compileKey(settings.key, "Key");
  const options = optionsOf(settings);
  const checkClock = clockCheck(notNegative(settings.ahead, "Clock ahead"), settings.ahead);
  const state = openState<KeyState, Judgement>(node, settings, "anomaly detector 1", detector(options));

  let raised = 0;
  let warned = false;
  const show = paced(() => {
    if (state.full && !warned) {
      node.warn(
        `Keys: ${settings.keys} keys are remembered, as many as it may be; each further one takes the place of the least recently used, which is learned anew when it comes again`,
      );
      warned = true;
    }
    if (raised > 0) node.status("alerts", "yellow", raised);
    else if (state.full) node.status("full", "yellow");
    else node.status("watching", "green", state.keys);
  });
  whenRestored(state, show);

  function route(record: StreamRecord): readonly Routed[] {
    const key = keyOf(record);
    const time = options.timeOf(record);
    checkClock(time);
    const { anomaly, alerts = [] } = state.take(key, record) ?? {};
    const passed = anomaly ? extended(record, { anomaly }) : record;
    return [
      { record: passed, port: RECORDS },
      ...alerts.map((alert) => ({ record: alertRecord(record, key, time, alert), port: ALERTS })),
    ];
  }

  function alertRecord(record: StreamRecord, key: string, time: number, alert: Alert): StreamRecord {
    if (alert.state === "raised") raised++;
    const { forecast: _forecast, anomaly: _anomaly, ...rest } = record;
    return { ...rest, key: record.key ?? key, timestamp: record.timestamp ?? time, payload: { key, ...alert } };
  }

  function judge(message: Message): void {
    try {
      sendRouted(node, message, "judged", route);
    } finally {
      show();
    }
  }

  return {
    receive: (message) => throughState(node, state, message, () => judge(message)),
    async close() {
      show.stop();
      await state.close();
    },
  };
});
