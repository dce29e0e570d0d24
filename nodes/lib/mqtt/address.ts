/** The address of a broker as a user writes it. */
import { ConfigError } from "../errors";

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883, "ws:": 80, "wss:": 443 };

/**
 * Checks an address and completes it by the protocol's usual port.
 * @throws ConfigError that says what to write instead.
 */
export function brokerAddress(text: string, tlsChosen: boolean): string {
  const example = "write for example mqtt://broker.example:1883, or mqtts, ws, wss";
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  const port = url && DEFAULT_PORTS[url.protocol];
  if (!url || port === undefined || url.hostname === "")
    throw new ConfigError(`Address: "${text}" is not the address of an MQTT broker; ${example}`);
  if (url.username !== "" || url.password !== "")
    throw new ConfigError("Address: enter user and password in their own fields, where they are stored encrypted");
  const encrypted = url.protocol === "mqtts:" || url.protocol === "wss:";
  if (tlsChosen && !encrypted)
    throw new ConfigError(
      `TLS: ${url.protocol}// is not encrypted; write ${url.protocol === "ws:" ? "wss" : "mqtts"}://`,
    );
  const path = url.protocol.startsWith("ws") ? `${url.pathname}${url.search}` : "";
  return `${url.protocol}//${url.hostname}:${url.port || port}${path}`;
}
