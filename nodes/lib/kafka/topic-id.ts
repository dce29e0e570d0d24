/**
 * A topic's id, which tells a topic from one that was made anew under its name (KIP-516): Metadata v10, of Kafka 2.8,
 * which not every client has. Its answer holds more, which is not read.
 */
import type { Request } from "./transaction-requests";

/** The first version of Metadata that has ids; older brokers know none. */
export const VERSION = 10;
export const METADATA = 3;

/** Asks for a topic's id, as Kafka's tools write it; the answer is undefined when the topic is not there or may not be seen. */
export const topicIdRequest = (topic: string): Request<string | undefined> => ({
  apiKey: METADATA,
  apiName: "Metadata",
  version: VERSION,
  flexible: true,
  write: (body) =>
    body
      .compactArray([topic], (name) => body.int64(0n).int64(0n).compactText(name).noTags())
      // Makes no topic, and asks for no permissions.
      .boolean(false)
      .boolean(false)
      .boolean(false)
      .noTags(),
  read(body) {
    body.compactArray(() => {
      body.int32();
      body.compactText();
      body.int32();
      body.compactText();
      body.tags();
    });
    body.compactText();
    body.int32();
    if (body.unsigned() < 2) return undefined;
    const errorCode = body.int16();
    body.compactText();
    const id = body.uuid();
    return errorCode === 0 ? id : undefined;
  },
});
