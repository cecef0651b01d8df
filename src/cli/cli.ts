/** What every command has: the global options, a client for the daemon, and the ways to print. */
import type { Command } from 'commander';
import { Client } from './client.ts';
import type { Answer } from './client.ts';
import { formatFields, formatTable, hasColour } from './output.ts';
import type { Cell } from './output.ts';

export const SOCKET_DEFAULT = '/run/tswitch/api.sock';

interface GlobalOptions {
  json?: boolean;
  socket: string;
}

export class Cli {
  readonly socket: string;
  /** Print bodies of HTTP answers unchanged. */
  readonly json: boolean;
  readonly client: Client;
  readonly #colour = hasColour(process.stdout, process.env);

  /** @param command the command that runs; it knows the options given before and after its name */
  constructor(command: Command) {
    const { json = false, socket } = command.optsWithGlobals<GlobalOptions>();
    this.json = json;
    this.socket = socket;
    this.client = new Client(socket);
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

/** Adds examples to a command's help. */
export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ tswitch ${line}`).join('\n')}`);
}
