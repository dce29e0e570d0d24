/** A lake in a bucket of S3, or of a server that speaks its API and knows conditional writes. */
import type { IncomingMessage } from "node:http";
import { answerOf } from "../../http";
import { type Entry, type ObjectStore, StoreError, isProblem } from "../store";
import { type Ask, type Part, PartedUploads, partsOf } from "./parts";
import { refusal } from "./refusal";
import { S3Requests, type S3Options } from "./requests";
import { listingOf, type Listing, uploadsOf } from "./xml";

/** Longest key, in bytes of UTF-8. */
const LONGEST_KEY = 1024;
/** Objects that are removed at the same time. */
const REMOVING = 16;

/** Parts that are sent as one, without the three requests more that parts cost. */
const AS_ONE = 2;

export function s3Store(options: S3Options): ObjectStore {
  const { bucket, prefix, client } = options;
  const requests = new S3Requests(options);
  const address = `s3://${bucket}${prefix === "" ? "" : `/${prefix.slice(0, -1)}`}`;
  const place = options.endpoint === undefined ? address : `${options.endpoint.replace(/\/$/u, "")} (${address})`;

  const ask: Ask = async (request, doing, ...expected) => {
    if (request.key !== undefined && Buffer.byteLength(prefix + request.key) > LONGEST_KEY)
      throw new StoreError("invalid", `${place} can't ${doing}: a key has at most ${LONGEST_KEY} bytes`);
    const answer = await requests.ask(request);
    // Amazon may say that a copy, or an object made of parts, failed after it has said 200.
    if (answer.status === 200 && request.mayFailLate && /<Error>/u.test(answer.body.toString("utf8")))
      throw refusal(place, doing, { ...answer, status: 500 });
    if (answer.status >= 200 && answer.status < 300) return answer;
    if (expected.includes(answer.status)) return answer;
    throw refusal(place, doing, answer);
  };

  const page = async (below: string, delimiter: string, after: string | undefined): Promise<Listing> => {
    const answer = await ask(
      {
        method: "GET",
        query: {
          "list-type": "2",
          prefix: below,
          ...(delimiter && { delimiter }),
          ...(after !== undefined && { "continuation-token": after }),
        },
      },
      `list ${below}`,
    );
    const listing = listingOf(answer.body.toString("utf8"));
    if (!listing)
      throw new StoreError("setting", `${place} does not speak S3: its answer to a listing is something else`);
    return listing;
  };

  /** Everything whose key begins with `below`, page after page. */
  async function* pages(below: string, delimiter = ""): AsyncGenerator<Listing> {
    let after: string | undefined;
    do {
      const listing = await page(below, delimiter, after);
      yield listing;
      after = listing.next;
    } while (after !== undefined);
  }

  const end = new AbortController();
  const uploads = new PartedUploads(ask, end.signal);

  const write = async (
    key: string,
    body: AsyncIterable<Uint8Array> | readonly Uint8Array[],
    onlyNew: boolean,
  ): Promise<void> => {
    const parts = partsOf(body);
    const first: Part[] = [];
    for (let next = await parts.next(); !next.done; next = await parts.next()) {
      first.push(next.value);
      if (first.length <= AS_ONE) continue;
      const all = async function* (): AsyncGenerator<Part> {
        yield* first.splice(0);
        yield* parts;
      };
      await uploads.write(key, all(), onlyNew);
      return;
    }
    const headers = onlyNew ? { "if-none-match": "*" } : {};
    await ask({ method: "PUT", key, headers, body: first.flat() }, `write ${key}`);
  };

  const keyBelow = (path: string): string => (path === "" ? prefix : `${prefix}${path}/`);

  const store: ObjectStore = {
    kind: "objects",
    address: place,
    create: (path, body) => write(path, body, true),
    put: (path, body) => write(path, body, false),
    async copy(from, to) {
      const doing = `copy ${from} to ${to}`;
      const headers = { "x-amz-copy-source": requests.source(from) };
      const answer = await ask({ method: "PUT", key: to, headers, mayFailLate: true }, doing, 404);
      if (answer.status === 404) {
        const failure = refusal(place, doing, answer);
        if (isProblem(failure, "missing")) return false;
        throw failure;
      }
      return true;
    },
    async list(path) {
      const below = keyBelow(path);
      const entries: Entry[] = [];
      for await (const { objects, prefixes } of pages(below, "/")) {
        for (const one of prefixes)
          entries.push({ name: one.slice(below.length, -1), directory: true, bytes: 0, modified: 0 });
        for (const { key, bytes, modified } of objects)
          if (key !== below) entries.push({ name: key.slice(below.length), directory: false, bytes, modified });
      }
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async stat(path) {
      const answer = await ask({ method: "HEAD", key: path }, `look at ${path}`, 404);
      if (answer.status === 404) return undefined;
      return {
        name: path.slice(path.lastIndexOf("/") + 1),
        directory: false,
        bytes: Number(answer.headers["content-length"] ?? 0),
        modified: Date.parse(answer.headers["last-modified"] ?? ""),
      };
    },
    async read(path, offset = 0, length) {
      const last = length === undefined ? "" : offset + length - 1;
      const headers = offset > 0 || length !== undefined ? { range: `bytes=${offset}-${last}` } : {};
      const stream: IncomingMessage = await requests.open({ method: "GET", key: path, headers });
      const status = stream.statusCode ?? 0;
      if (status === 200 || status === 206) return stream as AsyncIterable<Uint8Array>;
      const answer = await answerOf(stream);
      // RFC 9110: a range that begins at or behind the end
      if (status === 416) return (async function* none() {})();
      throw refusal(place, `read ${path}`, answer);
    },
    async remove(path) {
      const removeKey = async (key: string): Promise<void> => {
        await ask({ method: "DELETE", key }, `remove ${key}`, 404);
      };
      await removeKey(path);
      for await (const { objects } of pages(`${prefix}${path}/`))
        for (let at = 0; at < objects.length; at += REMOVING)
          await Promise.all(objects.slice(at, at + REMOVING).map(({ key }) => removeKey(key.slice(prefix.length))));
    },
    async endUploads(path, which) {
      const below = `${prefix}${path}/`;
      let after: Readonly<Record<string, string>> = {};
      for (;;) {
        const query = { uploads: "", prefix: below, ...after };
        const { body } = await ask({ method: "GET", query }, `list unfinished uploads below ${path}`);
        const found = uploadsOf(body.toString("utf8"));
        for (const { key, uploadId } of found.uploads)
          if (key.startsWith(below) && which(key.slice(below.length).split("/")[0] ?? ""))
            await uploads.abort({ key: key.slice(prefix.length), uploadId });
        if (!found.next) return;
        after = found.next;
      }
    },
    async mkdirs() {
      // A directory is what the keys of its objects have in common.
    },
    close() {
      end.abort();
      client.close();
    },
  };
  return store;
}
