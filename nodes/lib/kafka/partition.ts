/** Which partition a keyed record belongs to: the Java client's rule, so that every producer agrees. */

const M = 0x5bd1e995;

/** The 32-bit MurmurHash2 that Kafka's Java client uses (seed 0x9747b28c), as a signed number. */
export const murmur2 = (data: Uint8Array): number => {
  const length = data.length;
  let h = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length & 3;
  if (rest === 3) h ^= data[whole + 2]! << 16;
  if (rest >= 2) h ^= data[whole + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[whole]!, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
};

/** The partition of a key among `count` partitions, as the Java client's default partitioner chooses it. */
export const partitionOfKey = (key: Uint8Array, count: number): number => (murmur2(key) & 0x7fffffff) % count;
