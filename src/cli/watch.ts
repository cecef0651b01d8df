/**
 * `--watch`: a view that is shown again and again until Ctrl-C. On a terminal it is redrawn in place, like top(1) does: on
 * the alternate screen, each line over the one before and in one write, so that nothing flickers and what the terminal showed
 * before comes back. Elsewhere the views come one below the other, and with --json there is one document per line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, Option } from 'commander';
import type { Cli } from './cli.ts';

const SECONDS_DEFAULT = 1;
const SECONDS_MIN = 0.1;
const SECONDS_MAX = 86_400;
/** From Ctrl-C to the end, at most. */
const GRACE_MS = 500;
/** Of terminals that do not say. */
const ROWS_DEFAULT = 24;

/** Control sequences of xterm and its kin (ECMA-48; the private modes as in xterm's ctlseqs). */
const ESC = '\u001b[';
/** Alternate screen, no cursor, no wrapping of lines that are too long. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** Terminals that know it show what lies between at once; the others ignore it. */
const BEGIN_UPDATE = `${ESC}?2026h`;
const END_UPDATE = `${ESC}?2026l`;
const HOME = `${ESC}H`;
const ERASE_LINE = `${ESC}K`;
const ERASE_BELOW = `${ESC}J`;

/** A view at a moment: what people see, and the document that --json prints. */
export interface Shot {
  text: string;
  json: string;
}

export function watchOption(): Option {
  return new Option(
    '--watch [seconds]',
    `again and again until Ctrl-C, every ${SECONDS_DEFAULT} second if none are given; with --json one document per line`,
  ).argParser(parseSeconds);
}

/** What the option gives: true where it stands alone. */
export type Watch = number | true | undefined;

/**
 * @param every between two views, in seconds; undefined: there is one
 * @param take asks the daemon; what it throws ends the watching
 */
export async function showOrWatch(cli: Cli, every: Watch, take: () => Promise<Shot>): Promise<void> {
  if (every !== undefined) return watch(cli, every === true ? SECONDS_DEFAULT : every, take);
  const { text, json } = await take();
  cli.print(cli.json ? json : text);
}

async function watch(cli: Cli, seconds: number, take: () => Promise<Shot>): Promise<void> {
  const stop = new AbortController();
  // For good: `timeout` and a terminal's process group send the signal twice.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  // A daemon that does not answer must not keep who has had enough.
  stop.signal.addEventListener('abort', () => setTimeout(() => process.exit(0), GRACE_MS).unref());
  using screen = !cli.json && process.stdout.isTTY ? new Screen() : null;
  const beginMs = performance.now();
  for (let turn = 1; !stop.signal.aborted; turn++) {
    const shot = await take();
    if (stop.signal.aborted) return;
    if (screen) screen.show(shot.text);
    else cli.print(cli.json ? shot.json : `${shot.text}\n`);
    // Counted from the beginning, so that views keep their distance; one that comes too late leaves others out.
    const elapsed = performance.now() - beginMs;
    turn = Math.max(turn, Math.floor(elapsed / (seconds * 1000)) + 1);
    await sleep(turn * seconds * 1000 - elapsed, undefined, { signal: stop.signal }).catch(() => {});
  }
}

class Screen implements Disposable {
  #text = '';
  readonly #redraw = (): void => this.show(this.#text);
  readonly #leave = (): void => void process.stdout.write(LEAVE);

  constructor() {
    process.stdout.write(ENTER);
    process.stdout.on('resize', this.#redraw);
    process.on('exit', this.#leave);
  }

  show(text: string): void {
    this.#text = text;
    const lines = fitting(text.split('\n'), process.stdout.rows || ROWS_DEFAULT).map((line) => `${line}${ERASE_LINE}`);
    process.stdout.write(`${BEGIN_UPDATE}${HOME}${lines.join('\r\n')}${ERASE_BELOW}${END_UPDATE}`);
  }

  /** Gives the terminal back, with the last view below what was there before. */
  [Symbol.dispose](): void {
    process.stdout.off('resize', this.#redraw);
    process.off('exit', this.#leave);
    this.#leave();
    if (this.#text !== '') process.stdout.write(`${this.#text}\n`);
  }
}

/** The lines for which there is room, the last of which says how many there are more. */
export function fitting(lines: readonly string[], rows: number): string[] {
  if (lines.length <= rows) return [...lines];
  const shown = Math.max(rows - 1, 0);
  return [...lines.slice(0, shown), `and ${lines.length - shown} more lines: enlarge the terminal`];
}

function parseSeconds(text: string): number {
  const value = /^[0-9]{1,5}(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= SECONDS_MIN && value <= SECONDS_MAX) return value;
  throw new InvalidArgumentError(`Give seconds from ${SECONDS_MIN} to ${SECONDS_MAX}.`);
}
