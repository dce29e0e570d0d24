import path from "node:path";

interface Placed {
  readonly RED: { readonly settings: { readonly userDir?: string | undefined } };
  readonly id: string;
}

/** Where a node keeps what is its own. @param folder below the user directory, unless it is absolute */
export const nodeFolder = ({ RED, id }: Placed, folder: string): string =>
  path.join(path.resolve(RED.settings.userDir ?? process.cwd(), folder), id);
