/** What stands before a real model server: it may answer itself, and sees what goes through. */
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { makeCertificates } from "../../../../tools/services/certificates";

export interface Gateway {
  readonly url: string;
  /** With TLS: the authority to trust. */
  readonly ca: string;
  close(): Promise<void>;
}

/** True: it has answered itself, and the server is not asked. */
export type Guard = (request: http.IncomingMessage, response: http.ServerResponse, body: Buffer) => boolean;

export async function openGateway(target: string, guard: Guard, tls = false): Promise<Gateway> {
  const agent = new http.Agent({ keepAlive: true });
  const listener: http.RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      if (guard(request, response, body)) return;
      const { method, headers } = request;
      const forwarded = http.request(
        new URL(request.url ?? "/", target),
        { method, headers, agent } as object,
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      forwarded.on("error", () => response.destroy());
      forwarded.end(body);
    });
  };
  const certificates = tls ? makeCertificates() : undefined;
  const server = certificates
    ? https.createServer({ cert: certificates.serverCert, key: certificates.serverKey }, listener)
    : http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    ca: certificates?.ca ?? "",
    close() {
      agent.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
