/** The one shape of all services: how each is installed, started, known to be ready, and reached. */
import type { ProcessPlan, ServiceProcess } from "./process";

export interface ServiceDefinition<Options, Address> {
  readonly name: string;
  /** One line for `npm run services -- list`. */
  readonly about: string;
  /** Fetches or builds what it is made of, once; shows progress. Throws `MissingProgram` for what it can't fetch. */
  install(): Promise<void>;
  /** Writes its configuration and says which processes make it up and where it is reached. */
  prepare(place: Place, options: Options): Promise<Plan<Address>>;
}

/** Where a service lives. */
export interface Place {
  /** Its folder: configuration, data and logs. */
  readonly directory: string;
  /** A free port of 127.0.0.1, the same for the same name in the same folder while nobody else takes it. */
  port(name: string): Promise<number>;
}

export interface Plan<Address> {
  readonly address: Address;
  /** In the order in which they start; they stop in the reverse order. */
  readonly processes: readonly ProcessPlan[];
  /** Asked after all processes are ready. */
  readonly ready?: () => Promise<boolean>;
}

/** What can be done with every running service. */
export interface Control {
  readonly directory: string;
  readonly processes: ReadonlyMap<string, ServiceProcess>;
  /** Starts what does not run, on the same ports and data. Resolves when the whole service is ready. */
  start(): Promise<void>;
  /** An orderly end. The data stays until this process ends. */
  stop(): Promise<void>;
  /** kill -9 of all its processes. */
  kill9(): Promise<void>;
  /** `stop`, then `start`. */
  restart(): Promise<void>;
  /** Freezes all its processes: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
}

export interface CommonOptions {
  /** A service for the caller alone, to be killed and restarted without harm to others. */
  readonly own?: boolean;
  /** A folder for its data that is kept after this process ends and used again by the next. */
  readonly directory?: string;
}
