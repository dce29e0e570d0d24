/** Takes a Fetch response v11 apart (kafka.apache.org/protocol#The_Messages_Fetch). Record sets stay windows into it. */
import type { AbortedTransaction } from "./record-batch";

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly preferredReadReplica: number;
  /** Record batches, the last possibly cut off. */
  readonly set: Buffer;
}

export interface FetchResponse {
  readonly throttleTime: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchedPartition[] }[];
}

class Reader {
  at = 0;
  constructor(readonly bytes: Buffer) {}
  int16(): number {
    return this.bytes.readInt16BE((this.at += 2) - 2);
  }
  int32(): number {
    return this.bytes.readInt32BE((this.at += 4) - 4);
  }
  int64(): number {
    return Number(this.bytes.readBigInt64BE((this.at += 8) - 8));
  }
  take(length: number): Buffer {
    return this.bytes.subarray(this.at, (this.at += Math.max(0, length)));
  }
  /** An array with its length in front; a null array is empty. */
  list<T>(one: () => T): T[] {
    const found: T[] = [];
    for (let left = this.int32(); left > 0; left--) found.push(one());
    return found;
  }
}

/** @throws RangeError for damaged bytes */
export const readFetchResponse = (bytes: Buffer): FetchResponse => {
  const reader = new Reader(bytes);
  return {
    throttleTime: reader.int32(),
    errorCode: reader.int16(),
    sessionId: reader.int32(),
    topics: reader.list(() => ({
      topic: reader.take(reader.int16()).toString(),
      partitions: reader.list(() => ({
        partition: reader.int32(),
        errorCode: reader.int16(),
        highWatermark: reader.int64(),
        lastStableOffset: reader.int64(),
        logStartOffset: reader.int64(),
        aborted: reader.list(() => ({ producerId: reader.int64(), firstOffset: reader.int64() })),
        preferredReadReplica: reader.int32(),
        set: reader.take(reader.int32()),
      })),
    })),
  };
};
