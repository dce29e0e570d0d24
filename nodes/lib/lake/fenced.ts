import { Retriable } from "../errors";

/** Another writer has taken the lane over: what was gathered under the old epoch must not be published. */
export class Fenced extends Retriable {
  override readonly name = "Fenced";
  constructor(cause?: Error) {
    const why = cause ? `: ${cause.message}` : "";
    super(`Another writer has taken over; the record comes again from its source${why}`, { cause, unreachable: true });
  }
}
