/** Records → emissions of the delivery ledger, which can make their messages again for each try. */
import type { Emission, Message } from "../../lib/delivery/contract";
import { asError } from "../../lib/errors";
import type { FetchedRecord } from "../../lib/kafka/port";
import { messageOf, type Decoders, type Origin } from "./decode";

export interface EmissionSettings {
  readonly mode: "record" | "batch";
  readonly group: string;
  readonly decoders: Decoders;
}

export interface Undecodable {
  readonly record: FetchedRecord;
  readonly error: Error;
}

const batchMessage = (elements: Message[], records: readonly FetchedRecord[], origin: Origin): Message => ({
  payload: elements,
  source: {
    kind: "kafka",
    topic: origin.topic,
    partition: origin.partition,
    offset: records[0]?.offset,
    lastOffset: records.at(-1)?.offset,
    epoch: origin.epoch,
    group: origin.group,
  },
});

/** The emission for `records[from…to)`, absent when none of them can be decoded. */
export const emissionOf = (
  records: readonly FetchedRecord[],
  from: number,
  to: number,
  origin: Origin,
  { mode, decoders }: EmissionSettings,
): { emission: Emission | undefined; undecodable: readonly Undecodable[] } => {
  const good: FetchedRecord[] = [];
  const undecodable: Undecodable[] = [];
  const elements: Message[] = [];
  let bytes = 0;
  for (let i = from; i < to; i++) {
    const record = records[i];
    if (record === undefined) continue;
    try {
      elements.push(messageOf(record, origin, decoders));
      good.push(record);
      bytes += record.size;
    } catch (error) {
      undecodable.push({ record, error: asError(error) });
    }
  }
  if (good.length === 0) return { emission: undefined, undecodable };
  let first: Message[] | undefined = elements;
  const emission: Emission = {
    records: good.length,
    bytes,
    message(wanted) {
      // The first try takes what was decoded to see whether it can be; later ones begin anew: flows change messages.
      const decoded = wanted === undefined ? first : undefined;
      first = undefined;
      const chosen = wanted ? wanted.flatMap((index) => good[index] ?? []) : good;
      const list = decoded ?? chosen.map((record) => messageOf(record, origin, decoders));
      if (mode === "batch") return batchMessage(list, chosen, origin);
      return list[0] ?? { payload: undefined };
    },
  };
  return { emission, undecodable };
};
