/** A real Mosquitto of a test's own: with logins, limits, restarts and kills. */
import net from "node:net";
import { writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../../tools/services/for-test";
import type { Service, ServiceOptions } from "../../../tools/services";

export type Mosquitto = Service<"mosquitto">;

export interface MosquittoOptions extends Omit<ServiceOptions<"mosquitto">, "own"> {
  /** Lines of an access control file. */
  readonly acl?: readonly string[];
}

/** Starts one; skips the test, or in continuous integration fails it, where it cannot be had. */
export function ownMosquitto(context: Mocha.Context, options: MosquittoOptions = {}): Promise<Mosquitto> {
  const { acl, config = [], ...rest } = options;
  const more: string[] = [];
  if (acl) {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "citystream-acl-")), "acl");
    writeFileSync(file, `${acl.join("\n")}\n`, { mode: 0o600 });
    more.push(`acl_file ${file}`);
  }
  return serviceFor(context, "mosquitto", { ...rest, own: true, config: [...config, ...more] });
}

export async function reaches(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
