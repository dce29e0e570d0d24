/** What a power cut does not take back. */
import { open } from "node:fs/promises";

/** Makes a directory's entries durable; Windows has no such call and needs none. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform !== "win32") await sync(directory, "r");
}

/** Makes a whole file's content durable. */
export const syncFile = (file: string): Promise<void> => sync(file, "r+");

async function sync(file: string, flags: "r" | "r+"): Promise<void> {
  const handle = await open(file, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a whole file, durable when it resolves; its entry in the directory is not yet.
 * @param flags `w`: in the place of what is there, `wx`: only where nothing is
 */
export async function writeDurably(file: string, content: Buffer | string, flags: "w" | "wx"): Promise<void> {
  const handle = await open(file, flags);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
