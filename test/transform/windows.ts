/** What the window batcher's tests share: its flow, its records, and what a window holds. */
import type { Message } from "../../nodes/lib/delivery/contract";
import { flowOf } from "../harness";
import { at } from "./read";

export const T0 = Date.UTC(2017, 1, 28, 15);
export const MINUTE = 60_000;

export const flow = (settings: Record<string, unknown> = {}, late: string[] = ["late"]) =>
  flowOf(
    {
      id: "node",
      type: "citystream-window-batcher",
      disorder: "0",
      key: "key",
      ...settings,
      wires: [["windows"], late],
    },
    { id: "windows", type: "test-collect" },
    { id: "late", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

export interface Window {
  key: string;
  start: number;
  end: number;
  count: number;
  reason: string;
  late: boolean;
}
export const windowOf = (message: Message | undefined): Window => at<Window>(message, "window");
export const record = (key: string, seconds: number, payload: unknown, offset?: number) => ({
  key,
  timestamp: T0 + seconds * 1000,
  payload,
  ...(offset !== undefined && { source: { kind: "kafka", topic: "t", partition: 0, offset: String(offset) } }),
});
export const values = (message: Message | undefined) =>
  at<{ payload: unknown }[]>(message, "payload").map(({ payload }) => payload);
