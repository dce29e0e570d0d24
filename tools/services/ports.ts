/** Loopback ports that stay free for a service over its restarts. */
import { createServer } from "node:net";

/** Ports of our range that `fetch` refuses to ask: https://fetch.spec.whatwg.org/#port-blocking */
const REFUSED = new Set([10_080]);

/** What this process was given: nobody may listen there yet. */
const given = new Set<number>();

/**
 * A free port of 127.0.0.1, each time another one, below the range that systems give to outgoing connections: inside it,
 * a client trying a stopped service could take (or even connect to) the service's own port.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (REFUSED.has(port) || given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error("no free port between 10000 and 32000 of 127.0.0.1 was found in 200 tries");
}

/** Whether a server can listen on the port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
