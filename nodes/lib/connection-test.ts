/** The admin endpoint behind every "Test connection" button. */
import type { NodeAPI } from "node-red";
import { messageOf } from "./errors";

/** Tries the settings of a form. Rejects with what is wrong. */
export type ConnectionTest = (
  form: Readonly<Record<string, unknown>>,
  credentials: Readonly<Record<string, unknown>>,
) => Promise<{ word: string; values?: Readonly<Record<string, string | number>> }>;

interface Request {
  params: { type: string };
  body: { id?: unknown; settings?: unknown; credentials?: unknown } | undefined;
}
interface Response {
  status(code: number): Response;
  json(body: unknown): void;
}

/** A test that takes longer says so instead of leaving the user waiting, in ms. */
const LIMIT = 20_000;

/** What the editor sends for a credential that was not typed again. */
const UNCHANGED = "__PWRD__";

/** One router for the process: Node-RED cannot remove a route, so handlers are looked up when called. */
const TESTS = Symbol.for("citystream.connectionTests");
type Registry = { tests: Map<string, ConnectionTest>; served: WeakSet<object> };

export function serveConnectionTests(RED: NodeAPI, type: string, test: ConnectionTest): void {
  const holder = globalThis as unknown as Record<symbol, Registry | undefined>;
  const registry = (holder[TESTS] ??= { tests: new Map(), served: new WeakSet() });
  registry.tests.set(type, test);
  if (registry.served.has(RED.httpAdmin)) return;
  registry.served.add(RED.httpAdmin);
  RED.httpAdmin.post(
    "/citystream/test/:type",
    RED.auth.needsPermission("citystream.write"),
    (request: unknown, response: unknown) => {
      void answer(RED, registry, request as Request, response as Response);
    },
  );
}

async function answer(RED: NodeAPI, registry: Registry, request: Request, response: Response): Promise<void> {
  const test = registry.tests.get(request.params.type);
  if (!test) {
    response.status(404).json({ error: `no connection test for ${request.params.type}` });
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  try {
    const { id, settings, credentials } = request.body ?? {};
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT / 1000} s`)), LIMIT);
    });
    const found = await Promise.race([
      late,
      test(objectOf(settings), storedCredentials(RED, id, objectOf(credentials))),
    ]);
    response.json({ found });
  } catch (error) {
    response.json({ error: messageOf(error) });
  } finally {
    clearTimeout(timer);
  }
}

/** Credentials as typed, completed by the stored ones of the node they belong to. */
function storedCredentials(RED: NodeAPI, id: unknown, typed: Record<string, unknown>): Record<string, unknown> {
  const stored = typeof id === "string" ? objectOf(RED.nodes.getCredentials(id)) : {};
  const changed = Object.entries(typed).filter(([, value]) => value !== UNCHANGED);
  return { ...stored, ...Object.fromEntries(changed) };
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
