/** The name under which a member is known to its group, also after it was killed and started again. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import type { NodeAPI } from "node-red";
import { ConfigError } from "../../lib/errors";

/**
 * `given`, or a name that this node of this user directory on this host has, and no other.
 * @throws ConfigError for a name that Kafka does not take
 */
export const instanceOf = (given: string, { RED, id }: { readonly RED: NodeAPI; readonly id: string }): string => {
  if (given === "") {
    const place = JSON.stringify([hostname(), RED.settings.userDir ?? process.cwd(), id]);
    return `citystream-${createHash("sha256").update(place).digest("hex").slice(0, 16)}`;
  }
  if (!/^[\w.-]{1,249}$/.test(given))
    throw new ConfigError(
      `Member name: "${given}" is not one that Kafka takes; use letters, digits, ".", "_" and "-", at most 249`,
    );
  return given;
};
