import type { Message } from "../../lib/delivery/contract";
import { extended } from "../../lib/extended";
import { monitorStep, openMonitor, type MonitorAnswer, type MonitorState } from "../../lib/forecast/monitor/monitor";
import { readForecast, type Told } from "../../lib/forecast/monitor/read-forecast";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { sendRouted, type Routed } from "../../lib/route";
import { openState, throughState } from "../../lib/state/fields";
import { clockCheck } from "../../lib/stream/clock-ahead";
import { notNegative } from "../../lib/stream/duration";
import { isObject, type StreamRecord } from "../../lib/stream/record";
import { serveMonitor } from "./admin";
import { declaration } from "./declaration";
import { optionsOf } from "./options";
import { driftMessage, outcomeOf, reasonOf } from "./outcome";
import { statusOf } from "./status";

const [SCORED, DRIFT] = [0, 1];

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const options = optionsOf(settings);
  const checkClock = clockCheck(notNegative(settings.ahead, "Clock ahead"), settings.ahead);
  // Each series may have a state of its scores beside that of its forecasts; and there is what all have in common.
  const keys = settings.keys * (options.each ? 2 : 1) + 2;
  const state = openState<MonitorState, MonitorAnswer>(
    node,
    { ...settings, keys },
    JSON.stringify(["forecast monitor 1", settings.window]),
    monitorStep(options),
  );
  const monitor = openMonitor(state, options);
  let last = "";
  let warned = false;

  const show = paced(() => {
    if (node.closing || state.ready) return;
    const { word, colour, detail } = statusOf(monitor.models(last), options.rules);
    node.status(word, colour, detail);
  });

  function warnOfStale({ key, at }: Told): void {
    if (warned) return;
    warned = true;
    node.warn(
      `a reading of "${key}" of ${new Date(at).toISOString()} is older than may come late and is not scored; after a replay send msg.reset: true`,
    );
  }

  function score(message: Message): void {
    const era = monitor.era();
    const drifts: Message[] = [];
    const route = (record: StreamRecord): readonly Routed[] => {
      const told = readForecast(record);
      checkClock(told.at);
      const taken = monitor.take(era, record, told);
      if (taken.stale) warnOfStale(told);
      last = told.key;
      for (const event of taken.events) {
        const { word, values } = reasonOf(event, settings.factor);
        drifts.push(driftMessage(record, told, event, node.word(word, values)));
      }
      return [{ record: extended(record, { outcome: outcomeOf(taken) }), port: SCORED }];
    };
    try {
      // A window of records is no batch: it has one forecast.
      if (isObject(message["forecast"])) for (const { record, port } of route(message)) node.send(record, { port });
      else sendRouted(node, message, "scored", route);
    } finally {
      // One by one, also of a batch: lstm trainer takes each as what asks for a training.
      for (const drift of drifts) node.send(drift, { port: DRIFT, from: [message] });
      show();
    }
  }

  const unserve = serveMonitor(node.RED, node.id, { monitor, state, options });
  const { ready } = state;
  if (ready) ready.then(show, () => undefined);
  else show();

  return {
    receive(message) {
      return throughState(node, state, message, () => {
        if (message["reset"] === true) {
          monitor.reset(message, Date.now());
          show();
        } else score(message);
      });
    },
    async close() {
      unserve();
      show.stop();
      await state.close();
    },
  };
});
