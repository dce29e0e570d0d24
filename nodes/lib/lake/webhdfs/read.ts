/**
 * Reading a file of HDFS to its end although data nodes go away. The name node is asked again from the byte on at which
 * a data node fell silent, with those left out that have failed this reading (`excludedatanodes`).
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { asError } from "../../errors";
import { refusal, remoteException } from "../remote-error";
import { StoreError } from "../store";
import { answerOf } from "../../http";
import { type NameNodes, fromDataNode, locationOf } from "./name-nodes";

/** Failures one after the other, without a byte between them, after which reading is given up. */
const MOST_FAILURES = 4;

interface LocatedBlocks {
  readonly LocatedBlocks?: { readonly locatedBlocks?: readonly { readonly locations?: readonly DataNode[] }[] };
}

interface DataNode {
  readonly hostName: string;
  readonly ipAddr: string;
  readonly xferPort: number;
  readonly infoPort: number;
  readonly infoSecurePort: number;
}

/** A run of bytes, and who sends them. */
interface Part {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Absent: not from a data node, as with HttpFS. */
  readonly from: URL | undefined;
  /** Where it ends, in bytes of the file; undefined when the sender does not say. */
  readonly end: number | undefined;
}

const nothing = (): Part => ({ bytes: Readable.from([]), from: undefined, end: undefined });

class FileReading {
  /** By `ip:port` of the transfer protocol, which is how a name node knows them. */
  private readonly excluded = new Set<string>();
  private failures = 0;

  constructor(
    private readonly nodes: NameNodes,
    private readonly path: string,
    private at: number,
    private readonly end: number | undefined,
    private readonly signal: AbortSignal,
  ) {}

  /** @throws StoreError */
  async open(): Promise<Part> {
    let failure: Error | undefined;
    for (;;) {
      const { url, stream, refused } = await this.nodes.open("OPEN", this.path, this.query(), this.signal);
      if (refused) {
        // From its end on a file holds nothing; HDFS does not think so.
        if (this.at > 0 && /out of the range/u.test(remoteException(refused)?.message ?? "")) return nothing();
        if (!failure || this.excluded.size === 0) throw refusal(url, this.doing, refused);
        // All that hold the block are left out: the one that failed first may be back.
        this.excluded.clear();
        await this.failed(undefined, failure);
        continue;
      }
      const location = locationOf(url, stream.statusCode ?? 0, stream.headers);
      if (!location) return this.part(stream, undefined);
      try {
        const { client } = this.nodes.options;
        const sent = await fromDataNode(location, () => client.open(location, { method: "GET" }, this.signal));
        if (sent.statusCode === 200) return this.part(sent, location);
        throw refusal(location, this.doing, await answerOf(sent));
      } catch (error) {
        failure = asError(error);
        if (!(error instanceof StoreError) || error.problem !== "unreachable") throw error;
        await this.failed(location, failure);
      }
    }
  }

  /** All bytes, of one part after the other. */
  async *bytes(first: Part): AsyncGenerator<Uint8Array, void> {
    let part = first;
    for (;;) {
      try {
        for await (const piece of part.bytes) {
          this.at += piece.length;
          this.failures = 0;
          yield piece;
        }
        return;
      } catch (error) {
        if (this.signal.aborted) throw error;
        const failure = unreachable(part, this.doing, asError(error));
        await this.failed(part.from, failure);
      }
      if (part.end === this.at) return;
      const next = await this.open();
      if (part.end !== next.end) throw new StoreError("failed", `${this.doing}: the file has become another meanwhile`);
      part = next;
    }
  }

  private part(stream: IncomingMessage, from: URL | undefined): Part {
    const length = stream.headers["content-length"];
    return {
      bytes: stream as AsyncIterable<Uint8Array>,
      from,
      end: length === undefined ? undefined : this.at + Number(length),
    };
  }

  private query(): Record<string, string | number | undefined> {
    return {
      offset: this.at > 0 ? this.at : undefined,
      length: this.end === undefined ? undefined : this.end - this.at,
      excludedatanodes: this.excluded.size > 0 ? [...this.excluded].join(",") : undefined,
    };
  }

  private get doing(): string {
    return `read ${this.nodes.options.root}/${this.path}`;
  }

  /** Leaves a data node out from now on. @throws the failure when there were enough of them */
  private async failed(location: URL | undefined, failure: Error): Promise<void> {
    if (++this.failures >= MOST_FAILURES) throw failure;
    if (!location) return;
    const address = await this.transferAddress(location);
    if (address !== undefined) this.excluded.add(address);
  }

  /**
   * A redirect names a data node's web server, while `excludedatanodes` takes addresses of the transfer protocol
   * (seen with Hadoop 3.4.2: others are passed over in silence). The block's locations know both.
   */
  private async transferAddress({ hostname, port }: URL): Promise<string | undefined> {
    try {
      const { LocatedBlocks } = await this.nodes.askJson<LocatedBlocks>(
        "GET",
        "GET_BLOCK_LOCATIONS",
        this.path,
        "locate",
        { offset: this.at, length: 1 },
      );
      const all = LocatedBlocks?.locatedBlocks?.flatMap(({ locations = [] }) => locations) ?? [];
      const found = all.find(
        (one) => one.hostName === hostname && [one.infoPort, one.infoSecurePort].includes(Number(port)),
      );
      return found && `${found.ipAddr}:${found.xferPort}`;
    } catch (error) {
      // A gateway may not know the question; then the name node chooses among all.
      if (error instanceof StoreError) return undefined;
      throw error;
    }
  }
}

function unreachable({ from }: Part, doing: string, cause: Error): StoreError {
  const who = from ? `the data node ${from.host}` : "the server";
  return new StoreError("unreachable", `${doing}: ${who} broke off (${cause.message})`, { cause });
}

/**
 * A file's bytes from an offset on, from whichever data nodes have them.
 * Protocol: https://hadoop.apache.org/docs/r3.4.2/hadoop-project-dist/hadoop-hdfs/WebHDFS.html#Open_and_Read_a_File
 * @param length most bytes that are wanted
 * @throws StoreError `missing`; `unreachable` when no data node that holds the bytes answers
 */
export async function readFile(nodes: NameNodes, path: string, offset = 0, length?: number): Promise<Readable> {
  const end = new AbortController();
  const reading = new FileReading(nodes, path, offset, length === undefined ? undefined : offset + length, end.signal);
  const first = await reading.open();
  const stream = Readable.from(reading.bytes(first), { objectMode: false });
  // a reader that goes away does not wait for bytes that are still to come
  stream.once("close", () => end.abort());
  return stream;
}
