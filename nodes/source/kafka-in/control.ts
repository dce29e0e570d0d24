/** Control messages: what the user wants of a running kafka in. */
import type { Message } from "../../lib/delivery/contract";
import { Rejected } from "../../lib/errors";
import type { Kafka, TopicPartition } from "../../lib/kafka/port";
import { covers, type Scope } from "./pauses";

/** Where a seek goes: an offset, an end of the partition, or the first record of a time (ms since 1970). */
export type Target = number | "earliest" | "latest" | { readonly timestamp: number };

export type Control =
  ({ readonly action: "pause" | "resume" } & Scope) | ({ readonly action: "seek"; readonly to: Target } & Scope);

const ACTIONS = ["pause", "resume", "seek"] as const;

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

const targetOf = ({ offset, timestamp }: Readonly<Record<string, unknown>>): Target => {
  if (offset !== undefined && timestamp !== undefined)
    throw new Rejected("seek: give an offset or a timestamp, not both");
  if (offset === "earliest" || offset === "latest") return offset;
  const given = offset ?? timestamp;
  const number =
    typeof given === "string" && given.trim() !== ""
      ? /^\d+$/.test(given) || offset !== undefined
        ? Number(given)
        : Date.parse(given)
      : given;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0)
    throw new Rejected(
      offset === undefined
        ? `seek: msg.timestamp is ${shown(timestamp)}; give an offset (a number, "earliest" or "latest"), or a time in ms since 1970 or ISO 8601`
        : `seek: msg.offset is ${shown(offset)}; give a number from 0 on, "earliest" or "latest"`,
    );
  return offset === undefined ? { timestamp: number } : number;
};

/**
 * Reads `msg.control`, or `msg.action` with what belongs to it beside it.
 * @throws Rejected naming what is wrong
 */
export const controlOf = (message: Message): Control => {
  const { control } = message;
  const given = (typeof control === "object" && control !== null ? control : message) as Readonly<
    Record<string, unknown>
  >;
  const action = typeof control === "string" ? control : given["action"];
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined)
    throw new Rejected(`msg.action is ${shown(action)}; kafka in knows "pause", "resume" and "seek"`);
  const { topic, partition } = given;
  if (topic !== undefined && typeof topic !== "string")
    throw new Rejected(`${known}: msg.topic is ${shown(topic)}; give a topic's name, or none for all`);
  if (partition !== undefined && !(Number.isSafeInteger(partition) && (partition as number) >= 0))
    throw new Rejected(`${known}: msg.partition is ${shown(partition)}; give a partition's number, or none for all`);
  const scope: Scope = { topic: topic === "" ? undefined : topic, partition: partition as number | undefined };
  return known === "seek" ? { action: known, to: targetOf(given), ...scope } : { action: known, ...scope };
};

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic} partition ${partition}`;

/**
 * The offsets that a seek means, of those partitions that this process has.
 * @throws Rejected when it has none of them, or such an offset is not there
 */
export const positionsOf = async (
  { to, ...scope }: Extract<Control, { action: "seek" }>,
  owned: readonly TopicPartition[],
  kafka: Pick<Kafka, "offsets" | "offsetsAt">,
): Promise<(TopicPartition & { readonly offset: number })[]> => {
  const meant = owned.filter((one) => covers(scope, one));
  if (meant.length === 0)
    throw new Rejected(
      `seek: this process has ${owned.length === 0 ? "no partition at the moment" : owned.map(nameOf).join(", ")}; send the message to the one that has what you mean`,
    );
  if (typeof to === "number" && meant.length > 1)
    throw new Rejected(
      `seek: an offset is one partition's; name the topic and partition of one of ${meant.map(nameOf).join(", ")}`,
    );
  const positions: (TopicPartition & { readonly offset: number })[] = [];
  for (const topic of new Set(meant.map((one) => one.topic))) {
    const ends = new Map((await kafka.offsets(topic)).map((one) => [one.partition, one]));
    const times =
      typeof to === "object"
        ? new Map((await kafka.offsetsAt(topic, to.timestamp)).map(({ partition, offset }) => [partition, offset]))
        : undefined;
    for (const one of meant.filter((each) => each.topic === topic)) {
      const { low = 0, high = 0 } = ends.get(one.partition) ?? {};
      const offset = typeof to === "number" ? to : (times?.get(one.partition) ?? (to === "earliest" ? low : high));
      if (offset < low || offset > high)
        throw new Rejected(`seek: ${nameOf(one)} has offsets ${low} to ${high}, not ${offset}`);
      positions.push({ ...one, offset });
    }
  }
  return positions;
};
