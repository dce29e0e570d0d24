/** What the editor's view of dead letters asks for. Reading and changing are permissions of their own. */
import type { NodeAPI } from "node-red";
import { encode } from "../../lib/delivery/dead-letter-format";
import { messageOf, Rejected } from "../../lib/errors";
import type { Desk } from "../../lib/letters/desk";
import { readFilter, type LetterFilter } from "../../lib/letters/filter";
import { serveNode } from "../../lib/served-nodes";

interface Served {
  readonly desk: Desk;
  /** Folder or topic. */
  readonly place: string;
}
interface Request {
  readonly params: { readonly node: string; readonly letter?: string };
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}
interface Response {
  status(code: number): Response;
  json(body: unknown): void;
}

/** Most letters in one answer. */
const MOST = 500;

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** Which letters are to be replayed or discarded. Throws Rejected when nobody said which: "none" must not mean "all". */
const chosen = (body: unknown): LetterFilter => {
  const given = objectOf(body);
  const filter = readFilter(given);
  if (Object.keys(filter).length === 0 && given["all"] !== true)
    throw new Rejected('say which letters (ids, node, cause, …), or {"all": true}');
  return filter;
};

/** Serves a node's letters to the editor; call the result when it closes. */
export function serveDesk(RED: NodeAPI, id: string, served: Served): () => void {
  return serveNode(RED, "deadLetterDesks", id, served, routes);
}

function routes({ httpAdmin, auth }: NodeAPI, desks: ReadonlyMap<string, Served>): void {
  const reads = auth.needsPermission("citystream.read");
  const writes = auth.needsPermission("citystream.write");
  const at = "/citystream/dead-letters/:node";
  const handler =
    (work: (served: Served, request: Request) => Promise<unknown>) =>
    (request: unknown, response: unknown): void => {
      const { params } = request as Request;
      const answer = response as Response;
      const served = desks.get(params.node);
      if (!served) {
        answer.status(404).json({ error: "notDeployed" });
        return;
      }
      work(served, request as Request).then(
        (body) => answer.json(body),
        (error: unknown) => answer.status(error instanceof Rejected ? 400 : 503).json({ error: messageOf(error) }),
      );
    };
  httpAdmin.get(
    at,
    reads,
    handler(async ({ desk, place }, { query }) => {
      const most = Math.min(MOST, Number(query["limit"] ?? 100) || 100);
      return { place, ...(await desk.list(readFilter(query), Number(query["first"] ?? 0) || 0, most, true)) };
    }),
  );
  httpAdmin.get(
    `${at}/:letter`,
    reads,
    handler(async ({ desk }, { params }) => {
      const letter = await desk.read(params.letter ?? "");
      if (letter === undefined) throw new Rejected("this letter was replayed or discarded meanwhile");
      const { originals: _bytes, ...shown } = letter;
      return { ...shown, message: encode(shown.message) };
    }),
  );
  httpAdmin.put(
    `${at}/:letter`,
    writes,
    handler(async ({ desk }, { params, body }) => {
      await desk.edit(params.letter ?? "", objectOf(body)["message"]);
      return {};
    }),
  );
  httpAdmin.post(
    `${at}/replay`,
    writes,
    handler(async ({ desk }, { body }) => ({ count: await desk.replay(chosen(body)) })),
  );
  httpAdmin.post(
    `${at}/select`,
    reads,
    handler(async ({ desk }, { body }) => ({ ...(await desk.select(chosen(body))) })),
  );
  httpAdmin.post(
    `${at}/discard`,
    writes,
    handler(async ({ desk }, { body }) => {
      const { selection } = objectOf(body);
      return {
        count: await (typeof selection === "string" ? desk.discardSelection(selection) : desk.discard(chosen(body))),
      };
    }),
  );
}
