/** Names that are remembered at once; beyond them all are forgotten, so that endless new names take no memory. */
const NAMES = 1_000;

/**
 * Keeps what is said often from being said too often: the function that comes back answers whether `every` ms have
 * passed since it last said yes to this name.
 */
export function dues(now: () => number = Date.now): (what: string, every: number) => boolean {
  const said = new Map<string, number>();
  return (what, every) => {
    const at = now();
    if (at - (said.get(what) ?? -Infinity) < every) return false;
    if (said.size >= NAMES) said.clear();
    said.set(what, at);
    return true;
  };
}
