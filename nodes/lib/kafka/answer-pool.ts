/**
 * Memory for Kafka's answers that is used again. An answer of 2 MB lives as long as its records are in the flow, which is
 * long enough for V8 to look for it only when 64 MB more have come: most of what a busy consumer had in memory were
 * answers that nobody looked into any more.
 *
 * Whoever looks into an answer holds it. When the last one lets go, and no window into it has got out, its memory is taken
 * from under whatever still looks there, and is an answer's again. Who forgets to let go only leaves it to the collector.
 */

/** Memory is asked for in steps of so many bytes, so that an answer finds what another one left. */
const STEP = 256 * 1024;
/** Answers that are kept for the next ones, weakly: a collection takes them. */
const MOST_SPARE = 8;
/** Of a spare one at least this part has to be needed. */
const LEAST_USE = 0.25;

/**
 * V8 collects what has grown old in its heap when memory outside of it has grown by 64 MB, or its heap has doubled. The former
 * were the answers: without them each message's objects stay there until there are 100 MB of them. So whenever so many bytes of answers have
 * been given back …
 */
const REMIND_EVERY = 128 << 20;
/** … it is shown that much, which nobody writes into: pages of zeros that take no memory, and are gone at once. */
const REMINDER = 64 << 20;

let sinceReminder = 0;

const remind = (bytes: number): void => {
  sinceReminder += bytes;
  if (sinceReminder < REMIND_EVERY) return;
  sinceReminder = 0;
  try {
    void new ArrayBuffer(REMINDER);
  } catch {
    // Where that can't be had memory is short, and V8 knows it.
  }
};

const spare: WeakRef<ArrayBuffer>[] = [];
const leases = new WeakMap<ArrayBufferLike, AnswerLease>();

/** Who looks into one answer. */
export class AnswerLease {
  private holders = 0;
  private kept = false;
  constructor(private memory: ArrayBuffer | undefined) {}

  hold(): void {
    if (!this.memory) throw new Error("an answer of Kafka is looked into after its memory was given back");
    this.holders++;
  }

  /** Windows into it are with others, for as long as they like: it is left to the collector. */
  keep(): void {
    this.kept = true;
  }

  /** One holder less. What the last one gives back can't be read any more: windows into it are empty. */
  release(): void {
    const { memory } = this;
    if (--this.holders > 0 || this.kept || !memory) return;
    this.memory = undefined;
    remind(memory.byteLength);
    if (spare.length === MOST_SPARE) spare.shift();
    spare.push(new WeakRef(structuredClone(memory, { transfer: [memory] })));
  }
}

/** The lease of the answer that these bytes look into; undefined for all other memory. */
export const leaseOf = (bytes: Uint8Array): AnswerLease | undefined => leases.get(bytes.buffer);

const spareFor = (size: number): ArrayBuffer | undefined => {
  for (let at = spare.length - 1; at >= 0; at--) {
    const memory = spare[at]?.deref();
    if (memory && (memory.byteLength < size || memory.byteLength * LEAST_USE > size)) continue;
    spare.splice(at, 1);
    if (memory) return memory;
  }
  return undefined;
};

/** Memory for an answer of `size` bytes; what is in it is left from others. */
export const answerMemory = (size: number): Buffer => {
  const memory = spareFor(size) ?? Buffer.allocUnsafeSlow(Math.ceil(size / STEP) * STEP).buffer;
  leases.set(memory, new AnswerLease(memory));
  return Buffer.from(memory, 0, size);
};
