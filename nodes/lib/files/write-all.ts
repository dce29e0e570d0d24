import type { FileHandle } from "node:fs/promises";

/** Writes all of it, where the system takes it only in parts: from a byte of the file on, or where it is. */
export const writeAll = async (handle: FileHandle, bytes: Uint8Array, at?: number): Promise<void> => {
  for (let done = 0; done < bytes.length;) {
    const where = at === undefined ? null : at + done;
    done += (await handle.write(bytes, done, bytes.length - done, where)).bytesWritten;
  }
};
