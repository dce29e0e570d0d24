/** Windows whose records are kept on disk: the node is the source of its windows, and of nothing else. */
import { deadLetterFile } from "../../lib/delivery/dead-letter-file";
import type { DeliverySource, Emission, Message } from "../../lib/delivery/contract";
import { deliverySettings } from "../../lib/field-groups";
import type { Behaviour } from "../../lib/node";
import type { NodeContext } from "../../lib/node-context";
import { paced } from "../../lib/paced";
import { stateDirectory, stateSurroundings, throughState } from "../../lib/state/fields";
import { KeptWindows, type KeptOrigin } from "../../lib/state/kept-windows";
import type { StreamRecord } from "../../lib/stream/record";
import type { Fired } from "../../lib/stream/window/entry";
import type { declaration } from "./declaration";
import { intake } from "./intake";
import { formatOf, type WindowsAsked } from "./options";
import { messageOf } from "./output";
import { LATE } from "./ports";
import { sending } from "./sending";

/** How long closing waits for windows under way, ms. What has not finished then is sent again after the start. */
const DRAIN = 3000;
/** Windows under way at the same time. */
const MOST = 1000;
/** Records after which a checkpoint is written at once. */
const RECORDS = 10_000;

export function keptWindows(
  node: NodeContext<(typeof declaration)["fields"]>,
  { windows, shape, lateIsWired }: WindowsAsked,
): Behaviour {
  const { settings, RED } = node;
  const { retry, timeout, breaker, deadLetterFolder, deadLetterBytes } = deliverySettings(RED, settings);
  const around = stateSurroundings(node);
  const kept = new KeptWindows(
    {
      directory: stateDirectory(node, settings.stateFolder),
      format: formatOf(settings),
      windows: { ...windows, patience: undefined },
      interval: settings.checkpointEvery * 1000,
      records: RECORDS,
      warn: node.warn,
    },
    {
      ...around,
      trouble(error) {
        around.trouble(error);
        troubled = error !== undefined;
        show();
      },
    },
  );
  const over = (): number => kept.windows.eventTime;
  const { arrivalOf, distribute } = intake({ settings, windows, lateIsWired, over });
  const counts = { late: 0, early: 0 };
  /** Sent, and cut off by flows that stopped. */
  const cutOff: Fired<KeptOrigin>[] = [];
  let troubled = false;

  const show = paced(() => {
    if (kept.ready || troubled) return;
    if (counts.early > 0) node.status("early", "yellow", counts.early);
    else if (counts.late > 0) node.status("late", "yellow", counts.late);
    else node.status("collecting", "green", kept.unfinished);
  });

  const deadLetters = deadLetterFile({
    directory: deadLetterFolder,
    limit: deadLetterBytes,
    prefix: `window-batcher-${node.id}`,
  });
  const source: DeliverySource = node.source({
    retry,
    timeout,
    breaker,
    deadLetters,
    onFlows: (running) => {
      if (running) begin();
    },
  });

  /** Windows that may be sent now. */
  const roomBelow = (): number => (kept.ready || !source.running ? 0 : MOST - source.unfinished);
  const { send, stop } = sending<KeptOrigin>({
    due(now, most) {
      const room = Math.min(most, roomBelow());
      if (room <= 0) return undefined;
      const again = cutOff.splice(0, room);
      return again.concat(kept.windows.due(now, room - again.length));
    },
    sendOne,
    // Without room it goes on when a window has finished.
    nextDue: () => (roomBelow() > 0 ? kept.windows.nextDue : undefined),
    show,
    isClosing: () => node.closing,
  });

  function sendOne(window: Fired<KeptOrigin>): void {
    if (window.entries.length === 0) {
      kept.finish(window);
      return;
    }
    if (window.reason === "bound") counts.early++;
    source.deliver(emissionOf(window), (verdict) => {
      if (verdict === "abandoned") cutOff.push(window);
      else kept.finish(window);
      send();
      show();
    });
  }

  function emissionOf(window: Fired<KeptOrigin>): Emission {
    const last = window.entries.at(-1);
    const topic = last?.record.topic ?? last?.origin.topic;
    return {
      records: window.entries.length,
      bytes: window.entries.reduce((sum, { bytes }) => sum + bytes, 0),
      message(elements) {
        // What is sent may be changed below, and must be the same when it is sent again.
        const message = RED.util.cloneMessage(messageOf(window, shape, topic) as never) as Message;
        if (!elements || !Array.isArray(message.payload)) return message;
        const payload = message.payload as readonly unknown[];
        return { ...message, payload: elements.map((index) => payload[index]) };
      },
    };
  }

  /** Sends what was kept, as soon as it is there and flows run. */
  function begin(): void {
    const go = (): void => {
      send();
      show();
    };
    if (kept.ready) kept.ready.then(go, () => undefined);
    else go();
  }

  function take(message: Message): void {
    const now = Date.now();
    const { late, lateRecords, failure } = distribute(message, now, (record) => {
      const arrival = arrivalOf(dataOf(record), message, now);
      return kept.add(arrival, message.topic, now) === "late";
    });
    counts.late += lateRecords;
    if (late) node.send(late, { port: LATE, from: [message] });
    send();
    show();
    if (failure) throw failure;
  }

  return {
    receive: (message) => throughState(node, kept, message, () => take(message)),
    async close() {
      show.stop();
      stop();
      await source.close(DRAIN);
      await kept.close();
      await deadLetters.close();
    },
  };
}

/** A record without what only its process has. */
const dataOf = (record: StreamRecord): StreamRecord => {
  if (!("req" in record) && !("res" in record)) return record;
  const { req: _req, res: _res, ...data } = record;
  return data;
};
