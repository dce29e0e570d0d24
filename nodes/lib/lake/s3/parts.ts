/**
 * Objects that are written in parts, so that what has arrived is not sent again and a stream takes the memory of a few parts.
 * Protocol: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { tryUntilDone } from "../../back-off";
import { asError } from "../../errors";
import type { HttpAnswer } from "../../http";
import { StoreError, isProblem } from "../store";
import type { S3Request } from "./requests";
import { fieldsOf } from "./xml";

/** Bytes of a part; S3 wants 5 MB at least and takes 10,000 of them. */
export const PART = 16 * 1024 * 1024;
/** Parts on their way at the same time. */
const AT_ONCE = 3;
/** Tries of one part, and of what makes an object of them: half a minute. */
const TRIES = 7;
/** Says of an object which upload has made it. */
const MARK = "x-amz-meta-citystream-upload";

export type Part = readonly Uint8Array[];

/** Asks; any answer but success, and the statuses that are expected, is thrown as a StoreError. */
export type Ask = (request: S3Request, doing: string, ...expected: number[]) => Promise<HttpAnswer>;

/** Cuts a body into parts, the last one shorter. No byte is copied. */
export async function* partsOf(
  body: AsyncIterable<Uint8Array> | readonly Uint8Array[],
  size = PART,
): AsyncGenerator<Part, void> {
  let part: Uint8Array[] = [];
  let room = size;
  for await (const piece of body) {
    for (let at = 0; at < piece.length;) {
      const taken = piece.subarray(at, at + room);
      part.push(taken);
      at += taken.length;
      room -= taken.length;
      if (room > 0) continue;
      yield part;
      part = [];
      room = size;
    }
  }
  if (part.length > 0) yield part;
}

interface Unfinished {
  readonly key: string;
  readonly uploadId: string;
}

const escaped = (text: string): string =>
  text.replace(/[&<>]/gu, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign] ?? "");

/** Uploads in parts to one bucket. */
export class PartedUploads {
  /** What could not be aborted when it failed, mostly because the server was away: it would take room for ever. */
  private unfinished: Unfinished[] = [];

  /** @param signal ends trying again */
  constructor(
    private readonly ask: Ask,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Writes an object. There is nothing of it until all of it is there.
   * @param onlyNew never over one that is there
   * @throws StoreError `exists`
   */
  async write(key: string, parts: AsyncIterable<Part>, onlyNew: boolean): Promise<void> {
    await this.abortUnfinished();
    const doing = `write ${key}`;
    const mark = randomUUID();
    const begun = await this.ask({ method: "POST", key, query: { uploads: "" }, headers: { [MARK]: mark } }, doing);
    const { UploadId: uploadId } = fieldsOf(begun.body.toString("utf8"), "InitiateMultipartUploadResult");
    if (!uploadId) throw new StoreError("setting", `this server does not take objects in parts, to ${doing}`);
    try {
      const tags = await this.send({ key, uploadId }, parts);
      await this.complete({ key, uploadId }, tags, mark, onlyNew);
    } catch (error) {
      this.unfinished.push({ key, uploadId });
      await this.abortUnfinished();
      throw error;
    }
  }

  /** Aborts an upload, its parts with it; one that is gone is no error. */
  async abort({ key, uploadId }: Unfinished): Promise<void> {
    await this.ask({ method: "DELETE", key, query: { uploadId } }, `remove the unfinished upload of ${key}`, 404);
  }

  private async abortUnfinished(): Promise<void> {
    const all = this.unfinished;
    this.unfinished = [];
    for (const one of all) await this.abort(one).catch(() => this.unfinished.push(one));
  }

  /** @returns the tags of the parts, in their order */
  private async send(upload: Unfinished, parts: AsyncIterable<Part>): Promise<string[]> {
    const tags: string[] = [];
    const sending = new Set<Promise<void>>();
    const source = parts[Symbol.asyncIterator]();
    let failure: Error | undefined;
    let giveUp = (error: Error): void => void error;
    // A stream that pauses does not keep a failed upload waiting. No Promise.race: one promise in all of them would keep all parts.
    const nextPart = (): Promise<IteratorResult<Part, unknown>> =>
      new Promise((resolve, reject) => {
        giveUp = reject;
        if (failure) reject(failure);
        else source.next().then(resolve, reject);
      });
    try {
      for (let number = 1; ; number++) {
        const next = await nextPart();
        if (next.done) break;
        const sent: Promise<void> = this.sendPart(upload, number, next.value)
          .then((tag) => void (tags[number - 1] = tag))
          .catch((error: unknown) => giveUp((failure ??= asError(error))))
          .finally(() => sending.delete(sent));
        sending.add(sent);
        if (sending.size >= AT_ONCE) await Promise.race(sending);
      }
    } finally {
      source.return?.().catch(() => undefined);
      // a part that arrives after the upload was aborted would stay
      await Promise.all(sending);
    }
    if (failure) throw failure;
    return tags;
  }

  private async sendPart({ key, uploadId }: Unfinished, number: number, body: Part): Promise<string> {
    const doing = `write part ${number} of ${key}`;
    const query = { partNumber: String(number), uploadId };
    await nextTurn();
    const { headers } = await this.insist(() => this.ask({ method: "PUT", key, query, body }, doing));
    if (!headers.etag) throw new StoreError("setting", `this server gives parts no ETag, to ${doing}`);
    return headers.etag;
  }

  /** Makes the object of its parts. An answer that got lost is looked for in the object itself. */
  private async complete(
    { key, uploadId }: Unfinished,
    tags: readonly string[],
    mark: string,
    onlyNew: boolean,
  ): Promise<void> {
    const doing = `write ${key} of its ${tags.length} parts`;
    const parts = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`);
    const body = [Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`)];
    const headers = onlyNew ? { "if-none-match": "*" } : {};
    let isFirst = true;
    await this.insist(async () => {
      const wasFirst = isFirst;
      isFirst = false;
      try {
        await this.ask({ method: "POST", key, query: { uploadId }, headers, body, mayFailLate: true }, doing);
      } catch (error) {
        if (await this.isMadeBy(mark, key)) return;
        throw error;
      }
      // a server may say yes to the second request while the first is still under way
      if (!wasFirst && !(await this.isMadeBy(mark, key)))
        throw new StoreError("unavailable", `the object is not there yet, to ${doing}`);
    });
  }

  private async isMadeBy(mark: string, key: string): Promise<boolean> {
    const { headers } = await this.ask({ method: "HEAD", key }, `look at ${key}`, 404);
    return headers[MARK] === mark;
  }

  private insist<T>(action: () => Promise<T>): Promise<T> {
    let tries = 0;
    const again = (error: Error): boolean => ++tries < TRIES && isProblem(error, "unreachable", "unavailable");
    return tryUntilDone(action, { first: 250, longest: 8_000, signal: this.signal, again });
  }
}
