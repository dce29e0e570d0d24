/** Which of the records that a flow made of one source record this one is. */
import { type Ascending, Ranges } from "../ranges";

/** How many (offset, token) pairs are remembered: more than a source's span and what sinks may hold. */
const REMEMBERED = 200_000;

/** Records that one part of a split may become. */
const MOST_SIBLINGS = 4096;

/** Of one message, or one part of it: the offsets that came once, at least twice, … A message's offsets follow each other. */
type Times = Ranges[];

/** By place, and by message and part. */
type Places = Map<string, Map<string, Times>>;

/**
 * Numbers the records that a flow made of one source record, in the order in which they reach a directory. A record
 * that comes again carries another delivery token, so its siblings are counted anew and meet their own numbers.
 */
export class Siblings {
  // two halves, the older one dropped at once: taking single entries off a large map's front is slow
  private recent: Places = new Map();
  private earlier: Places = new Map();
  private size = 0;

  /** @param remembered pairs of offset and token, at most */
  constructor(private readonly remembered = REMEMBERED) {}

  /**
   * @param part the piece's own number, when the flow's split left one
   * @returns the piece: 0 for the only record, or the first, that was made of its source record
   */
  next(place: string, offset: number, token: string, part = 0): number {
    const key = part === 0 ? token : `${token}/${part}`;
    const times = this.timesOf(place, key);
    let count = countOf(times, offset);
    const isNew = count === 0;
    if (isNew) {
      count = countOf(this.earlier.get(place)?.get(key), offset);
      for (let time = 0; time < count; time++) add(times, time, offset);
    }
    add(times, count, offset);
    if (isNew) this.counted(1);
    return part * MOST_SIBLINGS + count;
  }

  /**
   * `next` of ascending offsets, from…to−1 of them, where it is the same for all because none of them can have come with
   * this message before.
   * @returns undefined where one may have: then each is to be asked for by itself, and nothing is remembered
   */
  nextOfAll(place: string, offsets: Ascending, from: number, to: number, token: string, part = 0): number | undefined {
    const key = part === 0 ? token : `${token}/${part}`;
    const first = offsets.offset(from);
    if (lastOf(this.earlier.get(place)?.get(key)) >= first) return undefined;
    const times = this.timesOf(place, key);
    if (lastOf(times) >= first) return undefined;
    (times[0] ??= new Ranges()).addAll(offsets, from, to);
    this.counted(to - from);
    return part * MOST_SIBLINGS;
  }

  private counted(pairs: number): void {
    this.size += pairs;
    if (this.size < this.remembered / 2) return;
    this.earlier = this.recent;
    this.recent = new Map();
    this.size = 0;
  }

  private timesOf(place: string, key: string): Times {
    let messages = this.recent.get(place);
    if (!messages) this.recent.set(place, (messages = new Map()));
    let times = messages.get(key);
    if (!times) messages.set(key, (times = []));
    return times;
  }
}

const add = (times: Times, time: number, offset: number): void => (times[time] ??= new Ranges()).add(offset);

const lastOf = (times: Times | undefined): number => times?.[0]?.last ?? -1;

function countOf(times: Times | undefined, offset: number): number {
  let count = 0;
  for (const ranges of times ?? []) {
    if (!ranges.has(offset)) break;
    count++;
  }
  return count;
}
