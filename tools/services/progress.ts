/** One line a step on stderr: on a terminal the line is rewritten, elsewhere (a log) it appears every few seconds. */
const quietFor = 5000;

export interface Progress {
  /** Something moved on: shown soon, dropped when more news follows quickly. */
  update(text: string): void;
  /** The step is over: always shown. */
  end(text: string): void;
}

/** Starts a step called `title`, shown as `title: …`. */
export function progress(title: string): Progress {
  const terminal = process.stderr.isTTY;
  const started = Date.now();
  let shown = 0;
  return {
    update(text) {
      const now = Date.now();
      if (now - shown < (terminal ? 100 : quietFor)) return;
      shown = now;
      const line = `${title}: ${text}`.slice(0, terminal ? (process.stderr.columns || 80) - 1 : undefined);
      process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end(text) {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stderr.write(`${terminal ? "\r\x1b[K" : ""}${title}: ${text} (${seconds} s)\n`);
    },
  };
}
