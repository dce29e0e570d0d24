/** A record of a flow as an MQTT message to publish. */
import type { Message } from "../delivery/contract";
import { encodePayload } from "./payload";
import type { Publication } from "./publisher";
import { checkTopic } from "./topics";

export interface PublishForm {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** MQTT 5: seconds. */
  readonly expiry: number | undefined;
  /** The topic of a record of a message, unchecked. @throws Rejected */
  readonly topic: (record: Message, message: Message) => unknown;
}

/** @throws Rejected when topic or payload cannot be published */
export function publicationOf(record: Message, message: Message, form: PublishForm): Publication {
  const topic = form.topic(record, message);
  checkTopic(topic);
  const { headers, responseTopic, correlationData, contentType } = record;
  const properties: Publication["properties"] = {
    ...(form.expiry === undefined ? {} : { messageExpiryInterval: form.expiry }),
    ...(typeof responseTopic === "string" ? { responseTopic } : {}),
    ...(Buffer.isBuffer(correlationData) ? { correlationData } : {}),
    ...(typeof contentType === "string" ? { contentType } : {}),
    ...(isRecord(headers) ? { userProperties: userProperties(headers) } : {}),
  };
  const payload = encodePayload(record.payload);
  return { topic, payload, qos: form.qos, retain: form.retain, properties };
}

/** User properties are text: bytes of Kafka headers are read as UTF-8. */
function userProperties(headers: Record<string, unknown>): Record<string, string | string[]> {
  const texts = Object.entries(headers).flatMap(([name, value]): [string, string | string[]][] => {
    if (value === null || value === undefined) return [];
    return [[name, Array.isArray(value) ? value.map(textOf) : textOf(value)]];
  });
  return Object.fromEntries(texts);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return Buffer.isBuffer(value) ? value.toString() : JSON.stringify(value);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
