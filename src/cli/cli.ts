/** What every command has: the global options, a client for the daemon, and the ways to print. */
import type { Command } from 'commander';
import { Client } from './client.ts';
import type { Answer } from './client.ts';
import { UsageError } from './errors.ts';
import { formatFields, formatTable, hasColour } from './output.ts';
import type { Cell } from './output.ts';

export const SOCKET_DEFAULT = '/run/tswitch/api.sock';

interface GlobalOptions {
  json?: boolean;
  socket: string;
  url?: string;
}

export class Cli {
  readonly socket: string;
  /** Print bodies of HTTP answers unchanged. */
  readonly json: boolean;
  readonly client: Client;
  readonly #colour = hasColour(process.stdout, process.env);

  /** @param command the command that runs; it knows the options given before and after its name */
  constructor(command: Command) {
    const { json = false, socket, url } = command.optsWithGlobals<GlobalOptions>();
    this.json = json;
    this.socket = socket;
    this.client = new Client(
      url === undefined ? { socket } : { url: parseUrl(url), token: process.env.TSWITCH_TOKEN || undefined },
    );
  }

  /** Prints the answer's body with --json, else the line for people that `render` makes of it. */
  show<T>(answer: Answer<T>, render: (body: T) => string): void {
    if (!this.json) this.print(render(answer.body));
    else if (answer.text !== '') this.print(answer.text);
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
    return formatTable(heads, rows, this.#colour);
  }

  fields(fields: readonly (readonly [string, Cell])[]): string {
    return formatFields(fields, this.#colour);
  }
}

/** @throws UsageError where `text` is no URL of a daemon */
function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new UsageError(
      `--url ${JSON.stringify(text)}: give one like http://127.0.0.1:8080, and the token in TSWITCH_TOKEN`,
    );
  }
  return url;
}

/** Adds examples to a command's help. */
export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ tswitch ${line}`).join('\n')}`);
}
