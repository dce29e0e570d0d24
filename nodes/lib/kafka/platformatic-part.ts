/** How far one partition of an assignment is. */
import type { FetchedBatch, TopicPartition } from "./port";

export interface Part extends TopicPartition {
  leader: number;
  /** The next record to give out. */
  position: number;
  /** The next record to fetch: after `waiting`. */
  from: number;
  /** Changes when what is under way is not to be used. */
  turn: number;
  waiting: { readonly batch: FetchedBatch } | undefined;
  busy: boolean;
  /** Its last batch was long in being taken: the next is not fetched meanwhile, it would only lie in memory. */
  slow: boolean;
  paused: boolean;
  /** Not before this time, in ms since the epoch. */
  notBefore: number;
  /** Number of the request that last brought something. */
  served: number;
}

export const partAt = ({ topic, partition }: TopicPartition, offset: number): Part => ({
  topic,
  partition,
  leader: -1,
  position: offset,
  from: offset,
  turn: 0,
  waiting: undefined,
  busy: false,
  slow: false,
  paused: false,
  notBefore: 0,
  served: 0,
});

/** Goes on at `position`: what was fetched or is under way is not used. */
export const rewind = (part: Part, position: number): void => {
  part.turn++;
  part.position = part.from = position;
  part.waiting = undefined;
};
