/** A browser for tests of the editor and the dashboard. */
import { existsSync } from "node:fs";
import { fromApt, installApt } from "./apt";

const korean = "/usr/share/fonts/truetype/nanum";

/** The full path of Chromium; fonts for Korean are installed with it where apt does that. */
export async function chromium(): Promise<string> {
  const program = await fromApt("chromium", ["chromium", "fonts-nanum"]);
  if (process.platform === "linux" && !existsSync(korean)) await installApt(["fonts-nanum"], () => existsSync(korean));
  return program;
}
