/** An HTTP relay before a real server that loses what it is told to lose, as networks do. */
import http from "node:http";
import type { AddressInfo } from "node:net";

/** `answer`: the server has done it, and nobody hears of it; `request`: the connection breaks while it is sent. */
export type Loss = "answer" | "request";

export interface Relay {
  readonly url: string;
  close(): Promise<void>;
}

/** @param lose asked of each request; undefined lets it pass */
export async function relay(target: string, lose: (request: http.IncomingMessage) => Loss | undefined): Promise<Relay> {
  const server = http.createServer((incoming, outgoing) => {
    const loss = lose(incoming);
    if (loss === "request") {
      const cut = (): void => void incoming.socket.resetAndDestroy();
      if (Number(incoming.headers["content-length"] ?? 0) > 0) incoming.once("data", cut);
      else cut();
      return;
    }
    const { method, headers, url = "/" } = incoming;
    const onward = http.request(new URL(url, target), { method, headers }, (answer) => {
      if (loss === "answer") {
        answer.resume().once("end", () => incoming.socket.resetAndDestroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(outgoing);
    });
    onward.once("error", () => incoming.socket.resetAndDestroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
