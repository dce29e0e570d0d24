/** A flow around the fraud rules, and transactions for it. */
import type { Message } from "../../nodes/lib/delivery/contract";
import { flowOf } from "../harness";
import { at } from "./read";

export const flow = (settings: Record<string, unknown> = {}) =>
  flowOf(
    {
      id: "node",
      type: "citystream-fraud-rules",
      stateKept: "memory",
      ...settings,
      wires: [["pass"], ["challenge"], ["block"]],
    },
    { id: "pass", type: "test-collect" },
    { id: "challenge", type: "test-collect" },
    { id: "block", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

/** The rules under the delivery ledger, with state on disk. */
export const trackedRules = (stateFolder: string, settings: Record<string, unknown> = {}) =>
  flowOf(
    { id: "s", type: "test-source", wires: [["node"]] },
    {
      id: "node",
      type: "citystream-fraud-rules",
      stateFolder,
      checkpointEvery: 0.05,
      ...settings,
      wires: [["k"], ["k"], ["k"]],
    },
    { id: "k", type: "test-sink" },
  );

export const T = Date.UTC(2026, 0, 5);
export const SEOUL = { lat: 37.5665, lon: 126.978 };
export const TOKYO = { lat: 35.6762, lon: 139.6503 };
export const paid = (seconds: number, payload: Record<string, unknown> = {}): Message => ({
  payload: { card: "c-1", amount: 12, merchant: "m-1", category: "5411", country: "KR", ...payload },
  timestamp: T + seconds * 1000,
});

export interface Decision {
  action: string;
  score: number;
  reasons: { rule: string; points: number; text: string; evidence: Record<string, unknown> }[];
}
export const decisionOf = (message: Message | undefined): Decision => at<Decision>(message, "decision");
export const rulesOf = (message: Message | undefined): string[] => decisionOf(message).reasons.map(({ rule }) => rule);
