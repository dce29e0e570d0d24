/**
 * A value that is made when it is first asked for. Libraries of a node that a user's flows do not have are loaded so:
 * each takes 1 to 2 MB of Node-RED's memory and up to 0.1 s of its start.
 */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
