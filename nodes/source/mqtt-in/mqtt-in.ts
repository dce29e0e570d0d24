import { deadLetterFile } from "../../lib/delivery/dead-letter-file";
import type { DeliverySource } from "../../lib/delivery/contract";
import { messageOf } from "../../lib/errors";
import { deliverySettings } from "../../lib/field-groups";
import { eventTime } from "../../lib/formats/event-time";
import { recordOf, unreadRecordOf, type RecordForm } from "../../lib/mqtt/record";
import { Subscriber, type Received } from "../../lib/mqtt/subscriber";
import { checkFilter } from "../../lib/mqtt/topics";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";

/** How long closing waits for what is in flight, in ms. */
const DRAIN = 5_000;
/** The same complaint at most this often, in ms. */
const COMPLAINT = 10_000;

export = defineNode(declaration, (node) => {
  const { broker, topics, format, timeField, inFlight, expiry, clientId } = node.settings;
  topics.forEach(checkFilter);
  const qos = Number(node.settings.qos) as 0 | 1 | 2;
  const form: RecordForm = { format, time: eventTime(timeField) };
  const {
    retry,
    timeout,
    breaker: pauses,
    deadLetterFolder,
    deadLetterBytes,
  } = deliverySettings(node.RED, node.settings);
  const deadLetters = deadLetterFile({
    directory: deadLetterFolder,
    limit: deadLetterBytes,
    prefix: `mqtt-in-${node.id}`,
  });
  const complained = new Map<string, number>();
  const complain = (about: string, text: string): void => {
    const now = Date.now();
    if (now - (complained.get(about) ?? 0) < COMPLAINT) return;
    complained.set(about, now);
    node.warn(text);
  };

  const id = clientId || `${broker.clientId}-${node.id}`;
  let subscriber: Subscriber | undefined;
  let lastFault: string | undefined;
  let isFull = false;
  const subscribe = (): Subscriber =>
    new Subscriber(
      broker,
      {
        clientId: id,
        persistent: qos > 0,
        expiry,
        receiveMaximum: inFlight,
      },
      { filters: topics, qos, limit: inFlight },
      {
        received: deliver,
        subscribed() {
          lastFault = undefined;
          node.status("connected", "green");
        },
        down(reason) {
          node.status(reason.fault, "red");
          if (lastFault !== reason.text) node.warn(`${reason.text}; trying again until it works`);
          lastFault = reason.text;
        },
        refused(text) {
          node.status("refused", "red");
          complain(text, text);
        },
        unwanted: (topic) =>
          complain(
            "unwanted",
            `a message for ${topic} was acknowledged without being sent: the session still has a subscription from before; use another client id to begin anew`,
          ),
        full() {
          isFull = true;
          node.status("full", "yellow", subscriber?.unfinished ?? "");
          source.pressure();
        },
      },
    );

  const deliver = (packet: Received, finished: () => void): void => {
    let unreadable: Error | undefined;
    source.deliver(
      {
        records: 1,
        bytes: packet.payload.length + packet.topic.length,
        message() {
          // made again for its dead letter, an unreadable record carries its bytes
          if (unreadable) return unreadRecordOf(packet);
          try {
            return recordOf(packet, form);
          } catch (error) {
            unreadable = error as Error;
            complain("unreadable", `a record from ${packet.topic} goes to the dead letters: ${messageOf(error)}`);
            throw error;
          }
        },
      },
      (verdict) => {
        if (verdict !== "abandoned") finished();
        if (isFull && lastFault === undefined && !node.closing) node.status("connected", "green");
        isFull = false;
      },
    );
  };

  const source: DeliverySource = node.source({
    retry,
    timeout,
    breaker: pauses,
    deadLetters,
    onFlows(running) {
      if (!running) subscriber?.pause();
      else if (subscriber) subscriber.resume();
      else {
        node.status("connecting", "yellow");
        subscriber = subscribe();
      }
    },
  });

  const leave = qos > 0 ? broker.attend?.(id, topics, qos) : undefined;

  return {
    async close() {
      subscriber?.pause();
      await source.close(DRAIN);
      await subscriber?.close();
      leave?.();
      await deadLetters.close();
    },
  };
});
