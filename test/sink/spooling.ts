/** What tests of the disk spool share: sources that can't wait, and what lies on disk. */
import { filesBelow, sizeOf } from "../harness/lines";

/** Calls `send` a hundred times a second with 0, 1, 2 … until it is stopped. */
export const load = (send: (n: number) => void): { readonly sent: number; stop(): void } => {
  let sent = 0;
  const begun = Date.now();
  const timer = setInterval(() => {
    while (sent < (Date.now() - begun) / 10) send(sent++);
  }, 10);
  return {
    get sent() {
      return sent;
    },
    stop: () => clearInterval(timer),
  };
};

/** Clients of http in: each number is sent until it is answered, as a client does that wants it stored. */
export const clients = () => {
  const answered = new Set<number>();
  const again = new Set<number>();
  let url = "";
  const stopped = new AbortController();
  const post = async (n: number): Promise<void> => {
    while (!answered.has(n) && !stopped.signal.aborted) {
      const response = await fetch(`${url}/api/in`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ n }),
        signal: AbortSignal.timeout(60_000),
      }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
      if (response?.ok) answered.add(n);
      else {
        again.add(n);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  };
  return { answered, again, post, at: (address: string) => void (url = address), stop: () => stopped.abort() };
};

const spoolsBelow = (folder: string): string[] => filesBelow(folder).filter((name) => name.endsWith(".spool"));

/** Files of a spool below a folder. */
export const spoolFiles = (folder: string): number => spoolsBelow(folder).length;

/** Bytes that spools below a folder take. */
export const bytesBelow = (folder: string): number => spoolsBelow(folder).reduce((sum, name) => sum + sizeOf(name), 0);
