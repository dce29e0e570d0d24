/** A received MQTT message as a message of a flow. */
import type { Message } from "../delivery/contract";
import { decodePayload, type PayloadFormat } from "./payload";
import type { Received } from "./subscriber";

/** Where a record came from: `msg.source`. */
export interface MqttSource {
  readonly kind: "mqtt";
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** The broker has sent it before. */
  readonly dup: boolean;
}

export interface RecordForm {
  readonly format: PayloadFormat;
  /** Reads event time, ms since the epoch, from the payload. */
  readonly time: (payload: unknown) => number | undefined;
}

/**
 * The record of a message. `topic` is the MQTT topic, as with Node-RED's own mqtt in, so that mqtt out and switch
 * nodes work as users know them; where it came from is read from `source` only.
 * @throws Rejected when the payload is not of the format.
 */
export function recordOf(packet: Received, form: RecordForm): Message {
  const payload = decodePayload(form.format, packet.payload);
  const timestamp = form.time(payload);
  return Object.assign(envelopeOf(packet), { payload }, timestamp === undefined ? undefined : { timestamp });
}

/** The record of a message that could not be read, with its bytes: what a dead letter keeps. */
export const unreadRecordOf = (packet: Received): Message =>
  Object.assign(envelopeOf(packet), { payload: packet.payload });

function envelopeOf(packet: Received): Message {
  const { topic, qos, retain, dup, properties } = packet;
  const source: MqttSource = { kind: "mqtt", topic, qos, retain, dup };
  const { userProperties, responseTopic, correlationData, contentType } = properties ?? {};
  return {
    topic,
    source,
    ...(userProperties ? { headers: { ...userProperties } } : {}),
    ...(responseTopic ? { responseTopic } : {}),
    ...(correlationData ? { correlationData } : {}),
    ...(contentType ? { contentType } : {}),
  };
}
