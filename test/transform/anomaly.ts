/** Flows with an anomaly-detector, and readings for it. */
import { flowOf } from "../harness";

export const row = (settings: Record<string, unknown>) => ({
  low: "",
  raise: "",
  clear: "",
  more: "",
  ...settings,
});
export const LIMITS = row({ field: "temp", method: "limits", raise: "50", clear: 5, more: "error=-999" });

export const flow = (settings: Record<string, unknown> = {}) =>
  flowOf(
    {
      id: "node",
      type: "citystream-anomaly-detector",
      key: "payload.id",
      stateKept: "memory",
      watched: [LIMITS],
      ...settings,
      wires: [["records"], ["alerts"]],
    },
    { id: "records", type: "test-collect" },
    { id: "alerts", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

export const MINUTE = 60_000;
export const reading = (minute: number, temp: unknown, id: unknown = "a") => ({
  payload: { id, temp },
  timestamp: minute * MINUTE,
});
