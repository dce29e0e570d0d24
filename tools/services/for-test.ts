/** Services in mocha's hooks and tests: what a machine lacks is skipped by name, in CI it fails. */
import type { Context } from "mocha";
import { type Service, service, type ServiceName, type ServiceOptions } from "./index";
import { MissingProgram } from "./programs";

/**
 * The service for a `before` hook or test: `kafka = await serviceFor(this, "kafka")`. Gives it time to be fetched and
 * started. Where this machine cannot have it, the hook's tests are skipped and the reason is printed; with `CI=true`
 * they fail.
 */
export async function serviceFor<N extends ServiceName>(
  context: Context,
  name: N,
  options?: ServiceOptions<N>,
): Promise<Service<N>> {
  // the first start on a machine fetches or builds it
  context.timeout(600_000);
  try {
    return await service(name, options);
  } catch (error) {
    if (!(error instanceof MissingProgram) || process.env["CI"] === "true") throw error;
    console.warn(`      skipped: ${error.message}`);
    return context.skip();
  }
}
