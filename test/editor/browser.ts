/** A real browser in front of the embedded Node-RED. */
import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";

const CHROMIUM = process.env["CITYSTREAM_CHROMIUM"] ?? "/usr/bin/chromium";

/**
 * Errors that Monaco, the editor's text field, throws into the page by itself on a busy machine: when a text grows shorter while it
 * still colours lines of the one before, and when its field is closed while its worker still looks at the text.
 */
const MONACOS = ["Illegal value for lineNumber", "Model is disposed!"];

let browser: Promise<Browser> | undefined;

/** Where a test needs a browser: skips naming what is missing, or fails when CI=true. */
export function needsBrowser(test: Mocha.Context): void {
  if (existsSync(CHROMIUM)) return;
  const missing = `Chromium is not at ${CHROMIUM}; install it or name it in CITYSTREAM_CHROMIUM`;
  if (process.env["CI"] === "true") throw new Error(missing);
  console.log(`      skipped: ${missing}`);
  test.skip();
}

export async function closeBrowser(): Promise<void> {
  const open = await browser?.catch(() => undefined);
  browser = undefined;
  await open?.close();
}

export interface EditorPage {
  readonly page: Page;
  /** Errors of the page and requests that left this host, since it was opened. */
  readonly problems: string[];
  close(): Promise<void>;
}

/** Opens a page of this host in a language. */
export async function openPage(url: string, language: "en-US" | "ko"): Promise<EditorPage> {
  browser ??= chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const context = await (await browser).newContext({ locale: language, viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", ({ message, stack }) => {
    if (!MONACOS.includes(message)) problems.push(`page error: ${message}\n${stack ?? ""}`);
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^(http|ws)s?:$/u.test(protocol) && hostname !== "127.0.0.1") problems.push(`request to ${request.url()}`);
  });
  await page.goto(url, { timeout: 120_000 });
  return { page, problems, close: () => context.close() };
}

/** Opens the editor in a language; resolves when its workspace is ready. */
export async function openEditor(url: string, language: "en-US" | "ko"): Promise<EditorPage> {
  const opened = await openPage(url, language);
  const { page } = opened;
  await page.waitForFunction(
    `typeof RED !== "undefined" && RED.workspaces && RED.workspaces.active && !!RED.workspaces.active() && $("#red-ui-palette-container .red-ui-palette-node").length > 20`,
  );
  await page.locator("#red-ui-loading-progress").waitFor({ state: "hidden" });
  return opened;
}
