/** The latest schema of a subject, for what writes files of records. */
import { tryUntilDone } from "../back-off";
import { ConfigError, Retriable } from "../errors";
import { parseSchema } from "../formats/schema/parse";
import type { RecordType } from "../formats/schema/type";
import { wholeSchema } from "./references";
import type { SchemaRegistry } from "./registry";

export interface LatestSchema {
  /** Resolves once the schema is known, however long that takes; rejects when it is closed before. */
  readonly ready: Promise<void>;
  /** @throws Retriable before `ready` */
  current(): RecordType;
  close(): void;
}

/** How often a newer version is looked for, in ms. */
const LOOK = 60_000;

interface Version {
  readonly id: number;
  readonly type: RecordType;
}

/** @param known stays what it is while the subject has no newer version */
async function latest(registry: SchemaRegistry, subject: string, known?: Version): Promise<Version> {
  const found = await registry.version(subject, "latest");
  if (!found) throw new ConfigError(`Nothing is registered as "${subject}": register a schema there`);
  if (found.id === known?.id) return known;
  if (found.kind !== "AVRO")
    throw new ConfigError(`The latest schema of "${subject}" is of type ${found.kind}; files need one of Avro`);
  return { id: found.id, type: parseSchema(await wholeSchema(registry, found), `"${subject}"`) };
}

/** @param state told why it can't be had, each time, and undefined once it is there */
export function latestSchema(
  registry: SchemaRegistry,
  subject: string,
  state: (trouble: Error | undefined) => void,
): LatestSchema {
  const closing = new AbortController();
  let known: Version | undefined;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    // what is known serves until the answer is there, and when there is none
    known = await latest(registry, subject, known).catch(() => known);
  };
  const ready = tryUntilDone(() => latest(registry, subject), {
    first: 500,
    longest: 10_000,
    signal: closing.signal,
    again: () => true,
    failed: state,
  }).then(
    (found) => {
      known = found;
      state(undefined);
      if (!closing.signal.aborted) timer = setInterval(() => void look(), LOOK);
    },
    (error: unknown) => {
      throw new Retriable("The node was closed before the schema was known", { cause: error, unreachable: true });
    },
  );
  // whoever waits for it is told
  ready.catch(() => undefined);
  return {
    ready,
    current() {
      if (!known) throw new Retriable(`The schema of "${subject}" is not known yet`, { unreachable: true });
      return known.type;
    },
    close() {
      closing.abort();
      clearInterval(timer);
    },
  };
}
