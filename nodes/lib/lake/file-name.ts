/** Names of stored files. They say what is inside, sort in order, and hold nothing that a path or a glob could trip over. */

/** Offsets of one Kafka topic partition. */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
}

const DIGITS = 10;
const padded = (offset: number): string => String(offset).padStart(DIGITS, "0");

/**
 * `topic+partition+firstOffset+lastOffset.ext`, offsets zero-padded to ten digits, as Kafka Connect's HDFS sink names its files.
 * @param copy told apart from an earlier file of the same offsets when above 1
 * @param lane eight hexadecimal digits that tell it from files of other lanes, or ""
 */
export const rangeName = (range: OffsetRange, extension: string, copy = 1, lane = ""): string => {
  const offsets = `${range.topic}+${range.partition}+${padded(range.first)}+${padded(range.last)}`;
  return `${offsets}${lane && `+${lane}`}${copy > 1 ? `+${copy}` : ""}${extension}`;
};

const pattern =
  /^(?<topic>[\w.-]+)\+(?<partition>\d+)\+(?<first>\d{10,})\+(?<last>\d{10,})(?:\+[0-9a-f]{8})?(?:\+\d+)?(?=\.)/;

/** The offsets that a file's name states; undefined for any other name. */
export function parseRangeName(name: string): OffsetRange | undefined {
  const found = pattern.exec(name)?.groups;
  if (!found) return undefined;
  return {
    topic: found["topic"] ?? "",
    partition: Number(found["partition"]),
    first: Number(found["first"]),
    last: Number(found["last"]),
  };
}

/**
 * A name for records that have no offsets: sorts by the time the file was begun, unique by writer and count.
 * @param time ms since the epoch
 * @param copy told apart from an earlier file of the same name when above 1
 */
export function timeName(time: number, writer: string, count: number, copy: number, extension: string): string {
  const stamp = new Date(time).toISOString().replaceAll(/[-:]/g, "");
  const again = copy > 1 ? `+${copy}` : "";
  return `${stamp}+${writer}+${String(count).padStart(6, "0")}${again}${extension}`;
}
