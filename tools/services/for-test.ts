/** Services in mocha's hooks and tests: what a machine lacks is skipped by name, in CI it fails. */
import type { Context } from "mocha";
import { type Service, service, type ServiceName, type ServiceOptions } from "./index";
import { MissingProgram } from "./programs";

/**
 * What `get` fetches or finds, given the time for it. Where this machine cannot have it, the hook's tests are skipped and the reason
 * is printed; with `CI=true` they fail.
 */
export async function fetchedFor<T>(context: Context, get: () => Promise<T>): Promise<T> {
  // the first time on a machine it is fetched or built
  context.timeout(600_000);
  try {
    return await get();
  } catch (error) {
    if (!(error instanceof MissingProgram) || process.env["CI"] === "true") throw error;
    console.warn(`      skipped: ${error.message}`);
    return context.skip();
  }
}

/**
 * The service for a `before` hook or test: `kafka = await serviceFor(this, "kafka")`, as `fetchedFor`.
 */
export function serviceFor<N extends ServiceName>(
  context: Context,
  name: N,
  options?: ServiceOptions<N>,
): Promise<Service<N>> {
  return fetchedFor(context, () => service(name, options));
}
