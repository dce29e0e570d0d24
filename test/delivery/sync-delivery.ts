/** A program: starts Node-RED with runtimeSyncDelivery and a tracked source, and prints what was logged. */
import { startRuntime } from "../harness/runtime";
import { deliveryOf } from "../../nodes/lib/delivery";

const run = async (): Promise<void> => {
  const runtime = await startRuntime({ settings: { runtimeSyncDelivery: true } });
  const source = deliveryOf(runtime.RED as never).source(
    { id: "s", type: "test-source", send: () => undefined },
    {
      retry: { attempts: 1, initialDelay: 1, maxDelay: 1 },
      timeout: 1_000,
      deadLetters: { write: () => Promise.resolve(), close: () => Promise.resolve() },
    },
  );
  console.log(JSON.stringify(runtime.logs.map((entry) => String(entry.msg))));
  await source.close(0);
  await runtime.stop();
};
void run();
